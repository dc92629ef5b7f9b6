package clienturl

import (
	"bytes"
	"strings"
)

// setting is one key of a configuration with its values.
type setting struct {
	key    string
	values []string
	line   int  // of the value, from 1
	list   bool // the values are entries of a sequence
	secret bool // it comes from a Secret
	// broken says why the value is not known, in a clause.
	broken string
}

// section is the settings under one heading of a flat configuration.
type section struct {
	name     string
	settings []setting
}

// lineStyle is how a format of lines writes a key and its value.
type lineStyle struct {
	comments string // characters that start a comment line
	// separators of key and value: "=", "=:" or "=: " where a space may do.
	separators string
	sections   bool // [section]
	// continued: a backslash at the end of a line continues it.
	continued bool
}

func dotenvStyle() lineStyle { return lineStyle{comments: "#", separators: "="} }
func propertiesStyle() lineStyle {
	return lineStyle{comments: "#!", separators: "=: ", continued: true}
}
func iniStyle() lineStyle {
	return lineStyle{comments: "#;", separators: "=: ", sections: true, continued: true}
}

// parseLines reads properties, dotenv and INI: lines of keys and values. ok is
// false where most lines are something else.
func parseLines(text []byte, style lineStyle) (sections []section, ok bool) {
	sections = []section{{}}
	good, bad := 0, 0
	line := 0
	for len(text) > 0 {
		line++
		at := line
		var raw []byte
		raw, text = cutLine(text)
		for style.continued && bytes.HasSuffix(raw, []byte(`\`)) && len(text) > 0 && len(raw) < maxLine {
			var more []byte
			more, text = cutLine(text)
			raw = append(append([]byte{}, raw[:len(raw)-1]...), bytes.TrimLeft(more, " \t")...)
			line++
		}
		for bytes.Contains(raw, []byte("://")) && signFirst.Match(text) && len(raw) < maxLine {
			var more []byte
			more, text = cutLine(text)
			raw = append(append([]byte{}, raw...), bytes.TrimLeft(more, " \t")...)
			line++
		}
		s := strings.TrimSpace(string(raw))
		switch {
		case s == "" || strings.ContainsRune(style.comments, rune(s[0])):
			continue
		case style.sections && s[0] == '[' && strings.HasSuffix(s, "]"):
			sections = append(sections, section{name: strings.Trim(s, "[]")})
			good++
			continue
		}
		key, value, found := cutSetting(s, style)
		if !found {
			bad++
			continue
		}
		good++
		if strings.HasPrefix(value, `"`) && strings.Count(value, `"`) == 1 { // a value over lines
			for len(text) > 0 && len(value) < maxLine {
				var more []byte
				more, text = cutLine(text)
				line++
				value += "\n" + string(more)
				if bytes.IndexByte(more, '"') >= 0 {
					break
				}
			}
		}
		if key != "Environment" { // systemd's has several quoted words
			value = unquote(value)
		}
		last := &sections[len(sections)-1]
		last.settings = append(last.settings, setting{key: key, values: []string{value}, line: at})
	}
	return sections, good > 0 && good >= 4*bad
}

func cutLine(text []byte) (line, rest []byte) {
	line, rest, _ = bytes.Cut(text, []byte("\n"))
	return bytes.TrimSuffix(line, []byte("\r")), rest
}

func cutSetting(s string, style lineStyle) (key, value string, found bool) {
	s = strings.TrimPrefix(s, "export ")
	at := 0
	for at < len(s) && (isKey(rune(s[at])) || strings.ContainsRune("[]/@", rune(s[at])) || s[at] == '\\') {
		at++
	}
	key, rest := s[:at], strings.TrimLeft(s[at:], " \t")
	switch {
	case key == "" || at < len(s) && rest == "":
		return "", "", false
	case rest == "":
		return key, "", strings.Contains(style.separators, " ")
	case rest[0] == '=' || rest[0] == ':' && strings.Contains(style.separators, ":"):
		rest = rest[1:]
	case !strings.Contains(style.separators, " ") || s[at] != ' ' && s[at] != '\t':
		return "", "", false
	}
	rest = strings.TrimSpace(rest)
	if rest != "" && rest[0] != '"' && rest[0] != '\'' {
		if i := strings.Index(rest, " #"); i >= 0 { // a comment after the value
			rest = strings.TrimSpace(rest[:i])
		}
	} else if len(rest) > 1 {
		if end := strings.IndexByte(rest[1:], rest[0]); end >= 0 && strings.HasPrefix(strings.TrimSpace(rest[end+2:]), "#") {
			rest = rest[:end+2]
		}
	}
	return key, rest, true
}

// unquote takes the quotes off a value.
func unquote(s string) string {
	s = strings.TrimSpace(s)
	if len(s) >= 2 && (s[0] == '"' || s[0] == '\'') && s[len(s)-1] == s[0] {
		return s[1 : len(s)-1]
	}
	return s
}
