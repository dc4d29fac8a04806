package lab

import (
	"context"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"sandai/lab/standin"
)

// TestStandIn: a stand-in goes on and off as its BMC is told to, and leaves no
// cable behind; a newcomer is on from the start, and rack.yaml is silent on it.
func TestStandIn(t *testing.T) {
	need(t, true, "ipmi_sim", "ip", "nsenter", "ipmitool")
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	o := Options{Dir: t.TempDir(), Name: fmt.Sprintf("s-%d", os.Getpid()), Helper: []string{exe, helperWord}, Log: testLog(t),
		Machines: StandIns([]Machine{{Name: "m1", Role: "compute", VolumeGB: 1}}, 1)}
	r, err := Up(t.Context(), o)
	if r != nil {
		t.Cleanup(func() {
			if err := r.Down(context.Background(), false); err != nil {
				t.Error(err)
			}
		})
	}
	if err != nil {
		t.Fatal(err)
	}
	if s := r.Status(); !s.Up || s.Machines[0].Power || !s.Machines[1].Power {
		t.Fatalf("a rack that just came up: %+v", s)
	}
	if again, err := Up(t.Context(), o); err != nil || len(again.Began) != 0 {
		t.Errorf("a second Up began %q: %v", again.Began, err)
	}
	b, err := os.ReadFile(r.File())
	if err != nil || strings.Contains(string(b), "newcomer") || strings.Contains(string(b), "slow") || !strings.Contains(string(b), "VOL-m1") {
		t.Errorf("rack.yaml: %v\n%s", err, b)
	}
	cables := func() int {
		out, err := r.Exec(t.Context(), "ip", "-o", "link", "show", "type", "veth").Output()
		if err != nil {
			t.Fatal(err)
		}
		return strings.Count(string(out), "tap0")
	}

	ipmi(t, r, "chassis", "power", "on")
	if power(t, r) != "on" || cables() != 2 {
		t.Errorf("after power on: power %s, %d cables", power(t, r), cables())
	}
	const nothing = "No bootable device"
	waitFor(t, time.Minute, nothing, func() bool { return strings.Contains(console(t, r, 0), nothing) })
	disk, network := strings.Index(console(t, r, 0), "Hard Disk"), strings.Index(console(t, r, 0), "network boot")
	if disk < 0 || network < disk {
		t.Errorf("it tried the network before the disk, or one of them not at all:\n%s", console(t, r, 0))
	}

	begin := len(console(t, r, 0))
	ipmi(t, r, "chassis", "bootdev", "pxe")
	ipmi(t, r, "chassis", "power", "reset")
	waitFor(t, time.Minute, nothing, func() bool { return strings.Contains(console(t, r, begin), nothing) })
	_, after, _ := strings.Cut(console(t, r, begin), "firmware:")
	if disk, network = strings.Index(after, "Hard Disk"), strings.Index(after, "network boot"); network < 0 || disk < network {
		t.Errorf("it tried the disk before the network, or one of them not at all:\n%s", after)
	}
	if cables() != 2 {
		t.Errorf("after a reset there are %d cables", cables())
	}

	ipmi(t, r, "chassis", "power", "soft")
	waitFor(t, time.Minute, "the machine powers itself down", func() bool { return power(t, r) == "off" })
	if !strings.HasSuffix(console(t, r, 0), "Power down.\r\n") {
		t.Errorf("its last words: %q", last(console(t, r, 0), 100))
	}
	ipmi(t, r, "chassis", "power", "on")
	ipmi(t, r, "chassis", "power", "off")
	if power(t, r) != "off" || cables() != 0 {
		t.Errorf("after power off: power %s, %d cables", power(t, r), cables())
	}

	if err := r.Knobs("m1", standin.Knobs{Steps: []standin.Knob{{Step: "["}}}); err == nil {
		t.Error("a knob that is no pattern was taken")
	}
	newcomer := machineDir{r.Dir, "newcomer-1"}.running()
	if err := r.Down(t.Context(), false); err != nil || newcomer.Alive() || r.s.namespace().exists() {
		t.Errorf("after down: %v, the newcomer is alive: %t", err, newcomer.Alive())
	}
}

func last(s string, n int) string { return s[max(0, len(s)-n):] }
