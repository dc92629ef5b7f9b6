package lab

import (
	"errors"
	"net"
	"os"
	"sync"
)

// Port returns a port that is free on all hosts, and that nobody else is given as long
// as this process runs: not another lab, nor another process that asks here, nor
// anybody who asks the kernel for any free one. Those who look for a server that is
// gone, as its peers and its clients do for as long as they live, find nobody, instead
// of a server of another lab, which they would join.
func Port(hosts ...string) (int, error) { return machine.next(hosts) }

// machine has the ports of this machine, which has them once.
var machine portPool //nolint:gochecknoglobals // so is a port for all of a process

const (
	// Kernels give ports from 32768 on (Linux; others from 49152) to listeners and
	// connections that ask for none.
	firstPort, endPorts = 10_000, 32_000
	// perBlock is how many ports a process takes at a time. The first one it listens
	// at until it ends, so that other processes take other blocks.
	perBlock = 100
)

// portPool gives ports one after another, each once, until there are no more.
type portPool struct {
	mu     sync.Mutex
	locks  []net.Listener
	blocks []int // by their first port
	left   []int
}

func (p *portPool) next(hosts []string) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	var err error
	const attempts = 2 * perBlock
	for range attempts {
		if len(p.left) == 0 && !p.more() {
			break
		}
		port := p.left[0]
		p.left = p.left[1:]
		if err = free(hosts, port); err == nil {
			return port, nil
		}
	}
	return 0, errors.Join(errors.New("no free port"), err)
}

// more takes another block, and if there is none the own ones once more: what their
// ports were given for is long gone.
func (p *portPool) more() bool {
	const blocks = (endPorts - firstPort) / perBlock
	for i := range blocks {
		// Processes that start one after another have numbers that are close.
		first := firstPort + (os.Getpid()*7+i)%blocks*perBlock
		if l, err := listen(loopback, first); err == nil {
			p.locks, p.blocks = append(p.locks, l), append(p.blocks, first)
			p.add(first)
			return true
		}
	}
	for _, first := range p.blocks {
		p.add(first)
	}
	return len(p.left) > 0
}

func (p *portPool) add(first int) {
	for port := first + 1; port < first+perBlock; port++ {
		p.left = append(p.left, port)
	}
}

func free(hosts []string, port int) error {
	for _, host := range hosts {
		l, err := listen(host, port)
		if err != nil {
			return err
		}
		if err := l.Close(); err != nil {
			return err
		}
	}
	return nil
}

func listen(host string, port int) (net.Listener, error) {
	return net.ListenTCP("tcp", &net.TCPAddr{IP: net.ParseIP(host), Port: port})
}
