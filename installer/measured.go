package installer

import (
	"fmt"
	"strings"

	"sandai/inventory"
)

// measuredOn names the machines that a report's figures come from: "3 × Sandai
// Virtual server (4 × QEMU TCG CPU version 2.5+, 3.8 GiB)", each kind once, and
// what the appliance itself runs on, where that is known.
func measuredOn(nodes []inventory.Node, appliance string) string {
	var kinds []string
	count := map[string]int{}
	for _, n := range nodes {
		h := n.Hardware
		if h == nil {
			continue
		}
		k := fmt.Sprintf("%s (%d × %s, %.1f GiB)", strings.TrimSpace(h.Product), h.Cores, h.CPU, float64(h.MemoryMB)/1024)
		if count[k] == 0 {
			kinds = append(kinds, k)
		}
		count[k]++
	}
	var parts []string
	for _, k := range kinds {
		parts = append(parts, fmt.Sprintf("%d × %s", count[k], k))
	}
	if appliance != "" {
		parts = append(parts, "appliance on "+appliance)
	}
	return strings.Join(parts, "; ")
}
