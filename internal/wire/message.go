package wire

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	fastjson "github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/nats-balance/nats-balance/internal/words"
)

// Server is who a message is from.
type Server struct {
	ID      string `json:"id"`
	Name    string `json:"name"`
	Host    string `json:"host"`
	Cluster string `json:"cluster"`
}

// Called is its name, or its id where it has none.
func (s Server) Called() string { return cmp.Or(s.Name, s.ID) }

// String names the server in a sentence.
func (s Server) String() string {
	switch {
	case s.Name != "" && s.Cluster != "":
		return s.Name + " in cluster " + s.Cluster
	case s.Name != "":
		return s.Name
	case s.ID != "":
		return s.ID
	}
	return "an unknown server"
}

// ErrServerID is of a message in the name of a server that has an id that no
// server has: subjects are made of ids, and one with a space or a wildcard in it
// is no part of a subject.
var ErrServerID = errors.New("what it gives for its id is not the id of a server")

// longestID is more than twice what an id has, a public nkey.
const longestID = 128

// check removes an id that can't be one of a server. It is an error then.
func (s *Server) check() error {
	for _, c := range []byte(s.ID) {
		if (c < '0' || c > '9') && (c < 'A' || c > 'Z') && (c < 'a' || c > 'z') && c != '_' && c != '-' {
			s.ID = ""
			return ErrServerID
		}
	}
	if len(s.ID) > longestID {
		s.ID = ""
		return ErrServerID
	}
	return nil
}

// Error is a message in which the server says why it has no data.
type Error struct {
	Code        int    `json:"code"`
	Description string `json:"description"`
}

func (e *Error) Error() string {
	return fmt.Sprintf("it answered with error %d: %s", e.Code, e.Description)
}

// UnknownAccount reports whether the server says that it does not know the
// account that it was asked for. nats-server has neither a code nor a type for
// that.
func (e *Error) UnknownAccount() bool { return strings.Contains(e.Description, "does not exist") }

// ErrNoData is of a message that is none of a server.
var ErrNoData = errors.New("it has no server or no data")

// split takes a message apart: who it is from, and the data in which a message
// says what it is about. Of a page only the server's id is set.
func split(body []byte) (from Server, data []byte, _ error) {
	var m struct {
		Server *Server        `json:"server"`
		Data   jsontext.Value `json:"data"`
		Error  *Error         `json:"error"`
		ID     string         `json:"server_id"`
	}
	err := unmarshal(body, &m)
	if m.Server != nil {
		from = *m.Server
	} else {
		from.ID = m.ID
	}
	bad := from.check()
	if m.Server == nil {
		from = Server{}
	}
	switch {
	case bad != nil:
		return from, nil, bad
	case err != nil:
		return from, nil, asMalformed(err)
	case m.Error != nil:
		return from, nil, m.Error
	case m.ID != "" && m.Server == nil && m.Data == nil:
		return Server{ID: m.ID}, body, nil
	case from.ID == "" || len(m.Data) == 0 || string(m.Data) == "null":
		return from, nil, ErrNoData
	}
	return from, m.Data, nil
}

// DecodeDone reads the reply of a server to a request that has no data, such as a
// KICK: an [Error] where it was not done.
func DecodeDone(body []byte, server string) error {
	from, _, err := split(body)
	switch {
	case err != nil && !errors.Is(err, ErrNoData):
		return err
	case from.ID != server:
		return ErrOtherServer
	}
	return nil
}

// errTooLong is of an answer that says more of a server than any does.
var errTooLong = errors.New("it is larger than 16 MiB")

// unmarshal is json.Unmarshal, several times faster: a fleet says some 50 MB of
// its routes.
func unmarshal(data []byte, to any) error {
	if len(data) > LongestAnswer {
		return errTooLong
	}
	return fastjson.Unmarshal(data, to, jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(true))
}

// isPage reports whether split found a page.
func isPage(body, data []byte) bool { return len(body) == len(data) }

// asMalformed returns an error of reading a message in words that operators understand.
func asMalformed(err error) error {
	if errors.Is(err, errTooLong) {
		return err
	}
	var wrong *json.UnmarshalTypeError
	if errors.As(err, &wrong) {
		return fmt.Errorf("it is malformed: it has %s where something else belongs", wrong.Value)
	}
	var semantic *fastjson.SemanticError
	if errors.As(err, &semantic) && semantic.JSONKind != 0 {
		return fmt.Errorf("it is malformed: it has %s where something else belongs", semantic.JSONKind)
	}
	return fmt.Errorf("it is malformed: %w", err)
}

// Sender is the id of the server that a message is from; empty where it does not
// say.
func Sender(body []byte) string {
	d := Decoder{json: jsontext.NewDecoder(bytes.NewReader(body), jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(true))}
	var from Server
	found := errors.New("that is it")
	_ = d.Members(func(name []byte) error { // what is wrong, does not say
		switch string(name) {
		case "server":
			if err := d.server(&from); err != nil {
				from = Server{}
			}
			return found
		case "server_id":
			if err := d.String(&from.ID); err != nil {
				from = Server{}
			}
			return found
		}
		return d.Skip()
	})
	return from.ID
}

// members are those of an object, by name.
type members map[string]json.RawMessage

// membersOf returns those members of an object that have these names.
func membersOf(data []byte, names ...string) (members, error) {
	d := Decoder{json: jsontext.NewDecoder(bytes.NewReader(data), jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(true))}
	m := members{}
	err := d.Members(func(name []byte) error {
		at := slices.Index(names, string(name))
		if at < 0 {
			return d.Skip()
		}
		v, err := d.json.ReadValue()
		m[names[at]] = bytes.Clone(v)
		return err
	})
	return m, err
}

// read reads a member into a variable, which stays as it is where the member is
// not there. It reports whether that went well.
func (m members) read(name string, to any) bool {
	raw, ok := m[name]
	return !ok || unmarshal(raw, to) == nil
}

// value is a member of an object; the zero value where it is not there or of
// another kind, as in another version of the server.
func value[T any](m members, name string) T {
	var v, none T
	if unmarshal(m[name], &v) != nil {
		return none
	}
	return v
}

// count is a number that can be believed; nil where it is not there.
func (m members) count(name string) *int {
	n := value[*int](m, name)
	if n == nil || *n < 0 || *n > mostCount {
		return nil
	}
	return n
}

// fitting is the first of the texts that are not too long. Those that are have
// no meaning when cut.
func fitting(texts []string, most, longest int) []string {
	var out []string
	for _, s := range texts {
		if len(out) < most && s != "" && len(s) <= longest {
			out = append(out, s)
		}
	}
	return out
}

// once sorts names and leaves each once.
func once(names []string) []string {
	slices.Sort(names)
	return slices.Compact(names)
}

// Cut bounds what a server says to two of the longest ids and a sentence.
func Cut(s string) string { return words.Cut(s, 256) }
