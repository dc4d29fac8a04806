package lab

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// Up brings the rack up: namespace, bridges, blank disks, BMC simulators, the
// forwarder, rack.yaml and an ssh key. The machines stay off until their BMC
// is told otherwise. On a rack that is up it changes nothing; what is missing
// (after a restart of the host, say) is started again and disks are kept, and
// machines that are asked for after those that are there are put into the rack.
// It needs root.
func Up(ctx context.Context, o Options) (*Rack, error) {
	if err := needRoot(); err != nil {
		return nil, err
	}
	chosen := o.Machines != nil
	o, err := o.fill()
	if err != nil {
		return nil, err
	}
	if err := needPrograms("ipmi_sim", "ip", "nsenter"); err != nil {
		return nil, err
	}
	if err := os.MkdirAll(filepath.Join(o.Dir, "lab"), 0o755); err != nil {
		return nil, fmt.Errorf("make the rack's folder: %w", err)
	}
	unlock, err := lock(filepath.Join(o.Dir, "lab", "lock"))
	if err != nil {
		return nil, err
	}
	defer unlock()
	s, err := loadState(o.Dir)
	if errors.Is(err, ErrNoRack) {
		s, err = newState(o)
		chosen = true
	}
	if err != nil {
		return nil, err
	}
	if s.Rack != o.Name {
		return nil, fmt.Errorf("the rack in %s is called %s, not %s; take it down first, or choose another --dir", o.Dir, s.Rack, o.Name)
	}
	if chosen {
		if err := s.grow(ctx, o); err != nil {
			return nil, err
		}
	}
	if err := needQEMU(s); err != nil {
		return nil, err
	}
	r := &Rack{Dir: o.Dir, s: s, log: o.Log}
	return r, r.start(ctx, o)
}

// newState is a rack without machines, which grow puts in.
func newState(o Options) (*state, error) {
	s := &state{Rack: o.Name, Helper: o.Helper}
	if s.namespace().exists() {
		return nil, fmt.Errorf("the namespace %s is there already: another folder holds a rack called %s; take that one down, or choose another --name", s.namespace(), o.Name)
	}
	return s, nil
}

// grow decides everything of the machines asked for that stays the same for the
// rack's life. Those that are there are known to an appliance and never change.
func (s *state) grow(ctx context.Context, o Options) error {
	n := len(s.Machines)
	if n > len(o.Machines) || !slices.EqualFunc(s.Machines, o.Machines[:n], func(a *machineState, b Machine) bool { return a.Machine == b }) {
		return fmt.Errorf("the rack in %s has other machines than those asked for now, and only new ones after them can be put in; take it down first, or choose another --dir", o.Dir)
	}
	if n == len(o.Machines) {
		return nil
	}
	for i, m := range o.Machines[n:] {
		s.Machines = append(s.Machines, &machineState{Machine: m, Wiring: wire(s.Rack, m.Name, n+i), User: "admin", Password: newPassword()})
	}
	if s.anyQEMU() && s.KVMReason == "" {
		s.KVM, s.KVMReason = kvmWorks(ctx, o.Log, o.Kernel)
	}
	return s.save(o.Dir)
}

// needQEMU fails when a machine needs QEMU and this host lacks it.
func needQEMU(s *state) error {
	if !s.anyQEMU() {
		return nil
	}
	if err := needPrograms("qemu-system-x86_64"); err != nil {
		return err
	}
	return needROM()
}

// start starts what does not run. Each step is recorded as soon as it is done,
// so that Down finds it even when the next one fails.
func (r *Rack) start(ctx context.Context, o Options) error {
	s, ns := r.s, r.s.namespace()
	s.Helper = o.Helper // the newest binary, in case the old one is gone
	if !ns.exists() {
		_ = ns.remove(ctx, r.log) // a file that a restart of the host left
		if err := ns.create(ctx, r.log, s.Machines); err != nil {
			return err
		}
		r.began("namespace " + string(ns))
	} else if err := ns.plugIn(ctx, r.log, s.Machines); err != nil {
		return err
	}
	if err := r.startCables(); err != nil { // before the BMCs, which look for them as soon as they start
		return err
	}
	for _, m := range s.Machines {
		if err := r.startMachine(ctx, m); err != nil {
			return err
		}
		if m.Newcomer {
			if err := r.switchOn(ctx, m); err != nil {
				return err
			}
		}
	}
	if !s.Forwarder.Alive() {
		var err error
		if s.Forwarder, s.URL, err = startForwarder(s, filepath.Join(r.Dir, "lab", "forward.log")); err != nil {
			return err
		}
		if err := s.save(r.Dir); err != nil {
			return err
		}
		r.began("forwarder " + s.URL)
	}
	if len(r.Began) == 0 {
		return nil
	}
	return r.writeFiles()
}

