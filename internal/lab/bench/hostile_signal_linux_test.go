package bench

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// A server that stops reading and sends PINGs, whose answers then block the
// connection, keeps the program neither from an interrupt nor beyond --timeout. It
// was a minute, and signals did nothing.
func TestHostileStopsReading(t *testing.T) {
	t.Parallel()
	const grace = 2 * time.Second // what a command may take to end
	for _, c := range []struct {
		name   string
		signal syscall.Signal
		least  time.Duration // from the signal, or from the start
		most   time.Duration
	}{
		{"SIGINT", syscall.SIGINT, 0, grace},
		{"SIGTERM", syscall.SIGTERM, 0, grace},
		{"--timeout", 0, time.Second, 2*3*time.Second + grace},
	} {
		for _, command := range []string{"audit concentration", "audit hotspot", "impact", "rebalance --account APP", "watch"} {
			if command == "watch" && c.signal == 0 || strings.HasPrefix(command, "rebalance") && c.signal != 0 {
				continue // it stays until it is interrupted, or takes --timeout more after that
			}
			t.Run(c.name+" "+command, func(t *testing.T) {
				t.Parallel()
				url, blocked := stopsReading(t)
				timeout := "3s"
				if c.signal != 0 {
					timeout = "60s"
				}
				args := append(strings.Fields(command), "--no-context", "--server", url, "--timeout", timeout)
				if command == "watch" {
					args = append(args, "--store", t.TempDir())
				}
				cmd := exec.CommandContext(interrupted, build(t), args...)
				cmd.SysProcAttr = childAttributes()
				var said bytes.Buffer
				cmd.Stdout, cmd.Stderr = &said, &said
				start := time.Now()
				if err := cmd.Start(); err != nil {
					t.Fatal(err)
				}
				if c.signal != 0 {
					select {
					case <-blocked:
					case <-time.After(time.Minute):
						t.Error("the server was not asked anything")
					}
					start = time.Now()
					if err := cmd.Process.Signal(c.signal); err != nil {
						t.Error(err)
					}
				}
				over := time.AfterFunc(time.Minute, func() { _ = cmd.Process.Kill() })
				defer over.Stop()
				_ = cmd.Wait() // the status is looked at
				took := time.Since(start)
				t.Logf("%.1f s, status %d: %s", took.Seconds(), cmd.ProcessState.ExitCode(), said.String())
				if slack := time.Second; took < c.least || took > c.most+slack || cmd.ProcessState.ExitCode() != 3 && command != "watch" {
					t.Errorf("status %d after %s: %s", cmd.ProcessState.ExitCode(), took, said.String())
				}
			})
		}
	}
}

// stopsReading is a server that lets anybody in, and from the first question on
// reads nothing, and sends PINGs until nothing more fits. Blocked is closed then.
func stopsReading(tb testing.TB) (url string, blocked <-chan struct{}) {
	tb.Helper()
	// With small segments and a small buffer little fits on the way, as in a network.
	config := net.ListenConfig{Control: func(_, _ string, c syscall.RawConn) error {
		return c.Control(func(fd uintptr) {
			_ = syscall.SetsockoptInt(int(fd), syscall.IPPROTO_TCP, syscall.TCP_MAXSEG, 536)
			_ = syscall.SetsockoptInt(int(fd), syscall.SOL_SOCKET, syscall.SO_RCVBUF, 4<<10)
		})
	}}
	listener, err := config.Listen(interrupted, "tcp", "127.0.0.1:0")
	if err != nil {
		tb.Fatal(err)
	}
	full := make(chan struct{})
	done := make(chan struct{})
	var once sync.Once
	serve := func(conn net.Conn) {
		defer conn.Close()
		fmt.Fprintf(conn, `INFO {"server_id":"S0","server_name":"s0","version":"2.12.0","proto":1,"max_payload":1048576,"headers":true}`+"\r\n")
		for lines := bufio.NewScanner(conn); lines.Scan() && !strings.Contains(lines.Text(), "PUB "); {
			if strings.HasPrefix(lines.Text(), "PING") {
				_, _ = io.WriteString(conn, "PONG\r\n")
			}
		}
		pings := []byte(strings.Repeat("PING\r\n", 1<<12))
		for stalls := 0; ; {
			_ = conn.SetWriteDeadline(time.Now().Add(100 * time.Millisecond))
			_, err := conn.Write(pings)
			var timeout net.Error
			switch {
			case err == nil:
				stalls = 0
				time.Sleep(20 * time.Millisecond) // not so many at once that the connection is ended for that
			case errors.As(err, &timeout) && timeout.Timeout():
				if stalls++; stalls == 3 {
					once.Do(func() { close(full) })
				}
				if interrupted.Err() != nil {
					return
				}
			default:
				return // the client went
			}
		}
	}
	go func() {
		defer close(done)
		var wg sync.WaitGroup
		defer wg.Wait()
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			wg.Go(func() { serve(conn) })
		}
	}()
	tb.Cleanup(func() { _ = listener.Close(); <-done })
	return "nats://" + listener.Addr().String(), full
}
