package installer

import "testing"

// TestPhaseText: each phase is explained in both languages.
func TestPhaseText(t *testing.T) {
	for _, p := range phases {
		if x := PhaseText(phaseKey("n", p.name)); x.Title.EN != p.title || x.Title.JA == "" || x.Why.EN != p.why || x.Why.JA == "" {
			t.Errorf("%s: %+v", p.name, x)
		}
	}
	for _, key := range []string{"", "n/power", "n/compute/boot", "n/x/x"} {
		if x := PhaseText(key); x.Title.EN != "" {
			t.Errorf("%q: %+v", key, x)
		}
	}
}
