package standin

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"time"
)

// product is what the machine calls itself, everywhere.
const product = "Sandai Stand-in"

// Config is what a stand-in is made of.
type Config struct {
	Name string
	UUID string // SMBIOS
	// Dir is for what outlives the process: the disks, the knobs, the tally of
	// failures.
	Dir string
	// Console is a file that everything on the serial port is appended to.
	Console string
	// Serial is where the BMC's serial over LAN connects.
	Serial   net.Listener
	MemoryMB int // MiB
	Cores    int
	Disks    []Disk
	// NICs are the MACs of the machine's network interfaces, which are in this
	// process's network namespace; the first is on the provisioning network.
	NICs []string
	// NetworkFirst is the boot order of this start: the network before the disk.
	NetworkFirst bool
	Log          *slog.Logger
}

// Disk is one of the machine's disks.
type Disk struct {
	Serial string
	Bytes  int64
}

// Run is the machine from power-on until ctx ends, which is the power button.
// The error says what of its surroundings is missing.
func Run(ctx context.Context, c Config) error {
	m := &machine{Config: c}
	var err error
	if m.serial, err = openSerial(c.Console, c.Serial); err != nil {
		return err
	}
	defer m.serial.close()
	if m.disks, err = openDisks(c.Dir); err != nil {
		return err
	}
	if m.knobs, err = openKnobs(c.Dir, c.Name); err != nil {
		return err
	}
	m.say("%s firmware: a small program on the wire, in place of SeaBIOS and a server", product)
	m.say("Machine %s, UUID %s, %d MiB, %d cores", c.Name, c.UUID, c.MemoryMB, c.Cores)
	if m.nics, err = findNICs(ctx, c.NICs); err != nil {
		m.say("%v", err)
		return err
	}
	if w := m.knobs.read().Wire; w != nil {
		if m.nics[0], err = spoil(m.nics[0], *w, uint64(len(c.Name))); err != nil {
			m.say("%v", err)
			return err
		}
		m.say("The cable at %s is bad: it loses %g, doubles %g and delays %g of the frames", m.nics[0].name, w.Lose, w.Double, w.Late)
	}
	defer func() {
		for _, n := range m.nics {
			n.down()
		}
	}()
	err = m.boot(ctx)
	if ctx.Err() != nil {
		m.say("Power down.")
		return nil
	}
	return err
}

type machine struct {
	Config
	serial *serial
	disks  *disks
	knobs  *knobs
	nics   []nic
}

// say writes a line on the serial port.
func (m *machine) say(format string, args ...any) {
	fmt.Fprintf(m.serial, format+"\n", args...)
}

// again is how long a machine with nothing to boot waits.
const again = 2 * time.Second

// errNoDevice says that a boot device has nothing to boot.
var errNoDevice = errors.New("not bootable")

// boot tries the devices in turn, for ever. An error other than errNoDevice ends
// the machine.
func (m *machine) boot(ctx context.Context) error {
	order := []func(context.Context) error{m.bootDisk, m.bootNetwork}
	if m.NetworkFirst {
		order = []func(context.Context) error{m.bootNetwork, m.bootDisk}
	}
	for {
		for _, device := range order {
			if err := device(ctx); !errors.Is(err, errNoDevice) {
				return err
			}
		}
		m.say("No bootable device. Retrying in %s.", again)
		if err := pause(ctx, again); err != nil {
			return err
		}
		order = []func(context.Context) error{m.bootDisk, m.bootNetwork} // as after a reset
	}
}

// bootDisk starts what was installed, if anything was.
func (m *machine) bootDisk(ctx context.Context) error {
	m.say("Booting from Hard Disk...")
	for _, d := range m.Disks {
		if s := m.disks.get(d.Serial).System; s != nil {
			return m.installed(ctx, *s)
		}
	}
	m.say("Boot failed: not a bootable disk")
	return errNoDevice
}

// pause waits, or returns the error of ctx.
func pause(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// bootID is what /proc/sys/kernel/random/boot_id is to a real machine.
func bootID() (string, error) {
	b, err := os.ReadFile("/proc/sys/kernel/random/uuid")
	if err != nil {
		return "", fmt.Errorf("make a boot id: %w", err)
	}
	return string(b[:len(b)-1]), nil
}
