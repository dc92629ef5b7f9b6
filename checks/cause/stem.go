package cause

import "strings"

// Stem returns a connection's name without what tells the instances of one
// service apart: "orders-api" of "orders-api-7f9c6d5b8-x2x9q", "gw" of "gw-149".
// It drops counters, the suffixes that Kubernetes gives pods, UUIDs, hardware
// and IP addresses, process numbers, random identifiers, and what follows an @.
// Versions stay, as they do not tell instances apart: "orders-v2", "etl/1.4.2"; so do
// numbers of places, and those within a name whose end tells its instances apart:
// "pay-eu1", "shard1-api" of "shard1-api-0".
// It returns "" for a name that is nothing but an identifier.
//
// The suffixes of Kubernetes are those of k8s.io/apimachinery/pkg/util/rand:
// letters and digits without vowels, and without 0, 1, 3 and y.
func Stem(name string) string {
	if !mayHoldInstance(name) {
		return name
	}
	name = withoutLogin(name)
	if at := strings.LastIndexByte(name, '@'); at > 0 {
		name = name[:at]
	}
	s := stemmer{tokens: tokenize(name)}
	s.versions()
	s.addresses()
	s.pods()
	s.identifiers()
	s.counters(s.toldApart())
	stem := s.join()
	if stem == strings.TrimFunc(name, func(r rune) bool { return r < 0x80 && !isWordByte(byte(r)) }) {
		return name // nothing of it was dropped: it begins and ends as it did
	}
	return stem
}

// toldApart is the last word of the name of what the instance is of, where the end of
// the whole name tells instances apart: the suffix of a pod, or a number behind a
// hyphen or an underscore. It is -1 where the end does not.
func (s *stemmer) toldApart() int {
	last := len(s.tokens) - 1
	if last < 2 || !s.tokens[last].word {
		return -1
	}
	t, separator := s.tokens[last], s.tokens[last-1].text
	if t.kept || separator != "-" && separator != "_" || !t.dropped && !isDigits(t.text) {
		return -1
	}
	for last > 0 && (s.tokens[last].dropped || !s.tokens[last].word || last == len(s.tokens)-1) {
		last--
	}
	return last
}

// withoutLogin is a name without the login of a URL in it. It goes before anything
// else: without its @ nobody could see later that it is one.
func withoutLogin(name string) string {
	const scheme = "://"
	begin := strings.Index(name, scheme)
	if at := strings.LastIndexByte(name, '@'); begin >= 0 && at > begin {
		return name[:begin+len(scheme)] + name[at+1:]
	}
	return name
}

// mayHoldInstance reports whether a name can have something that Stem drops: a
// digit, an @, or a last part that looks like the suffix of a pod.
func mayHoldInstance(name string) bool {
	if strings.ContainsAny(name, "0123456789@") {
		return true
	}
	last := name[strings.LastIndexAny(name, "-")+1:]
	return len(last) < len(name) && isPodSuffix(last) || isRandom(last)
}

// token is a run of letters and digits, or of what stands between such runs.
type token struct {
	text    string
	word    bool // letters and digits; otherwise a separator
	kept    bool // part of a version: never dropped
	dropped bool
}

func isWordByte(b byte) bool {
	return b >= '0' && b <= '9' || b >= 'a' && b <= 'z' || b >= 'A' && b <= 'Z' || b >= 0x80
}

func tokenize(name string) []token {
	var out []token
	for i := 0; i < len(name); {
		j, word := i+1, isWordByte(name[i])
		for j < len(name) && isWordByte(name[j]) == word {
			j++
		}
		out = append(out, token{text: name[i:j], word: word})
		i = j
	}
	return out
}

type stemmer struct{ tokens []token }

// run returns how many words from i on are joined by this separator, and hold
// to what is asked of each.
func (s *stemmer) run(i int, separator string, holds func(word string) bool) int {
	n := 0
	for at := i; at < len(s.tokens) && s.tokens[at].word && holds(s.tokens[at].text); at += 2 {
		n++
		if at+1 >= len(s.tokens) || s.tokens[at+1].text != separator {
			break
		}
	}
	return n
}

func (s *stemmer) mark(i, words int, change func(*token)) {
	for at := i; at < i+2*words-1; at++ {
		change(&s.tokens[at])
	}
}

func drop(t *token) { t.dropped = true }
func keep(t *token) { t.kept = true }

