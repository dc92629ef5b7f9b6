# Reads reports of the race detector and exits with 0 if there is one and each is of two
# places in nats-server, 1 otherwise. A place is the first frame that is not of Go itself.
function close_stack() { if (open && !place) others++; open = 0 }
/^WARNING: DATA RACE/ { races++ }
/^(Previous )?([Aa]tomic )?([Rr]ead|[Ww]rite) at / { close_stack(); open = 1; place = 0; next }
/^[^ ]/ || /^$/ { close_stack(); next }
open && !place && /^  [^ ]+\/[^ ]*\(/ {
	if ($1 ~ /^(internal|encoding|crypto|net|sync|runtime|math|compress|container|hash|io|os|log)\//) next
	place = 1
	if ($1 ~ /^github\.com\/nats-io\/nats-server\//) server++; else others++
}
END { close_stack(); exit !(races > 0 && server == 2 * races && others == 0) }
