package page

import (
	"cmp"
	"fmt"
	"slices"

	"sandai/inventory"
)

// nodesShown is how many compute nodes the capacity is drawn of, the fullest first.
const nodesShown = 40

// CapacityView is what the cloud has and what is taken.
type CapacityView struct {
	Bars      []CapacityBar
	Instances *int
	ByStatus  []StatusCount
	Volumes   *int
	Nodes     []NodeBars
	More      int // compute nodes that are not drawn
	Trouble   []PartTrouble
}

// CapacityBar is a bar of 1000 units. Width 0 to 1000 is taken; Real is where
// what there is ends, 0 where that is the whole bar.
type CapacityBar struct {
	Name        Text
	Known       bool
	Used, Total string
	Width, Real int
	Class       string // "good", "wait" from 80 %, "bad" from 95 %
	Ratio       float64
}

// StatusCount counts the instances in a state.
type StatusCount struct {
	Status string
	N      int
}

// NodeBars are the bars of one compute node.
type NodeBars struct {
	Node string
	Bars []CapacityBar
}

func capacityView(d CloudData) CapacityView {
	c := d.Status.Value.Capacity
	v := CapacityView{Instances: c.Instances, Volumes: c.Volumes,
		Trouble: troubles(d.Status.Value, inventory.PartPlacement, inventory.PartFloating, inventory.PartInstances, inventory.PartVolumes)}
	if !d.Status.Known() {
		return v
	}
	v.Bars = []CapacityBar{bar(Text{"Virtual CPUs", "仮想 CPU"}, c.VCPUs, count), bar(Text{"Memory", "メモリ"}, c.MemoryMB, mib), bar(Text{"Disk of the compute nodes", "コンピュートのディスク"}, c.DiskGB, gib),
		bar(Text{"Volumes", "ボリューム"}, c.VolumeGB, gib), bar(Text{"Floating addresses", "フローティング IP"}, c.FloatingIPs, count)}
	for s, n := range c.ByStatus {
		v.ByStatus = append(v.ByStatus, StatusCount{s, n})
	}
	slices.SortFunc(v.ByStatus, func(a, b StatusCount) int { return cmp.Or(b.N-a.N, cmp.Compare(a.Status, b.Status)) })
	nodes := slices.Clone(c.ComputeNodes)
	slices.SortStableFunc(nodes, func(a, b inventory.NodeCapacity) int { return cmp.Compare(full(b.MemoryMB), full(a.MemoryMB)) })
	for i, n := range nodes {
		if i == nodesShown {
			v.More = len(nodes) - nodesShown
			break
		}
		v.Nodes = append(v.Nodes, NodeBars{n.Node, []CapacityBar{bar(Text{"CPUs", "CPU"}, &n.VCPUs, count), bar(Text{"memory", "メモリ"}, &n.MemoryMB, mib), bar(Text{"disk", "ディスク"}, &n.DiskGB, gib)}})
	}
	return v
}

func full(a inventory.Amount) float64 {
	if a.Total <= 0 {
		return 0
	}
	return a.Used / a.Total
}

func count(f float64) string { return fmt.Sprintf("%.0f", f) }
func mib(f float64) string   { return fmt.Sprintf("%.1f GiB", f/1024) }
func gib(f float64) string   { return fmt.Sprintf("%.0f GiB", f) }

func bar(name Text, a *inventory.Amount, print func(float64) string) CapacityBar {
	b := CapacityBar{Name: name}
	if a == nil {
		return b
	}
	b.Known, b.Used, b.Total, b.Ratio, b.Class = true, print(a.Used), print(a.Total), a.Ratio, "good"
	b.Width = int(min(1, full(*a)) * 1000)
	switch {
	case b.Width >= 950:
		b.Class = "bad"
	case b.Width >= 800:
		b.Class = "wait"
	}
	if a.Ratio > 1 {
		b.Real = int(1000 / a.Ratio)
	}
	return b
}