// versions keeps v2, 1.4.2 and v1.2, and drops the words "version 1.2" as a
// whole, which command-line tools put behind their names.
func (s *stemmer) versions() {
	for i := range s.tokens {
		t := &s.tokens[i]
		if !t.word || t.kept {
			continue
		}
		digits := strings.TrimLeft(t.text, "vV")
		n := 0
		if len(t.text)-len(digits) <= 1 && isDigits(digits) && len(digits) <= 4 {
			n = 1 + max(0, s.run(min(i+2, len(s.tokens)), ".", func(w string) bool { return isDigits(w) && len(w) <= 4 }))
			if i+1 >= len(s.tokens) || s.tokens[i+1].text != "." {
				n = 1
			}
		}
		isVersion := n == 2 || n == 3 || n >= 1 && n <= 4 && len(digits) < len(t.text)
		if !isVersion {
			continue
		}
		if i >= 2 && strings.EqualFold(s.tokens[i-2].text, "version") {
			s.mark(i-2, n+1, drop)
			continue
		}
		s.mark(i, n, keep)
	}
}

// addresses drops UUIDs, IPv4 addresses (with dots, or with hyphens as cloud
// providers name hosts, with their domain) and hardware addresses.
func (s *stemmer) addresses() {
	for i := range s.tokens {
		if !s.tokens[i].word || s.tokens[i].kept || s.tokens[i].dropped {
			continue
		}
		switch {
		case s.isUUID(i):
			s.mark(i, 5, drop)
		case s.run(i, ".", isOctet) == 4, s.run(i, "-", isOctet) == 4:
			if i >= 2 && s.tokens[i-2].text == "ip" {
				s.mark(i-2, 1, drop)
				s.cloudDomain(i + 7)
			}
			s.mark(i, 4, drop)
		case s.isInstance(i):
			s.mark(i, 2, drop)
		case s.run(i, ":", isHexPair) == 6, s.run(i, "-", isHexPair) == 6:
			s.mark(i, 6, drop)
		}
	}
}

// isInstance reports whether an id of a machine of EC2 begins at i, such as
// i-0123456789abcdef0.
func (s *stemmer) isInstance(i int) bool {
	const short, long = 8, 17
	if s.tokens[i].text != "i" || i+2 >= len(s.tokens) || s.tokens[i+1].text != "-" {
		return false
	}
	id := s.tokens[i+2].text
	return (len(id) == short || len(id) == long) && isHex(id)
}

// cloudDomain drops the domain behind a host name of EC2: .ec2.internal, or
// .REGION.compute.internal.
func (s *stemmer) cloudDomain(i int) {
	if i >= len(s.tokens) || s.tokens[i].text != "." || len(s.tokens) < i+4 || s.tokens[len(s.tokens)-1].text != "internal" {
		return
	}
	if before := s.tokens[len(s.tokens)-3].text; before == "ec2" || before == "compute" {
		for at := i; at < len(s.tokens); at++ {
			s.tokens[at].dropped = true
		}
	}
}

func (s *stemmer) isUUID(i int) bool {
	for n, length := range []int{8, 4, 4, 4, 12} {
		at := i + 2*n
		if at >= len(s.tokens) || len(s.tokens[at].text) != length || !isHex(s.tokens[at].text) ||
			n > 0 && s.tokens[at-1].text != "-" {
			return false
		}
	}
	return true
}

// pods drops the suffixes of the pods of deployments (two words), cron jobs (a
// time and a word) and of jobs and daemon sets (a word at the end).
func (s *stemmer) pods() {
	for i := 2; i < len(s.tokens); i++ {
		t := s.tokens[i]
		if !t.word || t.kept || t.dropped || s.tokens[i-1].text != "-" || !isPodSuffix(t.text) {
			continue
		}
		before := s.tokens[i-2]
		switch {
		case i >= 4 && s.tokens[i-3].text == "-" && !before.kept && (isReplicaSet(before.text) || isDigits(before.text) && len(before.text) >= 7):
			s.mark(i-2, 2, drop)
		case i == len(s.tokens)-1 || s.tokens[i+1].text != "-":
			s.mark(i, 1, drop)
		}
	}
}

// identifiers drops what is random: long hexadecimal numbers, NUIDs, ULIDs and
// their like.
func (s *stemmer) identifiers() {
	for i := range s.tokens {
		if t := &s.tokens[i]; t.word && !t.kept && (isLongHex(t.text) || isRandom(t.text)) {
			t.dropped = true
		}
	}
}

