package lab

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"time"

	"golang.org/x/sys/unix"
)

// ChassisFault is how a machine's BMC misbehaves, from the next command on.
type ChassisFault struct {
	// Deaf: the BMC accepts commands about power and does nothing.
	Deaf bool `json:"deaf,omitempty"`
	// Mute: the BMC answers every question about the chassis with an error.
	Mute bool `json:"mute,omitempty"`
	// Trips is how often the machine goes off again by itself, TripMS milliseconds
	// after it was switched on.
	Trips  int `json:"trips,omitempty"`
	TripMS int `json:"trip_ms,omitempty"`
}

func (d machineDir) fault() string { return d.run() + "/fault.json" }

func (d machineDir) readFault() (f ChassisFault, err error) {
	b, err := os.ReadFile(d.fault())
	if errors.Is(err, fs.ErrNotExist) {
		return f, nil
	}
	if err == nil {
		err = json.Unmarshal(b, &f)
	}
	return f, err
}

// trip has a machine that was just switched on go off again, if it is to.
func (c *chassis) trip(f ChassisFault) error {
	if f.Trips == 0 {
		return nil
	}
	f.Trips--
	if err := writeJSON(c.dir.fault(), f); err != nil {
		return err
	}
	_, err := detach(exec.Command(c.entry[0], append(c.entry[1:], "trip")...), c.dir.hookLog())
	return err
}

// tripped is the background half of trip.
func (c *chassis) tripped(ctx context.Context) error {
	f, err := c.dir.readFault()
	if err != nil {
		return err
	}
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(time.Duration(f.TripMS) * time.Millisecond):
	}
	unlock, err := lock(c.dir.lock())
	if err != nil {
		return err
	}
	defer unlock()
	return c.off()
}

// SetFault has a machine's BMC misbehave; the zero value makes it well again.
func (r *Rack) SetFault(machine string, f ChassisFault) error {
	if _, err := r.s.machine(machine); err != nil {
		return err
	}
	return writeJSON(machineDir{r.Dir, machine}.fault(), f)
}

// CutPower takes a machine's power away, without its BMC.
func (r *Rack) CutPower(machine string) error {
	m, err := r.s.machine(machine)
	if err != nil {
		return err
	}
	d := machineDir{r.Dir, machine}
	unlock, err := lock(d.lock())
	if err != nil {
		return err
	}
	defer unlock()
	c := &chassis{rack: r.s, m: m, dir: d}
	return r.s.namespace().do(c.off)
}

// GivePower switches a machine on, without its BMC, the way a server does whose
// power comes back.
func (r *Rack) GivePower(ctx context.Context, machine string) error {
	m, err := r.s.machine(machine)
	if err != nil {
		return err
	}
	return r.switchOn(ctx, m)
}

// FreezeBMC has a machine's BMC answer nothing, until it is thawed.
func (r *Rack) FreezeBMC(machine string, frozen bool) error {
	m, err := r.s.machine(machine)
	if err != nil {
		return err
	}
	sig := unix.SIGCONT
	if frozen {
		sig = unix.SIGSTOP
	}
	if !m.Simulator.Alive() {
		return fmt.Errorf("the BMC of %s does not run", machine)
	}
	return unix.Kill(m.Simulator.PID, sig)
}

// RestartBMC ends a machine's BMC, with all its sessions, and starts it anew; a
// password that is not "" is its user's from then on. The machine goes on.
func (r *Rack) RestartBMC(ctx context.Context, machine, password string) error {
	m, err := r.s.machine(machine)
	if err != nil {
		return err
	}
	if err := m.Simulator.end(unix.SIGKILL, 10*time.Second); err != nil {
		return err
	}
	if password != "" {
		m.Password = password
	}
	return r.startMachine(ctx, m)
}
