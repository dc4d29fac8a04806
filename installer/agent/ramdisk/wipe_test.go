package ramdisk

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"sandai/installer/agent"
	"sandai/installer/agent/disk"
	"sandai/inventory"
)

// diskFile makes a file in place of a disk, with an ext4 superblock's mark and a
// label on it, or blank.
func diskFile(t *testing.T, name, label string) (inventory.DiskInfo, *disk.Disk) {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	size := int64(1 << 30)
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if err := f.Truncate(size); err != nil {
		t.Fatal(err)
	}
	if label != "" {
		sb := make([]byte, 264)
		sb[0x38], sb[0x39], sb[0x60] = 0x53, 0xef, 0x40
		copy(sb[0x78:], label)
		if _, err := f.WriteAt(sb, 1024); err != nil {
			t.Fatal(err)
		}
	}
	d, err := disk.Open(path, false)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { d.Close() })
	return inventory.DiskInfo{Name: path, Serial: "SER-" + name, WWN: "naa." + name, Bytes: size}, d
}

func TestWipe(t *testing.T) {
	seen := func(use string, i inventory.DiskInfo, contents ...string) inventory.ConfirmedDisk {
		return inventory.ConfirmedDisk{Use: use, Serial: i.Serial, WWN: i.WWN, Bytes: i.Bytes, Contents: contents}
	}
	const label = "sandai-demo-1"
	for name, c := range map[string]struct {
		system, volumes string // labels of what is on them
		erase           bool
		confirmed       func(system, volumes inventory.DiskInfo) []inventory.ConfirmedDisk
		laid            bool   // this run laid the system disk out
		refused         string // part of the reason; "" when both are wiped
	}{
		"blank":             {},
		"not blank":         {system: "old", refused: "is not blank"},
		"volumes not blank": {volumes: "data", refused: "is not blank"},
		"erase, never seen": {system: "old", volumes: "data", erase: true},
		"erase, as seen": {system: "old", erase: true, confirmed: func(s, _ inventory.DiskInfo) []inventory.ConfirmedDisk {
			return []inventory.ConfirmedDisk{seen("system", s, "ext4 old")}
		}},
		"seen, but erase was not": {system: "old", confirmed: func(s, _ inventory.DiskInfo) []inventory.ConfirmedDisk {
			return []inventory.ConfirmedDisk{seen("system", s, "ext4 old")}
		}, refused: "is not blank"},
		"filled since": {system: "new", erase: true, confirmed: func(s, _ inventory.DiskInfo) []inventory.ConfirmedDisk {
			return []inventory.ConfirmedDisk{seen("system", s)}
		}, refused: "it held nothing and holds ext4 new"},
		"other contents": {system: "new", erase: true, confirmed: func(s, _ inventory.DiskInfo) []inventory.ConfirmedDisk {
			return []inventory.ConfirmedDisk{seen("system", s, "ext4 old")}
		}, refused: "it held ext4 old and holds ext4 new"},
		"wiped since": {erase: true, confirmed: func(s, _ inventory.DiskInfo) []inventory.ConfirmedDisk {
			return []inventory.ConfirmedDisk{seen("system", s, "ext4 old")}
		}},
		"another disk": {erase: true, confirmed: func(s, _ inventory.DiskInfo) []inventory.ConfirmedDisk {
			s.Serial = "OTHER"
			return []inventory.ConfirmedDisk{seen("system", s)}
		}, refused: `it was serial "OTHER"`},
		"another size": {erase: true, confirmed: func(s, _ inventory.DiskInfo) []inventory.ConfirmedDisk {
			s.Bytes--
			return []inventory.ConfirmedDisk{seen("system", s)}
		}, refused: "bytes and has"},
		"volumes filled since": {system: "old", volumes: "data", erase: true, confirmed: func(s, v inventory.DiskInfo) []inventory.ConfirmedDisk {
			return []inventory.ConfirmedDisk{seen("system", s, "ext4 old"), seen("volumes", v)}
		}, refused: "the disk for volumes, is not as it was"},
		"used by an earlier install": {volumes: "cloud", erase: true, confirmed: func(_, v inventory.DiskInfo) []inventory.ConfirmedDisk {
			c := seen("volumes", v, "the volumes of run 1")
			c.Used = true
			return []inventory.ConfirmedDisk{c}
		}},
		"laid out by this run": {laid: true, erase: true, confirmed: func(s, _ inventory.DiskInfo) []inventory.ConfirmedDisk {
			return []inventory.ConfirmedDisk{seen("system", s, "ext4 old")}
		}},
		"laid out, nobody erased yet": {laid: true},
	} {
		t.Run(name, func(t *testing.T) {
			system, sd := diskFile(t, "sys", c.system)
			volumes, vd := diskFile(t, "vol", c.volumes)
			if c.laid {
				w, err := disk.Open(system.Name, true)
				if err != nil {
					t.Fatal(err)
				}
				if _, _, err := w.Lay(label); err != nil {
					t.Fatal(err)
				}
				w.Close()
			}
			before := strings.Join(append(sd.Contents(), vd.Contents()...), ";")
			s := wipeSpec{Erase: c.erase, Run: "demo"}
			if c.confirmed != nil {
				s.Confirmed = c.confirmed(system, volumes)
			}
			out := wipeAll(t.Context(), slog.New(slog.DiscardHandler), s, label, []target{{"system", system}, {"volumes", volumes}}, nil)
			after := strings.Join(append(sd.Contents(), vd.Contents()...), ";")
			switch {
			case c.refused == "" && (out.Err != nil || after != ""):
				t.Errorf("%v; left on the disks: %q", out.Err, after)
			case c.refused != "" && (out.Err == nil || !strings.Contains(out.Err.Error(), c.refused)):
				t.Errorf("got %v, want a refusal with %q", out.Err, c.refused)
			case c.refused != "" && after != before:
				t.Errorf("refused, and the disks changed from %q to %q", before, after)
			}
		})
	}
}

// TestOverwrite: a full wipe leaves not one byte, between the edges too, and says
// how far it is.
func TestOverwrite(t *testing.T) {
	system, d := diskFile(t, "sys", "old")
	const secret = "in the middle of nowhere"
	w, err := os.OpenFile(system.Name, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.WriteAt([]byte(secret), 500<<20); err != nil {
		t.Fatal(err)
	}
	w.Close()
	var said []agent.Progress
	out := wipeAll(t.Context(), slog.New(slog.DiscardHandler), wipeSpec{Erase: true, Full: true, Run: "demo"}, "sandai-demo-1", []target{{"system", system}},
		func(p agent.Progress) { said = append(said, p) })
	if out.Err != nil || !out.Changed || len(d.Contents()) > 0 {
		t.Fatalf("%v, changed %v, left %v", out.Err, out.Changed, d.Contents())
	}
	got := make([]byte, len(secret))
	if _, err := d.File.ReadAt(got, 500<<20); err != nil || strings.Trim(string(got), "\x00") != "" {
		t.Errorf("in the middle there is %q, %v", got, err)
	}
	if n := len(said); n == 0 || said[n-1].Fraction != 1 || !strings.Contains(said[n-1].Stdout, "1024 of 1024 MiB") {
		t.Errorf("said was %+v", said)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if out := wipeAll(ctx, slog.New(slog.DiscardHandler), wipeSpec{Erase: true, Full: true}, "", []target{{"system", system}}, nil); !errors.Is(out.Err, context.Canceled) {
		t.Errorf("broken off: %v", out.Err)
	}
}