// counters drops numbers that stand alone, and those at the end of a word of at
// least two letters that is not one of those that end in a number. Within a name whose
// end tells instances apart, before its last word, those of words stay; hosts have them
// with zeros, as web01.
func (s *stemmer) counters(last int) {
	for i := range s.tokens {
		t := &s.tokens[i]
		if !t.word || t.kept || t.dropped {
			continue
		}
		letters := strings.TrimRight(t.text, "0123456789")
		switch {
		case letters == "":
			t.dropped = true
			if i >= 2 && strings.EqualFold(s.tokens[i-2].text, "pid") {
				s.tokens[i-2].dropped = true
			}
		case strings.EqualFold(letters, "pid") && len(letters) < len(t.text):
			t.dropped = true
		case i < last && t.text[min(len(letters), len(t.text)-1)] != '0':
		case isPlace(letters):
		case len(letters) >= 2 && len(letters) < len(t.text) && !endsInNumber(t.text):
			t.text = letters
		}
	}
}

// join puts together what is left, with the last of the separators around what
// was dropped, and none at the ends.
func (s *stemmer) join() string {
	var b strings.Builder
	separator := ""
	for _, t := range s.tokens {
		switch {
		case t.dropped:
		case !t.word:
			separator = t.text
		default:
			if b.Len() > 0 {
				b.WriteString(separator)
			}
			b.WriteString(t.text)
			separator = ""
		}
	}
	return b.String()
}

const (
	podAlphabet = "bcdfghjklmnpqrstvwxz2456789"
	podSuffix   = 5
)

func isPodSuffix(s string) bool {
	return len(s) == podSuffix && consistsOf(s, podAlphabet) && s != "https" && s != "mqtts" && s != "xhtml"
}

// isReplicaSet reports whether a word can be the hash of a replica set: up to
// ten letters and digits without vowels, of which hashes of 32 bits have six at
// the least, and nearly always a digit.
func isReplicaSet(s string) bool {
	return len(s) >= 6 && len(s) <= 10 && consistsOf(s, podAlphabet) && strings.ContainsAny(s, "2456789") || isDigits(s) && len(s) >= 8 && len(s) <= 10
}

// isLongHex reports whether a word is a hexadecimal number of eight digits or
// more, with letters and digits: the id of a container or a commit.
func isLongHex(s string) bool {
	return len(s) >= 8 && isHex(s) && strings.ContainsAny(s, "0123456789") && !isDigits(s)
}

// isRandom reports whether a word of 16 letters and digits or more changes
// between capitals, small letters and digits so often that nobody wrote it.
func isRandom(s string) bool {
	if len(s) < 16 {
		return false
	}
	changes, digits := 0, 0
	for i := 1; i < len(s); i++ {
		if kindOf(s[i]) != kindOf(s[i-1]) {
			changes++
		}
	}
	for i := range len(s) {
		if kindOf(s[i]) == 0 {
			digits++
		}
	}
	return digits > 0 && changes >= len(s)/4
}

func kindOf(b byte) int {
	switch {
	case b >= '0' && b <= '9':
		return 0
	case b >= 'A' && b <= 'Z':
		return 1
	}
	return 2
}

// endsInNumber reports whether a word is one that has its number for good.
func endsInNumber(s string) bool {
	switch strings.ToLower(s) {
	case "http2", "http3", "oauth2", "ipv4", "ipv6", "base64", "sha1", "sha256", "sha512", "log4j", "ec2", "esp32", "esp8266",
		"amd64", "arm64", "utf8", "mp3", "mp4", "web3", "route53", "neo4j", "python2", "python3", "es6", "db2", "md5", "x86":
		return true
	}
	return false
}

// isPlace reports whether a word is one of those that places are numbered by.
func isPlace(s string) bool {
	switch strings.ToLower(s) {
	case "eu", "us", "ap", "na", "sa", "east", "west", "north", "south", "central", "dc", "az":
		return true
	}
	return false
}

func isDigits(s string) bool { return s != "" && consistsOf(s, "0123456789") }

func isHex(s string) bool { return s != "" && consistsOf(s, "0123456789abcdefABCDEF") }

func isHexPair(s string) bool { return len(s) == 2 && isHex(s) }

func isOctet(s string) bool {
	return isDigits(s) && len(s) <= 3 && (len(s) < 3 || s <= "255")
}

// consistsOf reports whether a text has nothing but bytes of an alphabet. It is
// called for every part of every name: strings.Trim builds a set each time.
func consistsOf(s, alphabet string) bool {
	for i := range len(s) {
		if strings.IndexByte(alphabet, s[i]) < 0 {
			return false
		}
	}
	return true
}
