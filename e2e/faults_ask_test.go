package e2e

import (
	"os/exec"
	"path/filepath"
	"strings"
	"sync"

	"sandai/inventory"
	"sandai/lab/standin"
)

// askFaults are of people who ask for two things at once.
func askFaults() []fault {
	return []fault{
		{
			name: "two installs are asked for at once", brief: true, ends: mended,
			before: func(f *faulty) {
				f.knobs("compute-1", standin.Knob{Step: "compute-1/write/write", Hang: true})
				var wg sync.WaitGroup
				for range 4 {
					wg.Go(func() {
						cmd := exec.CommandContext(f.Context(), filepath.Join(f.bin, "appliance"), "--state", f.dir, "rack", "install")
						if out, err := cmd.CombinedOutput(); err != nil {
							f.Errorf("an install asked for beside others: %v: %s", err, out)
						}
					})
				}
				wg.Wait()
				if n := len(f.runs()); n != 1 {
					f.Errorf("four installs asked for at once made %d runs", n)
				}
				f.knobs("compute-1")
			},
		},
		{
			name: "a node that is being installed is to be inspected too", ends: mended,
			before: func(f *faulty) { f.knobs("compute-1", standin.Knob{Step: "compute-1/write/write", Hang: true}) },
			during: func(f *faulty) {
				f.holdAt("compute-1", "compute-1/write/write")
				cmd := exec.CommandContext(f.Context(), filepath.Join(f.bin, "appliance"), "--state", f.dir, "rack", "inspect", "--node", "compute-1")
				if out, err := cmd.CombinedOutput(); err == nil || !strings.Contains(string(out), "compute-1") {
					f.Errorf("the inspection of a node that is being installed: %v: %s", err, out)
				}
				if runs := f.runs(); len(runs) != 1 || runs[0].State != inventory.RunActive {
					f.Errorf("the runs are %v", runs)
				}
				f.knobs("compute-1")
			},
		},
	}
}
