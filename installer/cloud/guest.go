package cloud

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"time"

	"golang.org/x/crypto/ssh"
)

// shell is a log-in on a guest.
type shell struct {
	cl          *ssh.Client
	fingerprint string // of the guest's host key, SHA-256
}

// connect logs in as root with the proof's key. The guest made its host key at
// its first boot, so there is nothing yet to compare it with.
func (c *Cloud) connect(ctx context.Context, addr string) (*shell, error) {
	key, err := c.signer(ctx)
	if err != nil {
		return nil, err
	}
	conn, err := c.dial(ctx, "tcp", net.JoinHostPort(addr, "22"))
	if err != nil {
		return nil, err
	}
	limit := 30 * time.Second
	if c.cfg.Slow {
		limit = 3 * time.Minute
	}
	stop := context.AfterFunc(ctx, func() { conn.Close() })
	_ = conn.SetDeadline(time.Now().Add(limit))
	sh := &shell{}
	sc, chans, reqs, err := ssh.NewClientConn(conn, addr, &ssh.ClientConfig{
		User: "root",
		Auth: []ssh.AuthMethod{ssh.PublicKeys(key)},
		HostKeyCallback: func(_ string, _ net.Addr, k ssh.PublicKey) error {
			sh.fingerprint = ssh.FingerprintSHA256(k)
			return nil
		},
	})
	if err != nil {
		stop()
		conn.Close()
		return nil, err
	}
	_ = conn.SetDeadline(time.Time{})
	sh.cl = ssh.NewClient(sc, chans, reqs)
	return sh, nil
}

func (s *shell) close() { _ = s.cl.Close() }

// run runs a command with an input, and returns its standard output. The
// connection is closed when ctx ends.
func (s *shell) run(ctx context.Context, command string, in io.Reader) (string, error) {
	stop := context.AfterFunc(ctx, s.close)
	defer stop()
	sess, err := s.cl.NewSession()
	if err != nil {
		return "", err
	}
	defer sess.Close()
	var out, errText bytes.Buffer
	sess.Stdin, sess.Stdout, sess.Stderr = in, &out, &errText
	if err := sess.Run(command); err != nil {
		if ctx.Err() != nil {
			return "", ctx.Err()
		}
		return out.String(), fmt.Errorf("%q in the guest: %w: %s", command, err, strings.TrimSpace(errText.String()))
	}
	return out.String(), nil
}

// guestShell connects until the guest's ssh server takes the key.
func (c *Cloud) guestShell(ctx context.Context, g guest, progress func(string)) (*shell, error) {
	var sh *shell
	err := c.poll(ctx, "ssh root@"+g.fip.FloatingIP, progress, func() (bool, string, error) {
		var err error
		if sh, err = c.connect(ctx, g.fip.FloatingIP); err != nil {
			return false, err.Error(), nil
		}
		return true, "logged in", nil
	})
	return sh, err
}

func (c *Cloud) proveSSH(ctx context.Context, s *session, progress func(string)) (Result, error) {
	list, _, err := c.reachable(ctx, s)
	if err != nil {
		return Result{}, err
	}
	var parts []string
	var out strings.Builder
	for _, g := range list {
		begin := time.Now()
		sh, err := c.guestShell(ctx, g, progress)
		if err != nil {
			return Result{}, err
		}
		text, up, err := inspectGuest(ctx, sh, g.name)
		sh.close()
		fmt.Fprintf(&out, "# %s, %s, host key %s\n%s\n", g.name, g.fip.FloatingIP, sh.fingerprint, text)
		if err != nil {
			return Result{Output: out.String()}, err
		}
		parts = append(parts, fmt.Sprintf("logged in on %s at %s in %s, up for %s s", g.name, g.fip.FloatingIP, seconds(time.Since(begin)), up))
	}
	return Result{Summary: join(parts), Output: out.String()}, nil
}

// inspectGuest has the guest say who it is. Its host name comes from the config
// drive: that it is right proves that metadata reached it.
func inspectGuest(ctx context.Context, sh *shell, name string) (text, uptime string, err error) {
	for _, cmd := range []string{"hostname", "uname -a", "ip addr", "cat /proc/uptime"} {
		got, err := sh.run(ctx, cmd, nil)
		text += "$ " + cmd + "\n" + got
		if err != nil {
			return text, "", err
		}
		got = strings.TrimSpace(got)
		switch cmd {
		case "hostname":
			if got != name && !strings.HasPrefix(got, name+".") {
				return text, "", fmt.Errorf("the guest calls itself %q and Nova %q: it did not read its config drive; see the guest's console log", got, name)
			}
		case "cat /proc/uptime":
			uptime, _, _ = strings.Cut(got, " ")
			if uptime == "" {
				return text, "", errors.New("the guest's /proc/uptime is empty")
			}
		}
	}
	return text, uptime, nil
}
