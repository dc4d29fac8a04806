package inventory

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"strings"
	"time"
)

// PreviewInput is what a preview is made from.
type PreviewInput struct {
	Rack     Rack
	PlanHash string
	Steps    []Step // of the plan
	Action   PreviewAction
	// Last are the steps of the rack's latest install and of what reinstalled nodes
	// since, the newest run's first: what they wrote is on the disks though nobody
	// has looked since. Nil before the first.
	Last []Step
	// Only names the node that is to be reinstalled or released: the preview is of it
	// alone, and its data disk is left as it is. "" is an install of the whole rack.
	Only string
	// Release says how Only is released, nil where it is reinstalled.
	Release *ReleaseOptions
	Servers []HostedServer // on that node
	// ImageSize is the size in bytes of a node's image when written; 0 if unknown.
	ImageSize func(Node) int64
}

// MakePreview is pure: the same input gives the same hash.
func MakePreview(in PreviewInput) Preview {
	p := Preview{Rack: in.Rack.Name, PlanHash: in.PlanHash, Action: in.Action, Steps: len(in.Steps), Nodes: []PreviewNode{}, Warnings: []Warning{}}
	h := sha256.New()
	fmt.Fprintln(h, in.PlanHash)
	if in.Only != "" {
		fmt.Fprintf(h, "reinstall %q\n", in.Only)
	}
	if in.Release != nil {
		fmt.Fprintf(h, "release %+v\n", *in.Release)
	}
	for _, n := range in.Rack.Nodes {
		if in.Only != "" && n.Name != in.Only {
			continue
		}
		pn := PreviewNode{Name: n.Name, Role: n.Role, State: n.State, Address: n.Address, Firmware: n.Firmware, NICs: n.NICs, BMC: n.BMC,
			Inspected: n.Hardware != nil, Chapters: previewChapters(in.Steps, n.Name)}
		pn.Disks = in.disks(n)
		for _, d := range pn.Disks {
			if d.Fate == Erased {
				p.Erased++
			}
		}
		if n.Role != "" { // a newcomer that appears meanwhile is no reason to refuse
			shown, _ := json.Marshal(pn.Disks) // plain fields: cannot fail
			fmt.Fprintf(h, "%q %s\n", n.Name, shown)
		}
		p.Warnings = append(p.Warnings, in.warnings(n, pn.Disks)...)
		p.Nodes = append(p.Nodes, pn)
	}
	if p.Servers = in.Servers; len(in.Servers) > 0 {
		shown, _ := json.Marshal(in.Servers)
		fmt.Fprintf(h, "%s\n", shown)
	}
	p.Warnings = append(p.Warnings, in.serverWarnings()...)
	p.Chapters = previewChapters(in.Steps, "")
	p.Hash = hex.EncodeToString(h.Sum(nil))
	return p
}

func previewChapters(steps []Step, node string) []PreviewChapter {
	out := []PreviewChapter{}
	index := map[string]int{}
	for _, s := range steps {
		if s.Node != node {
			continue
		}
		i, ok := index[s.Chapter]
		if !ok {
			i = len(out)
			index[s.Chapter] = i
			out = append(out, PreviewChapter{Chapter: s.Chapter})
		}
		out[i].Steps = append(out[i].Steps, PreviewStep{s.Key, s.Seq, s.Title, s.Why, s.Kind, s.Owner, s.Needs})
	}
	return out
}

// Volumes is the selector of the disk that a node's volumes go to, "" for none.
func (r *Rack) Volumes(n Node) string {
	if r.Release == ReleaseDebian || n.Role != Controller {
		return ""
	}
	return n.VolumeDisk
}

// System is the node's system disk among those found, nil where none or several fit.
func (n *Node) System() *DiskInfo {
	if n.Hardware == nil {
		return nil
	}
	if n.SystemDisk == "" && len(n.Hardware.Disks) == 1 {
		return &n.Hardware.Disks[0]
	}
	return n.disk(n.SystemDisk)
}

