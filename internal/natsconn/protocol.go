package natsconn

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/nats-balance/nats-balance/internal/words"
)

const (
	// longestMessage is how long a message may be: as much as a server holds for
	// a client, and so sends at all. What it sends of itself may be longer than
	// its own max_payload.
	longestMessage = 64 << 20
	// longestLine is how long a line of the protocol may be; the longest real
	// ones list a thousand servers in 30 KiB.
	longestLine = 1 << 20
	// mostRemarks is how much a server may say beside messages, at once and for
	// each second: where a thousand servers restart, each change is told.
	mostRemarks, remarksEachSecond = 16 << 20, 256 << 10
	// leastRemark is what a line counts for at least, as each is work; leastError
	// is that of an error, which nats.go compares with all that it subscribed to
	// and hands over on its own. 8,192 at once are more than anybody asks for.
	leastRemark, leastError = 256, 2048
)

// protocol follows what a server sends, and finds what no server sends before
// nats.go trusts it: it allocates what a line says that a message has, keeps a
// line however long it is, and panics where a size is beyond memory.
//
// It is stricter than nats.go, so that both always agree where a line begins.
type protocol struct {
	line    []byte // begun, and not ended
	payload int    // of a message, still to come
	tail    int    // of the line end after it, still to come
	remarks int    // bytes of lines that are no messages
	began   time.Time
	// told, if set, gets the addresses that a greeting tells clients of.
	told func([]string)
}

// read takes what a server sent next. An error says what is wrong with it, as
// what follows the server's name.
func (p *protocol) read(data []byte) error {
	if p.began.IsZero() {
		p.began = time.Now()
	}
	for len(data) > 0 {
		switch {
		case p.payload > 0:
			n := min(p.payload, len(data))
			p.payload -= n
			data = data[n:]
		case p.tail > 0:
			if data[0] != "\n\r"[p.tail-1] {
				return errors.New("sends a message that is longer than it says")
			}
			p.tail--
			data = data[1:]
		default:
			end := bytes.IndexByte(data, '\n')
			n := end + 1
			if end < 0 {
				n = len(data)
			}
			if len(p.line)+n > longestLine {
				return fmt.Errorf("sends a line of more than %d MiB", longestLine>>20)
			}
			p.line = append(p.line, data[:n]...)
			data = data[n:]
			if end < 0 {
				return nil
			}
			err := p.command(p.line)
			if p.line = p.line[:0]; cap(p.line) > 64<<10 {
				p.line = nil
			}
			if err != nil {
				return err
			}
		}
	}
	return nil
}

// command reads a whole line.
func (p *protocol) command(line []byte) error {
	text, _ := bytes.CutSuffix(line[:len(line)-1], []byte("\r"))
	name := strings.ToUpper(string(text[:min(len(text), 4)]))
	message := strings.HasPrefix(name, "MSG") || name == "HMSG"
	if !message {
		least := leastRemark
		if name == "-ERR" {
			least = leastError
		}
		p.remarks += max(len(line), least)
		if p.remarks > mostRemarks+int(time.Since(p.began)/time.Second)*remarksEachSecond {
			return errors.New("sends greetings and errors without an end")
		}
		if name == "INFO" && p.told != nil {
			var info struct {
				ConnectURLs []string `json:"connect_urls"`
			}
			if json.Unmarshal(text[len(name):], &info) == nil { // else nats.go ends the connection
				p.told(info.ConnectURLs)
			}
		}
		return nil
	}
	if bytes.IndexByte(text, '\r') >= 0 {
		return errors.New("sends a message that can't be read")
	}
	args := bytes.FieldsFunc(text, func(r rune) bool { return r == ' ' || r == '\t' })
	least := 4 // MSG subject sid [reply] size
	if name == "HMSG" {
		least = 5 // HMSG subject sid [reply] headers size
	}
	if len(args) > least && (len(args) > least+1 || !number(args[2])) {
		return spaced(args, least)
	}
	if len(args) != least && len(args) != least+1 || !number(args[2]) {
		return errors.New("sends a message that can't be read")
	}
	size := string(args[len(args)-1])
	if !number([]byte(size)) {
		return errors.New("sends a message that can't be read")
	}
	n, err := strconv.Atoi(size)
	if err != nil || n > longestMessage {
		return fmt.Errorf("sends a message of %s bytes, where none has more than %d MiB", size[:min(len(size), 20)], longestMessage>>20)
	}
	if name == "HMSG" {
		headers, err := strconv.Atoi(string(args[len(args)-2]))
		if err != nil || headers < 0 || headers > n {
			return errors.New("sends a message that can't be read")
		}
	}
	p.payload, p.tail = n, 2
	return nil
}

// number reports whether a word is a number.
func number(word []byte) bool {
	return len(bytes.Trim(word, "0123456789")) == 0
}

// longestShown is how much of a subject is shown.
const longestShown = 120

// spaced says what is wrong with a message that has more words than a message has: a server
// sends the events of an account by its name, whatever is in it. Where the words end in
// numbers as those of a message do, those before are its subject.
func spaced(args [][]byte, least int) error {
	sid := len(args) - least + 2 // of a message without a reply
	if !number(args[sid]) {
		sid-- // of one with a reply
	}
	if sid < 2 || !number(args[sid]) {
		return errors.New("sends a message that can't be read")
	}
	subject := string(bytes.Join(args[1:sid], []byte(" ")))
	if len(subject) > longestShown {
		subject = strings.ToValidUTF8(subject[:longestShown], "") + "…"
	}
	return fmt.Errorf("sends a message whose subject has whitespace in it, which no client can read, as it does for an account with whitespace in its name: %s", words.Harmless(subject))
}
