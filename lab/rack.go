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
)

// Rack is a virtual rack that is up, wholly or in part.
type Rack struct {
	Dir string // absolute
	// Began lists what Up had to start, in words; empty when all ran already.
	Began []string

	s   *state
	log *slog.Logger
}

// Open finds the rack that Up brought up in dir, ErrNoRack if there is none.
func Open(dir string, log *slog.Logger) (*Rack, error) {
	o, err := Options{Dir: dir, Log: log}.fill()
	if err != nil {
		return nil, err
	}
	s, err := loadState(o.Dir)
	if err != nil {
		return nil, err
	}
	return &Rack{Dir: o.Dir, s: s, log: o.Log}, nil
}

// Name is the rack's name.
func (r *Rack) Name() string { return r.s.Rack }

// Namespace is the name of its network namespace, see ip-netns(8).
func (r *Rack) Namespace() string { return string(r.s.namespace()) }

// URL is where the host reaches the API of an appliance inside the rack.
func (r *Rack) URL() string { return r.s.URL }

// File is the path of rack.yaml, which describes the rack to an appliance.
func (r *Rack) File() string { return filepath.Join(r.Dir, "rack.yaml") }

// StandIns reports whether all machines are stand-ins.
func (r *Rack) StandIns() bool { return !r.s.anyQEMU() }

// Acceleration says how the QEMU machines run and why.
func (r *Rack) Acceleration() (kvm bool, reason string) { return r.s.KVM, r.s.KVMReason }

// Exec is a command inside the rack's namespace, to be started by the caller.
func (r *Rack) Exec(ctx context.Context, args ...string) *exec.Cmd {
	return r.s.namespace().command(ctx, args...)
}

// Dial connects to a literal address from inside the rack's namespace.
func (r *Rack) Dial(ctx context.Context, network, address string) (net.Conn, error) {
	return r.s.namespace().dial(ctx, network, address)
}

// Console is the path of a machine's console log. It is there from the first
// power-on.
func (r *Rack) Console(machine string) (string, error) {
	if _, err := r.s.machine(machine); err != nil {
		return "", err
	}
	return machineDir{r.Dir, machine}.console(), nil
}

// BMC returns the address and the login of a machine's BMC.
func (r *Rack) BMC(machine string) (addr, user, password string, err error) {
	m, err := r.s.machine(machine)
	if err != nil {
		return "", "", "", err
	}
	return m.Wiring.BMC.String(), m.User, m.Password, nil
}

// Background starts a command inside the namespace that outlives the caller,
// with its output appended to the log file. Down ends it.
func (r *Rack) Background(log string, args ...string) (Process, error) {
	if !r.s.namespace().exists() {
		return Process{}, r.gone()
	}
	if _, err := exec.LookPath(args[0]); err != nil {
		return Process{}, err
	}
	return detach(r.Exec(context.Background(), args...), log)
}

func (r *Rack) gone() error {
	return fmt.Errorf("the rack %s has no network namespace %s (was this host restarted?); bring it up again: appliance lab up --dir %s", r.s.Rack, r.s.namespace(), r.Dir)
}

// Up reports whether the namespace is there, so that commands can run in it.
func (r *Rack) Up() error {
	if !r.s.namespace().exists() {
		return r.gone()
	}
	return nil
}

func needRoot() error {
	if os.Geteuid() != 0 {
		return errors.New("the virtual rack needs root to make a network namespace; run it with sudo")
	}
	return nil
}