// disk finds the one disk that a selector means.
func (n *Node) disk(selector string) *DiskInfo {
	var found *DiskInfo
	for i := range n.Hardware.Disks {
		if n.Hardware.Disks[i].Is(selector) {
			if found != nil {
				return nil
			}
			found = &n.Hardware.Disks[i]
		}
	}
	return found
}

func (in *PreviewInput) disks(n Node) []PreviewDisk {
	out := []PreviewDisk{}
	if n.Role == "" {
		if n.Hardware != nil {
			for _, d := range n.Hardware.Disks {
				out = append(out, PreviewDisk{DiskInfo: d, Fate: Kept, Known: true, Reason: n.Name + " has no role: nothing is written to it"})
			}
		}
		return out
	}
	system := PreviewDisk{DiskInfo: DiskInfo{Serial: n.SystemDisk}, Fate: Erased, Use: "system", Reason: fmt.Sprintf("the system of %s is written to it", article(n.Role))}
	volumes := PreviewDisk{DiskInfo: DiskInfo{Serial: in.Rack.Volumes(n)}, Fate: Erased, Use: "volumes", Reason: "it becomes the volume group of the cloud's volumes"}
	switch {
	case in.Release != nil && in.Release.Dead:
		system.Fate, system.Reason = Kept, "nothing is sent to a machine that is dead; what is on its disks stays there"
	case in.Release != nil && in.Release.Full:
		system.Reason = "it is overwritten from its first block to its last"
	case in.Release != nil:
		system.Reason = "its partition table and what marks its contents are erased"
	}
	if in.Only != "" {
		volumes.Fate, volumes.Reason = Kept, "it holds the cloud's volumes, which a reinstall leaves alone"
	}
	hasSystem, hasVolumes := false, volumes.Serial == ""
	if n.Hardware != nil {
		chosen := n.System()
		for i := range n.Hardware.Disks {
			d := PreviewDisk{DiskInfo: n.Hardware.Disks[i], Fate: Kept, Reason: "no step writes to it"}
			switch {
			case chosen == &n.Hardware.Disks[i]:
				d.Fate, d.Use, d.Reason, hasSystem = system.Fate, system.Use, system.Reason, true
				in.used(&d, n, func(s Step) bool { return s.Chapter == "write" }, "the system that run %d installed")
			case d.Is(volumes.Serial) && !hasVolumes:
				d.Fate, d.Use, d.Reason, hasVolumes = volumes.Fate, volumes.Use, volumes.Reason, true
				in.used(&d, n, func(s Step) bool { return strings.Contains(string(s.Spec), "${node.disk.volumes}") }, "the volumes of the cloud that run %d installed")
			}
			d.Known = true
			out = append(out, d)
		}
	}
	if !hasSystem {
		out = append(out, system)
	}
	if !hasVolumes {
		out = append(out, volumes)
	}
	return out
}

// used notes what the latest install has put on a disk since it was looked at.
func (in *PreviewInput) used(d *PreviewDisk, n Node, wrote func(Step) bool, what string) {
	var seen time.Time
	if n.Hardware != nil {
		seen = n.Hardware.Seen
	}
	for _, s := range in.Last {
		if s.Node == n.Name && wrote(s) && s.StartedAt != nil && s.StartedAt.After(seen) {
			d.Used, d.Contents = true, []string{fmt.Sprintf(what, s.RunID)}
			return
		}
	}
}

// Confirmed lists the disks of a node that an install would erase and that are
// known, as the preview shows them.
func (p *Preview) Confirmed(node string) []ConfirmedDisk {
	var out []ConfirmedDisk
	for _, n := range p.Nodes {
		if n.Name != node {
			continue
		}
		for _, d := range n.Disks {
			if d.Fate == Erased && d.Known {
				out = append(out, ConfirmedDisk{Use: d.Use, Serial: d.Serial, WWN: d.WWN, Bytes: d.Bytes, Contents: d.Contents, Used: d.Used})
			}
		}
	}
	return out
}
