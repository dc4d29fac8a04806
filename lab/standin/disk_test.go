package standin

import (
	"path/filepath"
	"strings"
	"testing"
)

func testMachine(t *testing.T) *machine {
	t.Helper()
	m := &machine{Config: Config{Name: "n1", UUID: "u", Dir: t.TempDir(), Disks: []Disk{{"SYS-n1", 1 << 30}, {"VOL-n1", 1 << 30}}}}
	var err error
	if m.disks, err = openDisks(m.Dir); err != nil {
		t.Fatal(err)
	}
	return m
}

func TestPick(t *testing.T) {
	m := testMachine(t)
	for _, sel := range []string{"VOL-n1", m.info(1).WWN} {
		if d, err := m.pick(sel); err != nil || d.Name != "/dev/vdb" {
			t.Errorf("%q picks %s, %v", sel, d.Name, err)
		}
	}
	for _, sel := range []string{"", "SYS-n2"} {
		if d, err := m.pick(sel); err == nil {
			t.Errorf("%q picks %s of two disks", sel, d.Name)
		}
	}
	m.Disks = m.Disks[:1]
	if d, err := m.pick(""); err != nil || d.Serial != "SYS-n1" {
		t.Errorf("the only disk is not picked: %v", err)
	}
}

// TestMayErase: what a run laid out it may erase, and nothing else unasked.
func TestMayErase(t *testing.T) {
	mine, other := label("demo", 7), label("demo", 6)
	for name, c := range map[string]struct {
		contents  []string
		confirmed bool
		ok        bool
	}{
		"blank":       {nil, false, true},
		"mine":        {layout(mine), false, true},
		"an old run":  {layout(other), false, false},
		"a stranger":  {[]string{"xfs"}, false, false},
		"a confirmed": {[]string{"xfs"}, true, true},
	} {
		err := mayErase(diskInfo{Name: "/dev/vda", Contents: c.contents}, c.confirmed, mine)
		if (err == nil) != c.ok || err != nil && !strings.Contains(err.Error(), c.contents[0]) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if !laidOut(layout(other), label("*", 6)) || laidOut(layout(other), label("*", 7)) {
		t.Error("the label for any rack does not tell runs apart")
	}
}

func TestDisksAreRemembered(t *testing.T) {
	m := testMachine(t)
	if err := m.disks.put("SYS-n1", Content{Contents: layout("l"), System: &system{Node: "n1"}}); err != nil {
		t.Fatal(err)
	}
	again, err := openDisks(m.Dir)
	if err != nil || again.get("SYS-n1").System.Node != "n1" || len(again.get("VOL-n1").Contents) != 0 {
		t.Errorf("after a power cut: %+v, %v", again.by, err)
	}
	if m.info(0).WWN == m.info(1).WWN || filepath.Base(m.info(1).Name) != "vdb" {
		t.Errorf("the disks look alike: %+v %+v", m.info(0), m.info(1))
	}
}

func TestAsConfirmed(t *testing.T) {
	const label = "sandai-demo-1"
	was := confirmedDisk{Use: "system", Serial: "S", WWN: "w", Bytes: 5, Contents: []string{"ext4 old"}}
	now := diskInfo{Name: "/dev/vda", Serial: "S", WWN: "w", Bytes: 5, Contents: []string{"ext4 old"}}
	for name, c := range map[string]struct {
		spoil func(c *confirmedDisk, d *diskInfo)
		ok    bool
	}{
		"as it was":        {func(*confirmedDisk, *diskInfo) {}, true},
		"blank since":      {func(_ *confirmedDisk, d *diskInfo) { d.Contents = nil }, true},
		"laid out by us":   {func(_ *confirmedDisk, d *diskInfo) { d.Contents = layout(label) }, true},
		"used":             {func(c *confirmedDisk, d *diskInfo) { c.Used, d.Contents = true, []string{"LVM2"} }, true},
		"of another use":   {func(c *confirmedDisk, d *diskInfo) { c.Use, d.Serial = "volumes", "T" }, true},
		"another disk":     {func(_ *confirmedDisk, d *diskInfo) { d.Serial = "T" }, false},
		"another size":     {func(_ *confirmedDisk, d *diskInfo) { d.Bytes++ }, false},
		"another contents": {func(_ *confirmedDisk, d *diskInfo) { d.Contents = []string{"ext4 new"} }, false},
	} {
		was, now := was, now
		c.spoil(&was, &now)
		if err := asConfirmed([]confirmedDisk{was}, "system", now, label); (err == nil) != c.ok {
			t.Errorf("%s: %v", name, err)
		}
	}
}
