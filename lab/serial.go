package lab

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"syscall"
	"time"
)

// serialSocket is where a machine plugs its serial port in, relative to run().
const serialSocket = "serial.sock"

// backlogSize is how much of what a machine said is kept while its BMC does not
// listen, in bytes.
const backlogSize = 64 << 10

// cable joins a machine's serial port and its BMC. On a server's board the two
// are always joined; ipmi_sim by itself looks for the port of a machine that was
// off every 10 s only, and misses the firmware's words.
type cable struct {
	mu      sync.Mutex
	bmc     net.Conn
	machine net.Conn
	backlog []byte
}

// plug takes connections at one end until the listener is closed. A new one
// takes the place of the old, as in a socket there is one plug.
func (c *cable) plug(l net.Listener, end *net.Conn, carry func([]byte)) {
	for {
		conn, err := l.Accept()
		if err != nil {
			return
		}
		c.mu.Lock()
		if *end != nil {
			(*end).Close()
		}
		*end = conn
		if end == &c.bmc {
			p := c.backlog
			c.backlog = nil
			c.toBMC(p)
		}
		c.mu.Unlock()
		go func() {
			buf := make([]byte, 4<<10)
			for {
				n, err := conn.Read(buf)
				if err != nil {
					break
				}
				c.mu.Lock()
				carry(buf[:n])
				c.mu.Unlock()
			}
			c.mu.Lock()
			defer c.mu.Unlock()
			conn.Close()
			if *end == conn {
				*end = nil
			}
		}()
	}
}

// toBMC carries what the machine said. The caller holds mu.
func (c *cable) toBMC(p []byte) {
	if send(&c.bmc, p) {
		return
	}
	c.backlog = append(c.backlog, p...)
	if n := len(c.backlog) - backlogSize; n > 0 {
		c.backlog = c.backlog[n:]
	}
}

// toMachine carries what was typed; one that is off does not get it.
func (c *cable) toMachine(p []byte) { send(&c.machine, p) }

// send writes to an end and reports whether it was taken; an end that does not
// take it is unplugged.
func send(end *net.Conn, p []byte) bool {
	if *end == nil {
		return false
	}
	_ = (*end).SetWriteDeadline(time.Now().Add(time.Second))
	if _, err := (*end).Write(p); err != nil {
		(*end).Close()
		*end = nil
		return false
	}
	return true
}

// Cables is the process of a rack's serial cables, which lab up starts; a person
// does not call it. Descriptors 3 and 4 are the listening sockets of the first
// cable's ends, the BMC's and the machine's, and so on. It returns when ctx is done.
func Cables(ctx context.Context, n int, log *slog.Logger) error {
	for i := range n {
		var ends [2]net.Listener
		for j := range ends {
			f := os.NewFile(uintptr(3+2*i+j), "end")
			l, err := net.FileListener(f)
			if err != nil {
				return fmt.Errorf("file descriptor %d is no listening socket (lab up starts the cables, a person does not): %w", 3+2*i+j, err)
			}
			f.Close()
			defer l.Close()
			ends[j] = l
		}
		c := &cable{}
		go c.plug(ends[0], &c.bmc, c.toMachine)
		go c.plug(ends[1], &c.machine, c.toBMC)
	}
	log.Info("the serial cables are in", "cables", n)
	<-ctx.Done()
	return nil
}

// startCables starts one process for the cables that a rack's virtual machines lack;
// a stand-in keeps what it says for its BMC by itself. The process serves the
// sockets from its first moment, so there is nothing to wait for.
func (r *Rack) startCables() error {
	var files []*os.File
	var lack []*machineState
	defer func() {
		for _, f := range files {
			f.Close()
		}
	}()
	for _, m := range r.s.Machines {
		if m.standIn() || m.Cable.Alive() {
			continue
		}
		ends, err := r.s.cableEnds(m, machineDir{r.Dir, m.Name})
		if err != nil {
			return err
		}
		files, lack = append(files, ends...), append(lack, m)
	}
	if len(files) == 0 {
		return nil
	}
	h := r.s.Helper
	c := exec.Command(h[0], append(h[1:len(h):len(h)], "cables", "--count", fmt.Sprint(len(lack)))...)
	c.ExtraFiles, c.Dir = files, "/"
	p, err := detach(c, filepath.Join(r.Dir, "lab", "cables.log"))
	if err != nil {
		return err
	}
	for _, m := range lack {
		m.Cable = p
	}
	r.began("serial cables")
	return r.s.save(r.Dir)
}

// cableEnds opens the sockets of a machine's cable: the BMC's end in the rack's
// namespace, the machine's as a file.
func (s *state) cableEnds(m *machineState, d machineDir) ([]*os.File, error) {
	if err := os.MkdirAll(d.run(), 0o755); err != nil {
		return nil, fmt.Errorf("make the machine's folder: %w", err)
	}
	var bmc *net.TCPListener
	err := s.namespace().do(func() (err error) {
		bmc, err = net.ListenTCP("tcp4", net.TCPAddrFromAddrPort(m.Wiring.Serial))
		return err
	})
	if errors.Is(err, syscall.EADDRINUSE) {
		return nil, fmt.Errorf("the serial port of %s is at %s already, where its cable belongs: another build brought the rack up; take it down first", m.Name, m.Wiring.Serial)
	}
	if err != nil {
		return nil, fmt.Errorf("plug in the BMC of %s: %w", m.Name, err)
	}
	defer bmc.Close()
	dir, err := os.Open(d.run())
	if err != nil {
		return nil, err
	}
	defer dir.Close()
	// By the folder's descriptor: a socket's path may have 107 bytes only.
	path := fmt.Sprintf("/proc/self/fd/%d/%s", dir.Fd(), serialSocket)
	if err := os.Remove(path); err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, fmt.Errorf("remove the old serial port of %s: %w", m.Name, err)
	}
	port, err := net.ListenUnix("unix", &net.UnixAddr{Net: "unix", Name: path})
	if err != nil {
		return nil, fmt.Errorf("plug in %s: %w", m.Name, err)
	}
	port.SetUnlinkOnClose(false)
	defer port.Close()
	a, err := bmc.File()
	if err != nil {
		return nil, err
	}
	b, err := port.File()
	if err != nil {
		a.Close()
		return nil, err
	}
	return []*os.File{a, b}, nil
}
