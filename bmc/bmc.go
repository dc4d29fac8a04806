package bmc

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"strconv"
	"time"
)

// PowerState is whether a machine is powered.
type PowerState string

// The power states. A machine in a sleep state counts as on.
const (
	PowerOn  PowerState = "on"
	PowerOff PowerState = "off"
)

// PowerOp is something that can be done to a machine's power.
type PowerOp string

// The operations. Soft asks the operating system to shut down (ACPI) and waits
// for it. Cycle is off, seen to be off, then on; a machine that is off is
// powered on. Reset pulls the reset line of a machine that is on.
const (
	PowerOpOn    PowerOp = "on"
	PowerOpOff   PowerOp = "off"
	PowerOpSoft  PowerOp = "soft"
	PowerOpCycle PowerOp = "cycle"
	PowerOpReset PowerOp = "reset"
)

// BootDevice is what firmware is told to boot from.
type BootDevice string

// The boot devices.
const (
	BootPXE  BootDevice = "pxe"
	BootDisk BootDevice = "disk"
)

// Event is one record of the system event log (IPMI 2.0 §32).
type Event struct {
	ID     string    // record number as the BMC prints it, hexadecimal
	Time   time.Time // zero when the BMC's clock was not set yet
	When   string    // the time as the BMC gave it
	Sensor string    // "Temperature #0x30"
	Text   string    // "Upper Critical going high : Asserted"
}

// Sensor is one reading of an analogue sensor.
type Sensor struct {
	Name   string
	Value  float64 // in Unit; 0 when Status is "ns"
	Unit   string  // as the BMC names it: "degrees C", "RPM", "Watts", "Volts"
	Status string  // "ok", "nc" non-critical, "cr" critical, "nr" non-recoverable, "ns" no reading
}

// Controller is a machine's BMC. Every method returns an error that is ErrAuth
// or ErrUnreachable when the BMC could not be talked to, and the setters one
// that is ErrNoEffect when it accepted the command and did nothing. Methods may
// be called from any goroutine; calls to one BMC wait for each other.
type Controller interface {
	// PowerState asks whether the machine is powered.
	PowerState(ctx context.Context) (PowerState, error)
	// SetPower carries out an operation and returns when the power state shows
	// it. A reset cannot be seen in the power state: its effect shows on the
	// wire, in the machine's next DHCP frame.
	SetPower(ctx context.Context, op PowerOp) error
	// SetBootDevice sets what the next start (persistent: every start) boots
	// from, and reads it back where the BMC can tell.
	SetBootDevice(ctx context.Context, d BootDevice, persistent bool) error
	// SEL returns the system event log, oldest first.
	SEL(ctx context.Context) ([]Event, error)
	// Sensors returns the analogue sensors.
	Sensors(ctx context.Context) ([]Sensor, error)
	// Console opens the machine's serial port over the LAN. ctx bounds the
	// opening only; the console lives until Close, or until Read returns
	// io.EOF because the BMC ended it. A BMC has one console: opening it takes
	// it away from whoever had it.
	Console(ctx context.Context) (io.ReadWriteCloser, error)
}

// Config says which BMC and how to treat it. Zero durations stand for the
// defaults.
type Config struct {
	Kind     string // "ipmi"; "" is "ipmi"
	Address  string // host name or IP address
	Port     int    // 0 is the kind's own, 623 UDP for IPMI
	User     string
	Password string // at most 16 bytes for IPMI
	Logger   *slog.Logger

	// UEFI asks for the UEFI variant of the boot device; some firmware
	// otherwise starts its legacy network boot.
	UEFI bool
	// Settle is how long the power state may take to follow a command (30 s).
	Settle time.Duration
	// SoftWait is how long an operating system may take to shut down (3 min).
	SoftWait time.Duration
	// ResetGap is the shortest time between two starts of a machine (5 s); a
	// second one waits.
	ResetGap time.Duration
}

// New returns the controller of a kind. It does not talk to the BMC yet.
func New(c Config) (Controller, error) {
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	for _, d := range []struct {
		v *time.Duration
		d time.Duration
	}{{&c.Settle, 30 * time.Second}, {&c.SoftWait, 3 * time.Minute}, {&c.ResetGap, 5 * time.Second}} {
		if *d.v == 0 {
			*d.v = d.d
		}
	}
	if c.Address == "" {
		return nil, fmt.Errorf("the BMC has no address; set bmc.address of the node")
	}
	switch c.Kind {
	case "", "ipmi":
		return newIPMI(c)
	default:
		return nil, fmt.Errorf("a BMC of kind %q cannot be driven: this build knows \"ipmi\" only; set bmc.kind to ipmi, which nearly every server with Redfish speaks too", c.Kind)
	}
}

// hostPort names the BMC in texts and as the key of its lock.
func (c Config) hostPort() string { return net.JoinHostPort(c.Address, strconv.Itoa(c.Port)) }
