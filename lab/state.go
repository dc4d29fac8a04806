package lab

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"golang.org/x/sys/unix"
)

// state is lab/lab.json: what Up decided and began. A machine's own process is
// in its folder, because its BMC starts and ends it (chassis.go).
type state struct {
	Rack      string          `json:"rack"`
	KVM       bool            `json:"kvm"`
	KVMReason string          `json:"kvm_reason"`
	Helper    []string        `json:"helper"`
	URL       string          `json:"url"`
	Forwarder Process         `json:"forwarder"`
	Machines  []*machineState `json:"machines"`
}

type machineState struct {
	Machine
	Wiring    wiring  `json:"wiring"`
	User      string  `json:"user"`
	Password  string  `json:"password"`
	Simulator Process `json:"simulator"`
	Cable     Process `json:"cable"` // of its serial port; machines that were put in together have one process
}

func (m *machineState) standIn() bool { return m.Kind == KindStandIn }

// product is the machine's name in its BMC's inventory.
func (m *machineState) product() string {
	if m.standIn() {
		return "Sandai Stand-in"
	}
	return "Virtual server"
}

func (m *machineState) systemSerial() string { return "SYS-" + m.Name }

func (m *machineState) volumeSerial() string {
	if m.VolumeGB == 0 {
		return ""
	}
	return "VOL-" + m.Name
}

// anyQEMU reports whether a machine of the rack needs QEMU.
func (s *state) anyQEMU() bool {
	return slices.ContainsFunc(s.Machines, func(m *machineState) bool { return !m.standIn() })
}

func (s *state) namespace() namespace { return namespace("sandai-" + s.Rack) }

func (s *state) machine(name string) (*machineState, error) {
	var names []string
	for _, m := range s.Machines {
		if m.Name == name {
			return m, nil
		}
		names = append(names, m.Name)
	}
	return nil, fmt.Errorf("rack %s has no machine %q; it has %q", s.Rack, name, names)
}

func statePath(dir string) string { return filepath.Join(dir, "lab", "lab.json") }

// ErrNoRack says that the folder holds no rack.
var ErrNoRack = errors.New("no virtual rack here")

func loadState(dir string) (*state, error) {
	b, err := os.ReadFile(statePath(dir))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("%w: %s is missing; bring one up with: appliance lab up --dir %s", ErrNoRack, statePath(dir), dir)
	}
	if err != nil {
		return nil, fmt.Errorf("read the rack's state: %w", err)
	}
	var s state
	if err := json.Unmarshal(b, &s); err != nil {
		return nil, fmt.Errorf("read the rack's state in %s: %w", statePath(dir), err)
	}
	for _, m := range s.Machines {
		setDefault(&m.Kind, KindQEMU) // one that was brought up before there were kinds
	}
	return &s, nil
}

func (s *state) save(dir string) error { return writeJSON(statePath(dir), s) }

// writeJSON replaces the file in one step, readable by its owner only.
func writeJSON(path string, v any) error {
	b, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		return err
	}
	tmp := path + ".new"
	if err := os.WriteFile(tmp, append(b, '\n'), 0o600); err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	return os.Rename(tmp, path)
}

// lock holds path for this process until the returned function is called.
func lock(path string) (func(), error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fmt.Errorf("lock the rack: %w", err)
	}
	for {
		err = unix.Flock(int(f.Fd()), unix.LOCK_EX)
		if !errors.Is(err, unix.EINTR) {
			break
		}
	}
	if err != nil {
		f.Close()
		return nil, fmt.Errorf("lock %s: %w", path, err)
	}
	return func() { f.Close() }, nil
}

// machineDir is where a machine's files are.
type machineDir struct{ rack, name string }

const qmpSocket = "qmp.sock" // relative to run()

func (d machineDir) console() string    { return filepath.Join(d.rack, d.name, "console.log") }
func (d machineDir) systemDisk() string { return filepath.Join(d.rack, d.name, "system.raw") }
func (d machineDir) volumeDisk() string { return filepath.Join(d.rack, d.name, "volume.raw") }

// run is the folder of the BMC's and the process's files.
func (d machineDir) run() string          { return filepath.Join(d.rack, "lab", d.name) }
func (d machineDir) process() string      { return filepath.Join(d.run(), "qemu.json") }
func (d machineDir) boot() string         { return filepath.Join(d.run(), "boot") }
func (d machineDir) lock() string         { return filepath.Join(d.run(), "lock") }
func (d machineDir) qemuLog() string      { return filepath.Join(d.run(), "qemu.log") }
func (d machineDir) socket() string       { return filepath.Join(d.run(), qmpSocket) }
func (d machineDir) chassis() string      { return filepath.Join(d.run(), "chassis") }
func (d machineDir) simulatorLog() string { return filepath.Join(d.run(), "ipmi_sim.log") }
func (d machineDir) hookLog() string      { return filepath.Join(d.run(), "chassis.log") }

// running returns the machine's process; one that is not alive means that the
// chassis is off.
func (d machineDir) running() (p Process) {
	if b, err := os.ReadFile(d.process()); err == nil {
		_ = json.Unmarshal(b, &p)
	}
	return p
}
