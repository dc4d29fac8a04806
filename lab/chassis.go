package lab

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// chassis is a machine as its BMC sees it: a process that is there or not, and
// a boot device for the next start.
type chassis struct {
	rack  *state
	m     *machineState
	dir   machineDir
	entry []string // the hook's own command, to go on in the background
}

// Hook is the chassis_control program of ipmi_sim for one machine of the rack
// in dir (lan.conf's chassis_control, see ipmi_lan(5)): args are "get power",
// "set boot pxe" and so on; answers go to out. The simulator, and with it the
// BMC's network side, stands still until it returns, so everything that may
// take longer is done by a process in the background.
//
// A machine starts with the disk first and the network second. The boot device
// "pxe" swaps them for the next start or reset only: QEMU reads the order at
// each reset of the machine, so it is put back as soon as the process runs, and
// a reboot from within the guest follows the default order.
func Hook(ctx context.Context, dir, machine string, args []string, out io.Writer) error {
	// ipmi_sim leaves its sockets open in us; a machine that kept them would
	// keep a restarted simulator from its port.
	if err := unix.CloseRange(3, 1<<31-1, unix.CLOSE_RANGE_CLOEXEC); err != nil {
		return fmt.Errorf("close inherited files: %w", err)
	}
	s, err := loadState(dir)
	if err != nil {
		return err
	}
	m, err := s.machine(machine)
	if err != nil {
		return err
	}
	c := &chassis{rack: s, m: m, dir: machineDir{dir, machine},
		entry: append(append([]string{}, s.Helper...), "hook", "--dir", dir, "--machine", machine)}
	fault, err := c.dir.readFault()
	if err != nil {
		return err
	}
	switch {
	case fault.Mute:
		return fmt.Errorf("the chassis was made to answer %q with an error", args)
	case len(args) >= 2 && args[0] == "get":
		return c.get(args[1], out)
	case len(args) >= 1 && args[0] == "trip":
		err := c.tripped(ctx)
		c.note(args, err)
		return err
	case args[0] == "settle":
		// Without the lock: a power off must not wait for it.
		err := c.settle(ctx)
		c.note(args, err)
		return err
	}
	unlock, err := lock(c.dir.lock())
	if err != nil {
		return err
	}
	defer unlock()
	if fault.Deaf && len(args) > 1 && args[1] != "boot" {
		c.note(append(args, "accepted, and nothing done"), nil)
		return nil
	}
	was := c.dir.running().Alive()
	err = c.set(ctx, args)
	if err == nil && !was && c.dir.running().Alive() {
		err = c.trip(fault)
	}
	c.note(args, err)
	return err
}

func (c *chassis) get(what string, out io.Writer) error {
	var err error
	switch what {
	case "power":
		v := 0
		if c.dir.running().Alive() {
			v = 1
		}
		_, err = fmt.Fprintf(out, "power:%d\n", v)
	case "boot":
		_, err = fmt.Fprintf(out, "boot:%s\n", c.bootDevice())
	default:
		err = fmt.Errorf("the chassis knows no %q", what)
	}
	return err
}

func (c *chassis) set(ctx context.Context, args []string) error {
	switch strings.Join(args, " ") {
	case "set power 1":
		return c.on()
	case "set power 0":
		return c.off()
	case "set reset 1":
		return c.reset()
	case "set shutdown 1":
		if c.m.standIn() {
			return c.softOff()
		}
		return c.talk(ctx, func(q *qmp) error { return q.do("system_powerdown", nil) })
	case "set boot none", "set boot default":
		return c.chooseBoot("none")
	case "set boot pxe":
		return c.chooseBoot("pxe")
	}
	switch {
	case len(args) >= 2 && args[0] == "set" && args[1] == "identify":
		return nil // a light that nobody sees; the note in the log is all
	case len(args) >= 2 && args[0] == "set" && args[1] == "boot":
		return fmt.Errorf("this machine cannot boot from %q; it has a disk and a network", args[2:])
	}
	return fmt.Errorf("the chassis does not understand %q", args)
}

func (c *chassis) bootDevice() string {
	b, err := os.ReadFile(c.dir.boot())
	if err != nil {
		return "none"
	}
	return strings.TrimSpace(string(b))
}

func (c *chassis) chooseBoot(dev string) error {
	return os.WriteFile(c.dir.boot(), []byte(dev+"\n"), 0o600)
}

// takeBoot returns the network's place for the boot that begins now and
// forgets the one-shot choice.
func (c *chassis) takeBoot() (int, error) {
	if c.bootDevice() != "pxe" {
		return bootIndexNetwork, nil
	}
	return bootIndexPXE, c.chooseBoot("none")
}

// on starts the machine; one that is on is left alone (IPMI 2.0 §28.3).
func (c *chassis) on() error {
	if c.dir.running().Alive() {
		return nil
	}
	index, err := c.takeBoot()
	if err != nil {
		return err
	}
	if c.m.standIn() {
		return c.onStandIn(index == bootIndexPXE)
	}
	args := qemuArgs(c.rack.Rack, c.m, acceleration(c.rack.KVM), c.dir, index)
	q := exec.Command(args[0], args[1:]...)
	q.Dir = c.dir.run()
	p, err := detach(q, c.dir.qemuLog())
	if err != nil {
		return err
	}
	if err := writeJSON(c.dir.process(), p); err != nil {
		return errors.Join(err, p.end(unix.SIGKILL, 5*time.Second))
	}
	if index == bootIndexNetwork {
		return nil
	}
	// QEMU needs a moment before it can be told the order of the boots after
	// this one.
	_, err = detach(exec.Command(c.entry[0], append(c.entry[1:], "settle")...), c.dir.hookLog())
	return err
}

// off ends the machine at once, as a power cut does.
func (c *chassis) off() error {
	err := c.dir.running().end(unix.SIGKILL, 10*time.Second)
	if c.m.standIn() {
		err = errors.Join(err, c.unplug())
	}
	return err
}

// reset starts the machine anew, as the reset button does. It is a new process
// and not QEMU's own reset because SeaBIOS answers that one with a second reset
// at a moment of its own, so that nobody could tell when the order of this boot
// has been read.
func (c *chassis) reset() error {
	if !c.dir.running().Alive() {
		return fmt.Errorf("machine %s is off", c.m.Name)
	}
	if err := c.off(); err != nil {
		return err
	}
	return c.on()
}

// settle puts the default order back for the boots after this one.
func (c *chassis) settle(ctx context.Context) error {
	return c.talk(ctx, func(q *qmp) error {
		return q.do("qom-set", map[string]any{"path": networkDevice, "property": "bootindex", "value": bootIndexNetwork})
	})
}

// talk speaks with the machine's QEMU, at most 30 s.
func (c *chassis) talk(ctx context.Context, f func(*qmp) error) error {
	p := c.dir.running()
	if !p.Alive() {
		return fmt.Errorf("machine %s is off", c.m.Name)
	}
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	q, err := waitQMP(ctx, c.dir.socket(), p)
	if err != nil {
		return err
	}
	defer q.close()
	return f(q)
}

// note keeps a line for every change of the chassis; failing to is no reason
// to fail the change.
func (c *chassis) note(args []string, err error) {
	f, ferr := os.OpenFile(c.dir.hookLog(), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o640)
	if ferr != nil {
		return
	}
	defer f.Close()
	line := time.Now().Format(time.RFC3339Nano) + " " + strings.Join(args, " ")
	if err != nil {
		line += ": " + err.Error()
	}
	fmt.Fprintln(f, line)
}
