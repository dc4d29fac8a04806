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
	"strings"
	"syscall"
	"time"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"sandai/lab/standin"
	"sandai/netdump"
)

// onStandIn starts a stand-in: this program as "machine", in a network namespace
// of its own that its NICs are put into. Its serial port listens in the rack's
// namespace, where the BMC looks for it.
func (c *chassis) onStandIn(pxe bool) error {
	if err := c.unplug(); err != nil { // it went off by itself
		return err
	}
	l, err := net.Listen("tcp4", c.m.Wiring.Serial.String())
	if err != nil {
		return fmt.Errorf("open the serial port: %w", err)
	}
	defer l.Close()
	f, err := l.(*net.TCPListener).File()
	if err != nil {
		return fmt.Errorf("open the serial port: %w", err)
	}
	defer f.Close()
	args := append(append([]string{}, c.rack.Helper[1:]...), "machine", "--dir", c.dir.rack, "--machine", c.m.Name)
	if pxe {
		args = append(args, "--pxe")
	}
	cmd := exec.Command(c.rack.Helper[0], args...)
	cmd.Dir, cmd.ExtraFiles = c.dir.run(), []*os.File{f}
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNET}
	p, err := detach(cmd, c.dir.qemuLog())
	if err != nil {
		return err
	}
	if err := errors.Join(writeJSON(c.dir.process(), p), c.plugIn(p)); err != nil {
		return errors.Join(err, p.end(unix.SIGKILL, 5*time.Second))
	}
	return nil
}

// plugIn gives the machine's process its NICs: each the far end of a cable whose
// near end, which has the process's number in its name, is on a bridge.
func (c *chassis) plugIn(p Process) error {
	for i, n := range []struct{ tap, mac, bridge string }{
		{c.m.Wiring.TapMgmt, c.m.Wiring.MACProvisioning, bridgeManagement}, {c.m.Wiring.TapProvider, c.m.Wiring.MACProvider, bridgeProvider},
	} {
		br, err := netlink.LinkByName(n.bridge)
		if err != nil {
			return fmt.Errorf("find the bridge %s: %w", n.bridge, err)
		}
		mac, err := net.ParseMAC(n.mac)
		if err != nil {
			return err
		}
		near := netlink.NewLinkAttrs()
		near.Name, near.MasterIndex = fmt.Sprintf("%s-%x", n.tap, p.PID), br.Attrs().Index
		cable := &netlink.Veth{LinkAttrs: near, PeerName: fmt.Sprintf("eth%d", i), PeerHardwareAddr: mac, PeerNamespace: netlink.NsPid(p.PID)}
		if err := netlink.LinkAdd(cable); err != nil {
			return fmt.Errorf("plug %s into %s: %w", n.mac, n.bridge, err)
		}
		if err := netlink.LinkSetUp(cable); err != nil {
			return fmt.Errorf("set the port of %s up: %w", n.mac, err)
		}
	}
	return nil
}

// unplug pulls the cables of a machine that is off. Left to itself the kernel
// takes seconds to clear a namespace away, and until then answers from in there
// in the name of the machine.
func (c *chassis) unplug() error {
	links, err := netdump.Links()
	if err != nil {
		return fmt.Errorf("list the rack's cables: %w", err)
	}
	for _, l := range links {
		name := l.Attrs().Name
		if !strings.HasPrefix(name, c.m.Wiring.TapMgmt+"-") && !strings.HasPrefix(name, c.m.Wiring.TapProvider+"-") {
			continue
		}
		var gone netlink.LinkNotFoundError
		if err := netlink.LinkDel(l); err != nil && !errors.As(err, &gone) && !errors.Is(err, unix.ENODEV) {
			return fmt.Errorf("pull the cable %s: %w", name, err)
		}
	}
	return nil
}

// softOff asks a stand-in to end, as a press of the power button does.
func (c *chassis) softOff() error {
	p := c.dir.running()
	if !p.Alive() {
		return fmt.Errorf("machine %s is off", c.m.Name)
	}
	return unix.Kill(p.PID, unix.SIGTERM)
}

// switchOn turns a newcomer on, the way a person at the rack does.
func (r *Rack) switchOn(ctx context.Context, m *machineState) error {
	d := machineDir{r.Dir, m.Name}
	if d.running().Alive() {
		return nil
	}
	if _, err := run(ctx, r.log, "", append(nsenter(r.s.namespace()), d.chassis(), "set", "power", "1")...); err != nil {
		return fmt.Errorf("switch %s on: %w", m.Name, err)
	}
	return nil
}

func nsenter(n namespace) []string { return []string{"nsenter", "--net=" + n.path(), "--"} }

// StandIn is the process of one stand-in, which its BMC starts and ends; a
// person does not call it. Descriptor 3 is the listening socket of its serial
// port. With pxe the network comes before the disk this time.
func StandIn(ctx context.Context, dir, machine string, pxe bool, log *slog.Logger) error {
	l, err := net.FileListener(os.NewFile(3, "serial"))
	if err != nil {
		return fmt.Errorf("file descriptor 3 is no listening socket (the BMC starts a machine, a person does not): %w", err)
	}
	syscall.CloseOnExec(3)
	s, err := loadState(dir)
	if err != nil {
		return err
	}
	m, err := s.machine(machine)
	if err != nil {
		return err
	}
	d := machineDir{dir, machine}
	disks := []standin.Disk{{Serial: m.systemSerial(), Bytes: int64(m.SystemGB) << 30}}
	if m.VolumeGB > 0 {
		disks = append(disks, standin.Disk{Serial: m.volumeSerial(), Bytes: int64(m.VolumeGB) << 30})
	}
	return standin.Run(ctx, standin.Config{
		Name: m.Name, UUID: m.Wiring.UUID, Dir: filepath.Dir(d.console()), Console: d.console(), Serial: l,
		MemoryMB: m.MemoryMB, Cores: m.VCPUs, Disks: disks, NICs: []string{m.Wiring.MACProvisioning, m.Wiring.MACProvider},
		NetworkFirst: pxe, Log: log,
	})
}

// Knobs turns a stand-in's knobs, on or off, for the steps that begin after it.
func (r *Rack) Knobs(machine string, k standin.Knobs) error {
	if err := k.Check(); err != nil {
		return err
	}
	return r.forStandIn(machine, standin.KnobsFile, k)
}

// Disks sets what is on a stand-in's disks, by serial number, as if somebody had
// used them before. The machine must be off: it reads them when it starts.
func (r *Rack) Disks(machine string, contents map[string]standin.Content) error {
	return r.forStandIn(machine, standin.DisksFile, contents)
}

func (r *Rack) forStandIn(machine, file string, v any) error {
	m, err := r.s.machine(machine)
	if err != nil {
		return err
	}
	if !m.standIn() {
		return fmt.Errorf("machine %s is no stand-in", machine)
	}
	return writeJSON(filepath.Join(filepath.Dir(machineDir{r.Dir, machine}.console()), file), v)
}
