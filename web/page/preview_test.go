package page_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"sandai/inventory"
	"sandai/web/page"
	"sandai/web/webtest"
)

// found gives the rack's nodes hardware: the controller two disks, one of them
// in use, and the network node one that is blank.
func found(r inventory.Rack) inventory.Rack {
	disk := func(name, serial string, bytes int64, contents ...string) inventory.DiskInfo {
		return inventory.DiskInfo{Name: name, Model: "SAMSUNG MZ7L3960", Serial: serial, WWN: "0x5002538f" + serial, Bytes: bytes, Contents: contents}
	}
	nics := []inventory.NICInfo{{Name: "eth0", MAC: "52:54:00:77:00:01", Link: true, Mbps: 10000}, {Name: "eth1", MAC: "52:54:00:77:01:01", Link: true, Mbps: 10000}}
	r.Nodes = append([]inventory.Node(nil), r.Nodes...)
	r.Nodes[0].VolumeDisk = "VOL-controller-1"
	r.Nodes[0].Hardware = &inventory.Hardware{Cores: 8, MemoryMB: 32768, Virt: "svm", BootMode: "bios", NICs: nics, Disks: []inventory.DiskInfo{
		disk("/dev/sda", "SYS-controller-1", 960e9, "gpt", "partition 1 vfat EFI", "partition 2 ext4 root", "partition 3 swap"),
		disk("/dev/sdb", "VOL-controller-1", 4e12, "LVM2 cinder-volumes"), disk("/dev/sdc", "BACKUP", 8e12, "mbr", "partition 1 xfs backup")}}
	r.Nodes[1].Hardware = &inventory.Hardware{Cores: 4, MemoryMB: 8192, Virt: "svm", BootMode: "uefi", NICs: nics[:1], Disks: []inventory.DiskInfo{disk("/dev/sda", "SYS-network-1", 960e9)}}
	return r
}

func previewOf(r inventory.Rack, steps []inventory.Step, action inventory.PreviewAction) inventory.Preview {
	return inventory.MakePreview(inventory.PreviewInput{Rack: r, PlanHash: "5a9d41aafe03c1d2", Steps: steps, Action: action})
}

func TestPreviewPage(t *testing.T) {
	r := found(webtest.Rack("demo"))
	r.Nodes = append(r.Nodes, inventory.Node{Name: "node-525400770009", State: inventory.Discovered})
	p := previewOf(r, webtest.Steps(), inventory.ActionStart)
	again := previewOf(r, webtest.Steps(), inventory.ActionResume)
	blank := webtest.Rack("demo")
	for i := range blank.Nodes {
		blank.Nodes[i].BMC = nil
	}
	for name, d := range map[string]page.PreviewData{
		"preview":        {Preview: p, Rack: r},
		"preview-wrong":  {Preview: p, Rack: r, Typed: "dmeo", Erase: true, Wrong: true},
		"preview-resume": {Preview: again, Rack: r, Run: 2, Typed: "demo", Unasked: true, Changes: page.PreviewChanges(previewOf(webtest.Rack("demo"), nil, inventory.ActionStart), again)},
		"preview-new": {Preview: previewOf(blank, webtest.Steps(), inventory.ActionStart), Rack: blank, Inspected: &inventory.Inspection{
			Run: &inventory.Run{ID: 3}, Waiting: []string{"compute-1"}, Left: []inventory.LeftOut{{Node: "network-1", Why: "it is active"}}}},
		"preview-running": {Preview: previewOf(r, webtest.Steps(), inventory.ActionRunning), Rack: r, Run: 2},
	} {
		t.Run(name, func(t *testing.T) {
			f := page.Frame{URL: "/racks/demo/preview", Title: page.Both("demo"), Section: "rack", Rack: "demo", Racks: []string{"demo"}, Who: "ann", Role: "operator", Status: page.StatusOf(nil)}
			golden(t, name, "preview", f, page.Preview(d))
		})
	}
}

func TestConsentOf(t *testing.T) {
	r := found(webtest.Rack("demo"))
	blank := r
	blank.Nodes = r.Nodes[1:2]
	for name, c := range map[string]struct {
		p    inventory.Preview
		want page.Consent
		must bool
	}{
		"a disk in use":       {previewOf(r, nil, inventory.ActionStart), page.ConsentFull, true},
		"blank":               {previewOf(blank, nil, inventory.ActionStart), page.ConsentNone, false},
		"never looked at":     {previewOf(webtest.Rack("demo"), nil, inventory.ActionStart), page.ConsentUnknown, false},
		"a failed install":    {previewOf(blank, nil, inventory.ActionResume), page.ConsentAgain, true},
		"an installed rack":   {previewOf(blank, nil, inventory.ActionNothing), page.ConsentAgain, true},
		"installed otherwise": {previewOf(blank, nil, inventory.ActionConfirm), page.ConsentAgain, true},
	} {
		t.Run(name, func(t *testing.T) {
			if got := page.ConsentOf(c.p); got != c.want || got.Must() != c.must {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
}

func TestPreviewChanges(t *testing.T) {
	for name, c := range map[string]struct {
		change func(r *inventory.Rack) []inventory.Step
		want   []string
	}{
		"nothing": {func(*inventory.Rack) []inventory.Step { return webtest.Steps() }, nil},
		"contents": {func(r *inventory.Rack) []inventory.Step {
			r.Nodes[1].Hardware.Disks[0].Contents = []string{"ext4 photos"}
			return webtest.Steps()
		}, []string{"network-1: on /dev/sda SYS-network-1 there was blank and is ext4 photos"}},
		"swapped": {func(r *inventory.Rack) []inventory.Step {
			d := &r.Nodes[1].Hardware.Disks[0]
			d.Serial, d.WWN, r.Nodes[1].SystemDisk = "OTHER", "", "OTHER"
			return webtest.Steps()
		}, []string{"network-1: there is a disk that was not there: /dev/sda OTHER", "network-1: a disk is gone: /dev/sda SYS-network-1"}},
		"fate": {func(r *inventory.Rack) []inventory.Step { r.Nodes[0].VolumeDisk = ""; return webtest.Steps() }, []string{"controller-1: /dev/sdb VOL-controller-1 was to be erased volumes and is to be kept"}},
		"role": {func(r *inventory.Rack) []inventory.Step {
			r.Nodes[2].Role = inventory.NetworkRole
			return webtest.Steps()
		}, []string{"compute-1: the role was compute and is network"}},
		"gone":  {func(r *inventory.Rack) []inventory.Step { r.Nodes = r.Nodes[:2]; return webtest.Steps() }, []string{"compute-1 is no longer in the rack"}},
		"steps": {func(*inventory.Rack) []inventory.Step { return webtest.Steps()[:7] }, []string{"the plan had 8 steps and has 7"}},
	} {
		t.Run(name, func(t *testing.T) {
			old := inventory.MakePreview(inventory.PreviewInput{Rack: found(webtest.Rack("demo")), PlanHash: "a", Steps: webtest.Steps()})
			r := found(webtest.Rack("demo"))
			steps := c.change(&r)
			hash := "a"
			if len(steps) != old.Steps {
				hash = "b"
			}
			now := inventory.MakePreview(inventory.PreviewInput{Rack: r, PlanHash: hash, Steps: steps})
			var got []string
			for _, s := range page.PreviewChanges(old, now) {
				got = append(got, s.EN)
			}
			if d := cmp.Diff(c.want, got); d != "" {
				t.Error(d)
			}
			if (len(got) == 0) != (old.Hash == now.Hash) {
				t.Errorf("the hash differs and nothing is said of it, or the other way round: %v", got)
			}
		})
	}
}
