package e2e

import (
	"path/filepath"
	"strings"

	"sandai/images"
	"sandai/inventory"
	"sandai/lab/standin"
)

func wireFaults() []fault {
	bad := func(k standin.Knobs) func(f *faulty) {
		return func(f *faulty) {
			if err := f.rack.Knobs("compute-1", k); err != nil {
				f.Fatal(err)
			}
		}
	}
	return []fault{
		{name: "DHCP, HTTP and the agent over a wire that loses a fifth", ends: mended, before: bad(standin.Knobs{Wire: &standin.Wire{Lose: 0.2}})},
		{name: "DHCP, HTTP and the agent over a wire that doubles and delays", ends: mended, before: bad(standin.Knobs{Wire: &standin.Wire{Double: 0.3, Late: 0.3, LateMS: 400}})},
		{
			name: "TFTP over a wire that loses, doubles and reorders", ends: mended,
			before: bad(standin.Knobs{ROM: "pxe", Wire: &standin.Wire{Lose: 0.1, Double: 0.1, Late: 0.1, LateMS: 60}}),
			during: func(f *faulty) {
				s, err := images.OpenStore(filepath.Join(f.cache, "store"))
				if err != nil {
					f.Fatal(err)
				}
				img, err := s.Get("undionly.kpxe")
				if err != nil {
					f.Fatal(err)
				}
				f.until("the loader was fetched", limit, func(s steps) bool { return s["compute-1/loader/loader"].State == inventory.StepDone })
				if con := f.console(); !strings.Contains(con, "ok, 204800 bytes, SHA-256 "+img.Digest) {
					f.Errorf("the loader is not what is in the store, %s:\n%s", img.Digest, last(con, 2000))
				}
			},
		},
	}
}
