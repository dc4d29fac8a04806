package bmc

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/creack/pty"
	"golang.org/x/sys/unix"
)

// openTime is how long a BMC may take to open its console.
const openTime = 30 * time.Second

// Console implements Controller: serial over LAN (IPMI 2.0 §15). ipmitool wants
// a terminal, so it is given one.
func (c *ipmi) Console(ctx context.Context) (io.ReadWriteCloser, error) {
	const what = "open the console"
	ctx, cancel := context.WithTimeout(ctx, openTime)
	defer cancel()
	// Some BMCs do not tell the loser that its session is gone.
	c.m.mu.Lock()
	old := c.m.console
	c.m.mu.Unlock()
	if old != nil {
		old.stop()
	}
	if err := c.freeConsole(ctx, what); err != nil {
		return nil, err
	}
	release, err := hold(ctx, c.m.wire)
	if err != nil {
		return nil, ended(ctx, what, c.hostPort())
	}
	defer release()
	// The session is long: it must survive a lost datagram, so -N and -R are
	// given once more, and the last ones count. The escape character is one
	// that nobody types, instead of ~.
	cmd := exec.Command("ipmitool", append(c.args("-N", "2", "-R", "5", "-e", "\x1d", "sol", "activate"), c.keepalive()...)...)
	cmd.Env = c.env()
	f, err := startRaw(cmd)
	if err != nil {
		return nil, fmt.Errorf("open the console of %s: %w", c.hostPort(), err)
	}
	con := &console{c: c, f: f, cmd: cmd, begin: time.Now(), done: make(chan struct{})}
	go func() {
		_ = cmd.Wait()
		close(con.done)
	}()
	said, err := con.ready(ctx)
	if err == nil {
		c.m.mu.Lock()
		c.m.console = con
		c.m.mu.Unlock()
		c.log.Info("the console is open")
		return con, nil
	}
	con.stop()
	if why := c.diagnose(context.WithoutCancel(ctx), what); why != nil && !errors.Is(why, errTryAgain) {
		return nil, why
	}
	return nil, &Error{Op: what, Address: c.hostPort(), Err: err, Detail: "ipmitool said " + fmt.Sprintf("%q", oneLine(said)),
		Next: "check that serial over LAN is on in the BMC's settings, and that no other session holds it"}
}

// freeConsole ends a session that a dead client left behind, or another one has.
func (c *ipmi) freeConsole(ctx context.Context, what string) error {
	_, err := c.ipmitool(ctx, what, commandTime, "sol", "deactivate")
	if hopeless(ctx, err) {
		return err
	}
	return nil // "already de-activated" comes as a failure
}

// startRaw starts a command on a terminal that passes every byte through.
func startRaw(cmd *exec.Cmd) (*os.File, error) {
	master, slave, err := pty.Open()
	if err != nil {
		return nil, err
	}
	defer slave.Close()
	t, err := unix.IoctlGetTermios(int(slave.Fd()), unix.TCGETS)
	if err == nil {
		t.Iflag, t.Oflag, t.Lflag = 0, 0, 0
		t.Cflag = unix.CS8 | unix.CREAD
		err = unix.IoctlSetTermios(int(slave.Fd()), unix.TCSETS, t)
	}
	if err == nil {
		cmd.Stdin, cmd.Stdout, cmd.Stderr = slave, slave, slave
		cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true}
		err = cmd.Start()
	}
	if err != nil {
		master.Close()
		return nil, err
	}
	return master, nil
}

// keepalive makes ipmitool ask, every 15 s, over the console's own payload
// whether the BMC is still there. By default it asks the BMC at large, and never
// notices that another client has taken the console. A BMC that leaves such
// packets unanswered (they are empty, and IPMI 2.0 §15.9 is not read the same
// way by all) ends two consoles in a row shortly after they were opened; from
// then on it is asked the other way.
func (c *ipmi) keepalive() []string {
	c.m.mu.Lock()
	defer c.m.mu.Unlock()
	if c.m.shortConsoles >= 2 {
		return nil
	}
	return []string{"usesolkeepalive"}
}

// shortConsole is how soon a console ends that a BMC does not keep alive:
// ipmitool asks after 15 s and waits for an answer with -N and -R.
const shortConsole = time.Minute

// noKeepalive is what ipmitool says when nobody answered; it then takes its
// time to free a console that is another one's by now.
const noKeepalive = "Error: No response to keepalive - Terminating session"

// died notes that a console ended for want of an answer.
func (s *console) died() {
	s.c.m.mu.Lock()
	defer s.c.m.mu.Unlock()
	if time.Since(s.begin) < shortConsole {
		s.c.m.shortConsoles++
	} else if s.c.m.shortConsoles < 2 {
		s.c.m.shortConsoles = 0
	}
}

// console is one open session.
type console struct {
	c     *ipmi
	f     *os.File
	cmd   *exec.Cmd
	begin time.Time
	done  chan struct{} // closed when ipmitool has ended
	rest  []byte        // read while opening, not given out yet
	over  atomic.Bool   // ipmitool has said that it ends
	once  sync.Once
}

// operational is what ipmitool prints when the session stands.
const operational = "SOL Session operational."

// ready reads until the session stands and returns what was said instead.
func (s *console) ready(ctx context.Context) (string, error) {
	stop := context.AfterFunc(ctx, func() { _ = s.f.SetReadDeadline(time.Unix(1, 0)) })
	defer stop()
	var seen []byte
	buf := make([]byte, 4096)
	for {
		n, err := s.f.Read(buf)
		seen = append(seen, buf[:n]...)
		if _, after, ok := bytes.Cut(seen, []byte(operational)); ok {
			if _, rest, ok := bytes.Cut(after, []byte("\n")); ok {
				s.rest = bytes.Clone(rest)
				return "", nil
			}
		}
		if err != nil {
			return string(seen), err
		}
	}
}

// Read gives the machine's output as it comes.
func (s *console) Read(p []byte) (int, error) {
	if len(s.rest) > 0 {
		n := copy(p, s.rest)
		s.rest = s.rest[n:]
		return n, nil
	}
	if s.over.Load() {
		return 0, io.EOF
	}
	n, err := s.f.Read(p)
	if i := bytes.Index(p[:n], []byte(noKeepalive)); i >= 0 {
		s.over.Store(true)
		s.died()
		if i == 0 {
			return 0, io.EOF
		}
		return i, nil
	}
	// Linux reports EIO on a terminal whose other end is gone.
	if err != nil && (errors.Is(err, syscall.EIO) || errors.Is(err, os.ErrClosed) || strings.Contains(err.Error(), "file already closed")) {
		err = io.EOF
	}
	return n, err
}

// Write types on the machine's serial port.
func (s *console) Write(p []byte) (int, error) { return s.f.Write(p) }

// Close ends the session and frees it on the BMC.
func (s *console) Close() error {
	var err error
	s.once.Do(func() {
		s.stop()
		s.c.m.mu.Lock()
		mine := s.c.m.console == s
		if mine {
			s.c.m.console = nil
		}
		s.c.m.mu.Unlock()
		if !mine || s.over.Load() {
			return // another one has it by now
		}
		ctx, cancel := context.WithTimeout(context.Background(), commandTime)
		defer cancel()
		err = s.c.freeConsole(ctx, "close the console")
	})
	return err
}

func (s *console) stop() {
	_ = s.cmd.Process.Kill()
	<-s.done
	_ = s.f.Close()
}
