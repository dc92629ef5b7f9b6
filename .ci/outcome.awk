# Reads go test -v. Passes on what each package says and what failed, and at the
# end lists what was skipped, and why.
/^=== (RUN|CONT|NAME|PAUSE) / { test = $3; next }
/^ok |^FAIL|^\?  / { print; loud = 0; test = ""; fflush(); next }
/^(PASS|coverage: .*)$/ { next }
/^(panic:|fatal error:|SIGQUIT|WARNING: DATA RACE|\*\*\* Test killed)/ { loud = 1 }
/^ *--- (PASS|SKIP|FAIL): / {
	loud = 0
	test = $3
	if ($2 == "FAIL:") printf "%s%s\n", said[test], $0
	if ($2 == "SKIP:") skipped[++skips] = test ": " last[test]
	delete said[test]
	delete last[test]
	next
}
loud || test == "" { print; next }
{
	said[test] = said[test] $0 "\n"
	line = $0
	if (sub(/^ *[A-Za-z0-9_]+\.go:[0-9]+: /, "", line)) last[test] = line
}
END {
	printf "\nSkipped:%s\n", skips ? "" : " nothing"
	for (i = 1; i <= skips; i++) print "  " skipped[i]
}
