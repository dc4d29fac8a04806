package e2e

import (
	"fmt"
	"strings"
	"time"

	"sandai/inventory"
	"sandai/lab"
	"sandai/lab/standin"
)

// killFaults end the appliance as a power cut would.
func killFaults() []fault {
	return []fault{{
		name: "appliance killed before and after every step", ends: mended,
		before: func(f *faulty) {
			for _, n := range []string{"controller-1", "network-1", "compute-1"} {
				if err := f.rack.Knobs(n, standin.Knobs{Pace: 1500}); err != nil {
					f.Fatal(err)
				}
			}
		},
		during: func(f *faulty) { f.killEverywhere() },
	}, {
		name: "the appliance is gone while a machine's boot loader asks, which starts its earlier system then", ends: mended, says: "its earlier system",
		again: []string{"compute-1"},
		whole: func(f *faulty) (string, string) { return f.startsEarlierSystem(), "" },
	}}
}

// startsEarlierSystem has a machine that is reinstalled find no appliance when its
// boot loader asks: it goes on to the next boot device, its disk.
func (f *faulty) startsEarlierSystem() string {
	f.Helper()
	f.serve()
	f.cli("rack", "import", f.plainDebian())
	f.cli("rack", "install")
	f.runEnds()
	const step = "compute-1/loader/loader"
	f.knobs("compute-1", standin.Knob{Step: step, Hang: true})
	f.reinstall("compute-1")
	f.wait("the boot loader asks", limit, func() bool { return f.stepsOf(f.runs()[0])[step].State == inventory.StepRunning })
	starts := func() int { return strings.Count(f.console(), "in place of the installed system of compute-1") }
	before := starts()
	f.kill()
	f.knobs("compute-1")
	f.wait("the machine starts from its disk", limit, func() bool { return starts() > before })
	f.serve()
	f.reinstalled("compute-1")
	f.intact()
	return f.told()
}

// killEverywhere kills the appliance as often as a step begins or ends.
func (f *faulty) killEverywhere() {
	f.Helper()
	seen := map[string]inventory.StepState{}
	kills := 0
	for {
		fresh, open := 0, 0
		for key, s := range f.steps() {
			if s.State != seen[key] && (s.State == inventory.StepRunning || s.State == inventory.StepDone) {
				seen[key] = s.State
				fresh++
			}
			if s.State != inventory.StepDone {
				open++
			}
		}
		if open == 0 {
			break
		}
		if fresh == 0 {
			if f.Context().Err() != nil {
				f.Fatal("the run does not end")
			}
			time.Sleep(20 * time.Millisecond) // the poll of a condition
			continue
		}
		f.kill()
		f.serve()
		kills++
	}
	f.Logf("killed %d times", kills)
	if kills < 12 {
		f.Errorf("the appliance was killed only %d times", kills)
	}
	f.fault.name += fmt.Sprintf(" (%d times)", kills)
}

// cut takes the power of compute-1 at a step.
func cut(name, step string, more ...func(*faulty)) fault {
	key := "compute-1/" + step + "/" + step
	return fault{
		name: name, ends: mended, says: "its installation begins again", again: []string{"compute-1"},
		before: func(f *faulty) { f.knobs("compute-1", standin.Knob{Step: key, Hang: true}) },
		during: func(f *faulty) {
			f.holdAt("compute-1", key)
			if err := f.rack.CutPower("compute-1"); err != nil {
				f.Fatal(err)
			}
			f.knobs("compute-1")
			for _, m := range more {
				m(f)
			}
		},
	}
}

func nodeFaults() []fault {
	comesBack := func(f *faulty) { // the power is back at once, and the machine starts by itself
		if err := f.rack.GivePower(f.Context(), "compute-1"); err != nil {
			f.Fatal(err)
		}
	}
	blink := cut("a node's power blinks while its image is written", "write", comesBack)
	blink.says = "started anew in the middle"
	return []fault{
		cut("a node's power is cut while it asks for an address", "dhcp"),
		cut("a node's power is cut while the ramdisk starts", "agent"),
		cut("a node's power is cut while its image is written", "write"),
		blink,
		cut("a node's power is cut at its first boot", "boot"),
		{
			name: "a node never comes back", ends: parked, says: "look at the console", flags: []string{"--patience", "0.04"},
			before: func(f *faulty) {
				f.knobs("compute-1", standin.Knob{Step: "compute-1/firmware/firmware", Hang: true})
			},
			after: func(f *faulty) { f.knobs("compute-1") },
		},
		{
			name: "a node loses its power again and again", ends: parked, says: "its power supply", again: []string{"compute-1"},
			before: func(f *faulty) {
				f.knobs("compute-1", standin.Knob{Step: "compute-1/write/write", Hang: true}) // else a quick one is through before
				f.setFault("compute-1", lab.ChassisFault{Trips: 9, TripMS: 1500})
			},
			after: func(f *faulty) {
				f.knobs("compute-1")
				f.setFault("compute-1", lab.ChassisFault{})
			},
		},
		{
			name: "a node's power is cut in a guide step", ends: mended,
			whole: func(f *faulty) (string, string) {
				const step = "compute-1/environment/hosts"
				f.knobs("compute-1", standin.Knob{Step: step, Hang: true})
				f.serve()
				f.cli("rack", "import", f.rack.File())
				f.cli("rack", "install")
				f.holdAt("compute-1", step)
				if err := f.rack.CutPower("compute-1"); err != nil {
					f.Fatal(err)
				}
				f.knobs("compute-1")
				f.wait("the step is done", limit, func() bool { return f.stepsOf(f.runs()[0])[step].State == inventory.StepDone })
				for _, e := range f.events() {
					if e.Type == inventory.EventPower && strings.Contains(e.Text, "powered on again") {
						return e.Text, ""
					}
				}
				f.Error("no event tells of the power")
				return "", ""
			},
		},
	}
}

func (f *faulty) setFault(machine string, c lab.ChassisFault) {
	f.Helper()
	if err := f.rack.SetFault(machine, c); err != nil {
		f.Fatal(err)
	}
}
