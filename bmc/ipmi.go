package bmc

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os/exec"
	"strconv"
	"strings"
	"time"

	"github.com/bmc-toolbox/bmclib/v2"
)

// ipmi is a Controller over RMCP+ (IPMI 2.0 §13). What bmclib can do it does;
// what it cannot (read-back, sensors, console, telling a wrong password from a
// dead BMC) is asked of ipmitool, which bmclib runs as well.
type ipmi struct {
	Config
	m   *machine
	log *slog.Logger
}

const (
	// maxPassword is the longest password that every BMC takes (IPMI 2.0
	// §22.30: 16 bytes, 20 where the 2.0 form is supported).
	maxPassword = 16
	// commandTime is how long one command may take; ipmitool itself gives up on
	// a BMC that does not answer after 2 s, and on one that is known to be busy
	// after 10 s.
	commandTime = 15 * time.Second
	// busyTime is for how long a BMC that answered late is given more time.
	busyTime = 10 * time.Minute
	// listTime is how long reading a whole log or all sensors may take.
	listTime = time.Minute
)

func newIPMI(c Config) (Controller, error) {
	if c.Port == 0 {
		c.Port = 623
	}
	if len(c.Password) > maxPassword {
		return nil, fmt.Errorf("the password of the BMC at %s has %d bytes, and IPMI knows passwords of at most %d: some BMCs cut longer ones off silently, others lock you out; set a shorter one on the BMC and in the inventory", c.hostPort(), len(c.Password), maxPassword)
	}
	if _, err := exec.LookPath("ipmitool"); err != nil {
		return nil, fmt.Errorf("IPMI needs the program ipmitool: %w; install it with: apt-get install --no-install-recommends ipmitool", err)
	}
	return &ipmi{Config: c, m: machineAt(c.hostPort()), log: c.Logger.With("bmc", c.hostPort())}, nil
}

// ciphers are the suites to try: 3 (SHA1, AES) is what nearly all BMCs take and
// is named to spare ipmitool a stall of 10 s; 17 (SHA256, AES) is all that some
// new ones take.
var ciphers = []string{"3", "17"}

func (c *ipmi) cipher() string {
	c.m.mu.Lock()
	defer c.m.mu.Unlock()
	if c.m.cipher == "" {
		return ciphers[0]
	}
	return c.m.cipher
}

// args are ipmitool's arguments for a session. The password goes through the
// environment (-E), never the command line.
func (c *ipmi) args(extra ...string) []string {
	wait := "1"
	if c.busy() {
		wait = "5"
	}
	return append([]string{"-I", "lanplus", "-C", c.cipher(), "-N", wait, "-R", "1", "-E",
		"-U", c.User, "-H", c.Address, "-p", strconv.Itoa(c.Port)}, extra...)
}

// busy reports whether the BMC was seen to answer too late.
func (c *ipmi) busy() bool {
	c.m.mu.Lock()
	defer c.m.mu.Unlock()
	return time.Since(c.m.late) < busyTime
}

func (c *ipmi) env() []string {
	return []string{"PATH=/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL=C", "IPMI_PASSWORD=" + c.Password}
}

// ipmitool runs one command and returns what it printed on standard output.
// When it fails, the BMC is asked once more in a way that tells why.
func (c *ipmi) ipmitool(ctx context.Context, op string, limit time.Duration, args ...string) (string, error) {
	release, err := hold(ctx, c.m.wire)
	if err != nil {
		return "", ended(ctx, op, c.hostPort())
	}
	defer release()
	out, _, err := c.exec(ctx, limit, args...)
	if err == nil {
		return out, nil
	}
	why := c.diagnose(ctx, op)
	if why != nil && !errors.Is(why, errTryAgain) {
		return "", why
	}
	// A BMC that answers now may have been too busy a moment ago: only what it
	// refuses a second time, with time enough, is refused.
	c.m.slow()
	out, errText, err := c.exec(ctx, limit, args...)
	if err != nil {
		return "", &Error{Op: op, Address: c.hostPort(), Detail: "the BMC answers, and ipmitool failed: " + oneLine(errText+" "+out), Next: "try again; if it stays, the BMC does not support this"}
	}
	return out, nil
}

// errTryAgain: another cipher suite was found to work, or the BMC to want time.
var errTryAgain = errors.New("try again")

