package installer

import (
	"testing"

	"sandai/inventory"
)

func TestMeasuredOn(t *testing.T) {
	hw := func(cores int) *inventory.Hardware {
		return &inventory.Hardware{Product: "Acme R1 ", CPU: "Fast CPU", Cores: cores, MemoryMB: 3072}
	}
	nodes := []inventory.Node{{Hardware: hw(2)}, {}, {Hardware: hw(1)}, {Hardware: hw(2)}}
	want := "2 × Acme R1 (2 × Fast CPU, 3.0 GiB); 1 × Acme R1 (1 × Fast CPU, 3.0 GiB); appliance on 2 × Old CPU"
	if got := measuredOn(nodes, "2 × Old CPU"); got != want {
		t.Errorf("measuredOn:\n got %s\nwant %s", got, want)
	}
	if got := measuredOn([]inventory.Node{{}}, ""); got != "" {
		t.Errorf("nothing is known, and measuredOn says %q", got)
	}
}
