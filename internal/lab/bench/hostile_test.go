package bench

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"
)

// message is one that a hostile server sends: its middle again and again, so that
// this process stays small, which the peak of its children begins at.
type message struct {
	encoding           string
	head, middle, tail []byte
	times              int
	file               string // what it has before its tail, where that is long
}

func (m message) size() int {
	n := len(m.head) + m.times*len(m.middle) + len(m.tail)
	if m.file != "" {
		info, err := os.Stat(m.file)
		if err != nil {
			return n
		}
		n += int(info.Size())
	}
	return n
}

// hostileServers are servers of a cluster that all answer through one connection
// what lies says for the last token of the question and the server: no message for
// no answer.
func hostileServers(tb testing.TB, n int, lies func(question, server string) []message) (url string) {
	tb.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		tb.Fatal(err)
	}
	var wg sync.WaitGroup
	ctx, cancel := context.WithCancel(interrupted)
	tb.Cleanup(func() { cancel(); _ = listener.Close(); wg.Wait() })
	wg.Go(func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			wg.Go(func() {
				defer context.AfterFunc(ctx, func() { _ = conn.Close() })()
				defer conn.Close()
				_ = lie(conn, n, lies) // it ends with the client
			})
		}
	})
	return "nats://" + listener.Addr().String()
}

// lie answers one client.
func lie(conn net.Conn, n int, lies func(question, server string) []message) error {
	to := bufio.NewWriterSize(conn, 1<<20)
	fmt.Fprintf(to, `INFO {"server_id":"S0","server_name":"s0","version":"2.12.0","proto":1,"max_payload":67108864,"headers":true}`+"\r\n")
	if err := to.Flush(); err != nil {
		return err
	}
	lines := bufio.NewReader(conn)
	sids := map[string]string{}
	for {
		line, err := lines.ReadString('\n')
		if err != nil {
			return err
		}
		word, rest, _ := strings.Cut(strings.TrimSpace(line), " ")
		args := strings.Fields(rest)
		switch {
		case word == "PING":
			_, _ = to.WriteString("PONG\r\n")
		case word == "SUB":
			sids[strings.TrimSuffix(args[0], "*")] = args[len(args)-1]
		case (word == "PUB" || word == "HPUB") && len(args) > 2:
			parts := strings.Split(args[0], ".")
			for i := range n {
				id := fmt.Sprintf("S%d", i)
				if parts[2] == "SERVER" && strings.HasPrefix(parts[3], "S") && parts[3] != id {
					continue
				}
				question := parts[len(parts)-1]
				if question == "PING" {
					question = "STATSZ"
				}
				for _, m := range lies(question, id) {
					if err := m.send(to, args[1], sids[args[1][:strings.LastIndexByte(args[1], '.')+1]]); err != nil {
						return err
					}
				}
			}
		}
		if err := to.Flush(); err != nil {
			return err
		}
	}
}

func (m message) send(to *bufio.Writer, subject, sid string) error {
	header := ""
	if m.encoding != "" {
		header = "NATS/1.0\r\nContent-Encoding: " + m.encoding + "\r\n\r\n"
	}
	if header == "" {
		fmt.Fprintf(to, "MSG %s %s %d\r\n", subject, sid, m.size())
	} else {
		fmt.Fprintf(to, "HMSG %s %s %d %d\r\n%s", subject, sid, len(header), len(header)+m.size(), header)
	}
	_, _ = to.Write(m.head)
	for range m.times {
		if _, err := to.Write(m.middle); err != nil {
			return err
		}
	}
	if m.file != "" {
		f, err := os.Open(m.file)
		if err != nil {
			return err
		}
		defer f.Close()
		if _, err := io.Copy(to, f); err != nil {
			return err
		}
	}
	_, _ = to.Write(m.tail)
	_, err := to.WriteString("\r\n")
	return err
}

func said(text string, args ...any) []message {
	return []message{{head: fmt.Appendf(nil, text, args...)}}
}

// ordinary is what a server of n says of itself that has nothing to hide.
func ordinary(n int, question, server string) []message {
	from := fmt.Sprintf(`"server":{"name":%q,"id":%[1]q,"host":"127.0.0.1","cluster":"c","ver":"2.12.0"}`, server)
	switch question {
	case "INFO":
		if server == "S0" {
			return said(`{%s,"data":{"user":"sys","account":"SYS"}}`, from)
		}
		return nil
	case "STATSZ":
		var routes []string
		for i := range n {
			if peer := fmt.Sprintf("S%d", i); peer != server {
				routes = append(routes, fmt.Sprintf(`{"rid":1,"name":%q}`, peer))
			}
		}
		return said(`{%s,"statsz":{"start":"2026-01-01T00:00:00Z","connections":20,"active_accounts":1,"active_servers":%d,"routes":[%s]}}`, from, n, strings.Join(routes, ","))
	case "VARZ":
		return said(`{%s,"data":{"server_id":%q,"system_account":"SYS","connections":10,"leafnodes":0}}`, from, server)
	case "STATZ":
		on := 1
		if server == "S0" {
			on = 20
		}
		return said(`{%s,"data":{"account_statz":[{"acc":"SYS","name":"SYS","conns":1,"leafnodes":0},{"acc":"APP","name":"APP","conns":%d,"leafnodes":0}]}}`, from, on)
	}
	return nil
}

// suffered is what an audit of hostile servers took and said.
type suffered struct {
	usage
	status    int
	out, errs string // the beginning of each
	size      int64  // of its output
}

// suffer runs an audit of hostile servers.
func suffer(tb testing.TB, exe, url, timeout string, args ...string) suffered {
	tb.Helper()
	ctx, cancel := context.WithTimeout(interrupted, patience)
	defer cancel()
	cmd := exec.CommandContext(ctx, exe, append([]string{"audit", "concentration", "--no-context", "--server", url, "--timeout", timeout}, args...)...)
	cmd.SysProcAttr = childAttributes()
	stdout, err := os.CreateTemp(tb.TempDir(), "out") // this process stays small
	if err != nil {
		tb.Fatal(err)
	}
	defer stdout.Close()
	var stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = stdout, &stderr
	start := time.Now()
	var exit *exec.ExitError
	if err := cmd.Run(); err != nil && !errors.As(err, &exit) {
		tb.Fatal(err)
	}
	x := suffered{status: cmd.ProcessState.ExitCode(), errs: stderr.String()}
	x.usage = usage{wall: time.Since(start), peak: peakMemory(cmd.ProcessState), cpu: cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()}
	begin := make([]byte, 64<<10)
	k, _ := stdout.ReadAt(begin, 0) // of less than that there is less
	x.out = string(begin[:k])
	if info, err := stdout.Stat(); err == nil {
		x.size = info.Size()
	}
	return x
}
