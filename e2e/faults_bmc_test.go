package e2e

import (
	"sandai/inventory"
	"sandai/lab"
)

func bmcFaults() []fault {
	freeze := func(frozen bool) func(f *faulty) {
		return func(f *faulty) {
			if err := f.rack.FreezeBMC("compute-1", frozen); err != nil {
				f.Fatal(err)
			}
		}
	}
	chassis := func(c lab.ChassisFault) func(f *faulty) {
		return func(f *faulty) { f.setFault("compute-1", c) }
	}
	restart := func(password func(f *faulty) string) func(f *faulty) {
		return func(f *faulty) {
			if err := f.rack.RestartBMC(f.Context(), "compute-1", password(f)); err != nil {
				f.Fatal(err)
			}
		}
	}
	well := chassis(lab.ChassisFault{})
	var password string
	return []fault{
		{name: "a BMC does not answer", brief: true, ends: parked, says: "does not answer", before: freeze(true), after: freeze(false)},
		{name: "a BMC answers with errors", ends: parked, says: "compute-1/power/power", before: chassis(lab.ChassisFault{Mute: true}), after: well},
		{name: "a BMC accepts and does nothing", ends: parked, says: "nothing", before: chassis(lab.ChassisFault{Deaf: true}), after: well},
		{name: "a BMC switches its machine off twice", ends: mended, says: "its power went off", again: []string{"compute-1"}, before: chassis(lab.ChassisFault{Trips: 2, TripMS: 500})},
		{
			name: "a BMC restarts and drops its sessions", ends: mended,
			during: func(f *faulty) {
				f.until("the machine is on", limit, func(s steps) bool { return s["compute-1/power/power"].State == inventory.StepDone })
				restart(func(*faulty) string { return "" })(f)
			},
		},
		{
			name: "a BMC changes its password", ends: parked, says: "refuses the login",
			before: func(f *faulty) {
				var err error
				if _, _, password, err = f.rack.BMC("compute-1"); err != nil {
					f.Fatal(err)
				}
				restart(func(*faulty) string { return "other-password" })(f)
			},
			after: restart(func(*faulty) string { return password }),
		},
	}
}
