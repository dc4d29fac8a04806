package e2e

import (
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"sandai/inventory"
	"sandai/lab"
	"sandai/lab/standin"
)

var faultsTo = flag.String("faults", "", "run the whole fault suite, and put its rows into the table in this file (JSON)")

// A fault ends in one of two ways, and in no third.
const (
	mended = "mended" // by itself
	parked = "parked" // with a reason and a next step, which was then taken and ended well
)

// faultRow is one line of the table.
type faultRow struct {
	Fault   string  `json:"fault"`
	Seen    string  `json:"seen"` // what the operator sees
	Ended   string  `json:"ended"`
	Reason  string  `json:"reason"`
	Seconds float64 `json:"seconds"`
}

// fault is one case. A rack of stand-ins gets plain Debian while it happens.
type fault struct {
	name  string
	brief bool   // it is quick enough for make test
	ends  string // mended or parked
	says  string // part of the reason of what is parked, or of an event that tells of it
	flags []string
	// before happens with the appliance up and the rack imported; during while the
	// run goes on; after is what the reason tells a person to do.
	before func(f *faulty)
	during func(f *faulty)
	after  func(f *faulty)
	// again are the nodes that may be installed more than once.
	again []string
	// whole replaces all of it, where there is no run.
	whole func(f *faulty) (seen, reason string)
}

// faulty is a case under way.
type faulty struct {
	*rig
	fault
	saw string // what the operator was told, where no event and no reason tells it
}

// dataDisk is a disk that no preview names; nobody may touch it.
const dataDisk = "VOL-compute-1"

var photos = []string{"gpt", "partition 1 data ext4 photos"}

// TestFaults goes through the table: in make test a few of its lines, in make
// faults all.
func TestFaults(t *testing.T) {
	var rows []faultRow
	for _, c := range slices.Concat(killFaults(), nodeFaults(), bmcFaults(), wireFaults(), imageFaults(), hostFaults(), askFaults()) {
		if *faultsTo == "" && !c.brief {
			continue
		}
		t.Run(c.name, func(t *testing.T) { rows = append(rows, c.run(t)) })
	}
	if *faultsTo == "" || len(rows) == 0 {
		return
	}
	writeRows(t, rows, false)
	printRows(rows)
}

// onMachines begins the name of a fault that happened to virtual machines with a
// whole cloud on them, and not to stand-ins.
const onMachines = "virtual machines: "

// writeRows puts rows into the table; those of the other kind of rack stay there.
func writeRows(t *testing.T, rows []faultRow, machines bool) {
	t.Helper()
	var old, table struct {
		Rows []faultRow `json:"rows"`
	}
	b, err := os.ReadFile(*faultsTo)
	if err == nil {
		err = json.Unmarshal(b, &old)
	}
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		t.Fatal(err)
	}
	table.Rows = slices.Concat(rows, slices.DeleteFunc(old.Rows, func(r faultRow) bool { return strings.HasPrefix(r.Fault, onMachines) == machines }))
	if b, err = json.MarshalIndent(table, "", "  "); err == nil {
		err = os.WriteFile(*faultsTo, append(b, '\n'), 0o644)
	}
	if err != nil {
		t.Error(err)
	}
}

func printRows(rows []faultRow) {
	for _, r := range rows {
		fmt.Printf("%-52s %-6s %5.0f s  %s\n", r.Fault, r.Ended, r.Seconds, r.Seen)
	}
}

func (c fault) run(t *testing.T) faultRow {
	machines := lab.DefaultMachines()
	i := slices.IndexFunc(machines, func(m lab.Machine) bool { return m.Name == "compute-1" })
	machines[i].VolumeGB = 4
	needRoot(t)
	f := &faulty{rig: newRig(t, standInImages(t), lab.StandIns(machines, 0)), fault: c}
	if err := f.rack.Disks("compute-1", map[string]standin.Content{dataDisk: {Contents: photos}}); err != nil {
		t.Fatal(err)
	}
	began := time.Now()
	row := faultRow{Fault: c.name, Ended: c.ends}
	if c.whole != nil {
		row.Seen, row.Reason = c.whole(f)
		row.Seconds = time.Since(began).Seconds()
		return row
	}
	f.serveWith(c.flags...)
	f.cli("rack", "import", f.plainDebian())
	if c.before != nil {
		c.before(f)
	}
	began = time.Now()
	f.cli("rack", "install")
	if c.during != nil {
		c.during(f)
	}
	run := f.runEnds()
	row.Seconds = time.Since(began).Seconds()
	switch {
	case c.ends == mended && run.State != inventory.RunDone:
		t.Fatalf("it was to mend by itself, and the run is %s: %s", run.State, run.Reason)
	case c.ends == parked && run.State != inventory.RunFailed:
		t.Fatalf("the run was to be parked with a reason, and is %s", run.State)
	case c.ends == parked && !strings.Contains(run.Reason, c.says):
		t.Errorf("the reason is %q, and was to tell of %q", run.Reason, c.says)
	}
	row.Reason = run.Reason
	if row.Seen = f.saw; row.Seen == "" {
		row.Seen = f.told()
	}
	if c.ends == parked {
		row.Seen = run.Reason
		if c.after != nil {
			c.after(f)
		}
		f.cli("rack", "install")
		if run = f.runEnds(); run.State != inventory.RunDone {
			t.Fatalf("the next step was taken, and the run is %s: %s", run.State, run.Reason)
		}
	}
	f.intact()
	return row
}

// serveWith starts the appliance with more flags.
func (r *rig) serveWith(flags ...string) {
	r.Helper()
	p, err := r.rack.Background(filepath.Join(r.dir, "appliance.log"), append([]string{filepath.Join(r.bin, "appliance"), "serve", "--state", r.dir, "--cache", r.cache}, flags...)...)
	if err != nil {
		r.Fatal(err)
	}
	r.proc = p
	r.cli("wait")
}

// told is the event that tells of the fault, or that nothing was to be told.
func (f *faulty) told() string {
	f.Helper()
	if f.says == "" {
		return "the run goes on"
	}
	for _, e := range f.events() {
		if strings.Contains(e.Text, f.says) {
			return e.Text
		}
	}
	f.Errorf("no event tells of %q", f.says)
	return ""
}

// intact checks that nothing was installed twice, and that the disk which no
// preview names is as it was.
func (f *faulty) intact() {
	f.Helper()
	writes := map[string]int{}
	for _, e := range f.events() {
		if e.Type == inventory.EventStep && strings.HasSuffix(e.Text, "/write/write done") {
			writes[e.Node]++
		}
	}
	for _, n := range f.rackState().Nodes {
		switch {
		case n.Role == "": // somebody else's machine that asked for an address
		case n.State != inventory.Active:
			f.Errorf("%s is %s: %s", n.Name, n.State, n.Reason)
		case writes[n.Name] != 1 && !slices.Contains(f.again, n.Name):
			f.Errorf("%s was installed %d times", n.Name, writes[n.Name])
		}
	}
	var disks map[string]standin.Content
	b, err := os.ReadFile(filepath.Join(f.dir, "compute-1", standin.DisksFile))
	if err == nil {
		err = json.Unmarshal(b, &disks)
	}
	if err != nil || !slices.Equal(disks[dataDisk].Contents, photos) {
		f.Errorf("the disk %s, which nobody named, holds %v (%v)", dataDisk, disks[dataDisk].Contents, err)
	}
}

// holdAt has a machine stop at a step, and waits until it is there.
func (f *faulty) holdAt(machine, step string) {
	f.Helper()
	f.until(step+" is under way", limit, func(s steps) bool { return s[step].State == inventory.StepRunning })
}