func (r *Rack) began(what string) {
	r.log.Info("started", "rack", r.s.Rack, "what", what)
	r.Began = append(r.Began, what)
}

// writeFiles writes what the appliance and a person read.
func (r *Rack) writeFiles() error {
	key, err := sshKey(r.Dir)
	if err != nil {
		return err
	}
	b, err := renderRack(r.s, key)
	if err != nil {
		return err
	}
	if err := os.WriteFile(r.File(), b, 0o600); err != nil {
		return fmt.Errorf("write rack.yaml: %w", err)
	}
	if err := os.WriteFile(filepath.Join(r.Dir, "url"), []byte(r.s.URL+"\n"), 0o644); err != nil {
		return fmt.Errorf("write the rack's URL: %w", err)
	}
	return r.s.save(r.Dir)
}

// makeDisks makes the disks of a machine that has any.
func makeDisks(m *machineState, d machineDir) error {
	if m.standIn() {
		return nil
	}
	if err := sparse(d.systemDisk(), m.SystemGB); err != nil {
		return err
	}
	if m.VolumeGB > 0 {
		return sparse(d.volumeDisk(), m.VolumeGB)
	}
	return nil
}

// startMachine makes the machine's disks and starts its BMC.
func (r *Rack) startMachine(ctx context.Context, m *machineState) error {
	d := machineDir{r.Dir, m.Name}
	for _, p := range []string{d.run(), filepath.Dir(d.console())} {
		if err := os.MkdirAll(p, 0o755); err != nil {
			return fmt.Errorf("make the machine's folder: %w", err)
		}
	}
	if err := makeDisks(m, d); err != nil {
		return err
	}
	if m.Simulator.Alive() {
		return nil
	}
	if err := r.writeChassis(d); err != nil {
		return err
	}
	sim := simulator{
		Name: m.Name, Addr: m.Wiring.BMC, User: m.User, Password: m.Password,
		GUID: strings.ReplaceAll(m.Wiring.UUID, "-", ""), Chassis: shellQuote(d.chassis()),
		Serial: m.Wiring.KCS, Console: m.Wiring.Serial, Sensors: defaultSensors,
		FRU: filepath.Join(d.run(), "fru.bin"), FRUSize: fruSize,
	}
	args, err := sim.write(d.run(), fruData("Sandai", m.product(), m.Name))
	if err != nil {
		return err
	}
	// Without this, ipmi_sim dies when it writes to a machine that just went off.
	c := r.s.namespace().command(context.Background(), append([]string{"env", "--ignore-signal=PIPE", "ipmi_sim"}, args...)...)
	c.Dir = d.run()
	if m.Simulator, err = detach(c, d.simulatorLog()); err != nil {
		return err
	}
	if err := r.s.save(r.Dir); err != nil {
		return err
	}
	r.began("BMC " + m.Wiring.BMC.Addr().String() + " of " + m.Name)
	return r.waitBMC(ctx, m, d)
}

// writeChassis writes the script that ipmi_sim calls.
func (r *Rack) writeChassis(d machineDir) error {
	words := append(append([]string{}, r.s.Helper...), "hook", "--dir", r.Dir, "--machine", d.name)
	for i, w := range words {
		words[i] = shellQuote(w)
	}
	text := "#!/bin/sh\n# chassis_control of " + d.name + "'s BMC\nexec " + strings.Join(words, " ") + " \"$@\"\n"
	if err := os.WriteFile(d.chassis()+".new", []byte(text), 0o755); err != nil {
		return fmt.Errorf("write the chassis hook: %w", err)
	}
	return os.Rename(d.chassis()+".new", d.chassis())
}

// waitBMC waits until the simulator answers on the wire, at most 15 s.
func (r *Rack) waitBMC(ctx context.Context, m *machineState, d machineDir) error {
	ctx, cancel := context.WithTimeout(ctx, 15*time.Second)
	defer cancel()
	for {
		err := r.s.namespace().do(func() error { return presencePing(m.Wiring.BMC, 200*time.Millisecond) })
		if err == nil {
			return nil
		}
		if !m.Simulator.Alive() {
			text, _ := os.ReadFile(d.simulatorLog())
			return fmt.Errorf("the BMC of %s ended at once: %s", m.Name, strings.TrimSpace(string(text)))
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("the BMC of %s does not answer on %s: %w; see %s", m.Name, m.Wiring.BMC, err, d.simulatorLog())
		case <-time.After(50 * time.Millisecond):
		}
	}
}

// sparse makes a disk of zeros that takes no room; one that is there is kept.
func sparse(path string, gib int) error {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if errors.Is(err, os.ErrExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("make the disk %s: %w", path, err)
	}
	defer f.Close()
	if err := f.Truncate(int64(gib) << 30); err != nil {
		return fmt.Errorf("make the disk %s of %d GiB: %w", path, gib, err)
	}
	return nil
}