// diagnose finds out why a command failed, with a command whose verbose
// messages tell it. It returns nil when the BMC can be talked to. The caller
// holds the wire.
func (c *ipmi) diagnose(ctx context.Context, op string) error {
	if err := ended(ctx, op, c.hostPort()); err != nil {
		return err
	}
	learnt := false
	for {
		out, errText, err := c.exec(ctx, commandTime, "-v", "chassis", "power", "status")
		if err == nil {
			if learnt {
				return errTryAgain
			}
			return nil
		}
		if err := ended(ctx, op, c.hostPort()); err != nil {
			return err
		}
		all := out + "\n" + errText
		kind := classify(all)
		if !errors.Is(err, context.DeadlineExceeded) && c.learn(all, kind) {
			learnt = true
			continue
		}
		e := &Error{Op: op, Address: c.hostPort(), Kind: kind, Err: err, Detail: "ipmitool said " + strconv.Quote(oneLine(errText))}
		switch {
		case errors.Is(e.Kind, ErrAuth):
			e.Next = nextAuth
		case errors.Is(e.Kind, ErrUnreachable), errors.Is(err, context.DeadlineExceeded):
			e.Kind, e.Next = ErrUnreachable, nextUnreachable
		default:
			e.Next = "try again; if it stays, reset the BMC"
		}
		return e
	}
}

// learn takes from what ipmitool said how the BMC wants to be talked to, and
// reports whether that is worth another try: by another cipher suite, or, where
// a session was made and an answer in it came too late, with more time.
func (c *ipmi) learn(said string, kind error) bool {
	busy := c.busy()
	c.m.mu.Lock()
	defer c.m.mu.Unlock()
	switch {
	case wrongCipher(said) && c.m.cipher != ciphers[1]:
		c.m.cipher = ciphers[1]
		return true
	case kind == nil && !busy:
		c.m.late = time.Now()
		return true
	}
	c.m.cipher = ""
	return false
}

// exec is the one place where ipmitool is run, but for the console.
func (c *ipmi) exec(ctx context.Context, limit time.Duration, args ...string) (stdout, stderr string, err error) {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	begin := time.Now()
	cmd := exec.CommandContext(ctx, "ipmitool", c.args(args...)...)
	cmd.Env = c.env()
	var o, e bytes.Buffer
	cmd.Stdout, cmd.Stderr = &o, &e
	err = cmd.Run()
	if ctx.Err() != nil {
		err = ctx.Err()
	}
	c.log.Debug("ipmitool", "args", strings.Join(args, " "), "took", time.Since(begin).Round(time.Millisecond), "err", err, "stdout", oneLine(o.String()), "stderr", oneLine(e.String()))
	return o.String(), e.String(), err
}

// lib runs fn with bmclib's client, IPMI only, as one command on the wire.
func (c *ipmi) lib(ctx context.Context, op string, limit time.Duration, fn func(ctx context.Context, cl *bmclib.Client) error) error {
	release, err := hold(ctx, c.m.wire)
	if err != nil {
		return ended(ctx, op, c.hostPort())
	}
	defer release()
	// bmclib gives ipmitool 25 s for a BMC that is dead, so that is found out first.
	if err := c.diagnose(ctx, op); err != nil && !errors.Is(err, errTryAgain) {
		return err
	}
	cl := bmclib.NewClient(c.Address, c.User, c.Password,
		bmclib.WithIpmitoolPort(strconv.Itoa(c.Port)), bmclib.WithIpmitoolCipherSuite(c.cipher()), bmclib.WithPerProviderTimeout(limit))
	cl.Registry.Drivers = cl.Registry.For("ipmitool")
	lctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	begin := time.Now()
	err = fn(lctx, cl)
	c.log.Debug("bmclib", "op", op, "took", time.Since(begin).Round(time.Millisecond), "err", err)
	if err == nil {
		return nil
	}
	if why := c.diagnose(ctx, op); why != nil && !errors.Is(why, errTryAgain) {
		return why
	}
	return &Error{Op: op, Address: c.hostPort(), Err: err, Detail: "the BMC answers, and refused: " + oneLine(err.Error()), Next: "try again; if it stays, the BMC does not support this"}
}

// oneLine makes a program's output fit a sentence.
func oneLine(s string) string { return strings.Join(strings.Fields(s), " ") }
