package lab_test

import (
	"net"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"

	"github.com/nats-balance/nats-balance/internal/lab"
)

// A port is given once, and not to another process: what looks for a server that is
// gone finds nobody, and never a server of another lab.
func TestPortIsGivenOnce(t *testing.T) {
	const ask = "NATS_BALANCE_ASK_FOR_PORTS"
	var own []string
	for range 500 {
		port, err := lab.Port("127.0.0.1")
		if err != nil {
			t.Fatal(err)
		}
		own = append(own, strconv.Itoa(port))
	}
	if os.Getenv(ask) != "" {
		t.Log("ports: " + strings.Join(own, " ") + " .")
		return
	}
	cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run", "^"+t.Name()+"$", "-test.v")
	cmd.Env = append(os.Environ(), ask+"=1")
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	_, list, _ := strings.Cut(string(out), "ports: ")
	list, _, _ = strings.Cut(list, " .")
	given := map[string]bool{}
	for _, port := range append(own, strings.Fields(list)...) {
		if given[port] {
			t.Errorf("%s was given twice", port)
		}
		given[port] = true
	}
	if len(given) != 1000 {
		t.Errorf("%d ports, want 1000", len(given))
	}
}

// A port at which somebody listens is none that is free. The test is not parallel to
// others, which would be given the port before somebody listens.
func TestPortIsFree(t *testing.T) {
	port, err := lab.Port("127.0.0.1")
	if err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(port+1)))
	if err != nil {
		t.Skip(err) // a block ends there
	}
	defer func() { _ = l.Close() }()
	for range 5 {
		if next, err := lab.Port("127.0.0.1"); err != nil || next == port+1 {
			t.Errorf("%d, %v", next, err)
		}
	}
}
