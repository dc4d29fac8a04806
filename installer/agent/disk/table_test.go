package disk

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"os/exec"
	"strings"
	"testing"
)

func TestLay(t *testing.T) {
	for _, size := range []int64{4 << 30, 4<<30 + 512*7, 513 * MiB} {
		d := newDisk(t, size)
		bios, root, err := d.Lay(Label("rack", 7))
		if err != nil {
			t.Fatal(err)
		}
		if bios.Start != MiB || bios.Size != MiB || root.Start%MiB != 0 || root.Start+root.Size > size-33*512 || size-root.Start-root.Size > 3*MiB {
			t.Errorf("size %d: bios %+v, root %+v", size, bios, root)
		}
		if p, err := d.Find("sandai-rack-7"); err != nil || p != root {
			t.Errorf("Find: %+v, %v", p, err)
		}
		if p, err := d.Find(Label("*", 7)); err != nil || p != root {
			t.Errorf("Find any rack: %+v, %v", p, err)
		}
		for _, other := range []string{"sandai-rack-8", "sandai-other-7", Label("*", 17)} {
			if _, err := d.Find(other); err == nil {
				t.Errorf("Find took the disk for %s's", other)
			}
		}
		if want := "gpt|partition 1 bios|partition 2 esp|partition 3 sandai-rack-7"; strings.Join(d.Contents(), "|") != want {
			t.Errorf("contents %q", d.Contents())
		}
	}
	if _, _, err := newDisk(t, 100*MiB).Lay("x"); err == nil {
		t.Error("a disk of 100 MiB was laid out")
	}
}

// TestLayForSfdisk lets util-linux judge the table.
func TestLayForSfdisk(t *testing.T) {
	if _, err := exec.LookPath("sfdisk"); err != nil {
		t.Skip(err)
	}
	d := newDisk(t, 2<<30)
	if _, _, err := d.Lay("sandai-r-1"); err != nil {
		t.Fatal(err)
	}
	out, err := exec.Command("sfdisk", "--verify", d.File.Name()).CombinedOutput()
	if err != nil || !strings.Contains(string(out), "No errors detected") {
		t.Fatalf("sfdisk --verify: %v\n%s", err, out)
	}
	out, err = exec.Command("sfdisk", "--json", d.File.Name()).Output()
	if err != nil {
		t.Fatal(err)
	}
	var got struct {
		PartitionTable struct {
			Label      string
			Partitions []struct{ Type, Name string }
		}
	}
	if err := json.Unmarshal(out, &got); err != nil {
		t.Fatal(err)
	}
	p := got.PartitionTable.Partitions
	if got.PartitionTable.Label != "gpt" || len(p) != 3 || p[0].Type != "21686148-6449-6E6F-744E-656564454649" || p[2].Name != "sandai-r-1" {
		t.Errorf("sfdisk sees %+v", got)
	}
}

func TestLabelFits(t *testing.T) {
	for rack, want := range map[string]string{"r": "sandai-r-12", strings.Repeat("x", 60): "sandai-" + strings.Repeat("x", 26) + "-12"} {
		if got := Label(rack, 12); got != want || len(got) > 36 {
			t.Errorf("Label(%q) = %q, want %q", rack, got, want)
		}
	}
}

func TestMayErase(t *testing.T) {
	d := newDisk(t, 1<<30)
	if err := d.MayErase(false, "sandai-r-1"); err != nil {
		t.Errorf("blank: %v", err)
	}
	if _, _, err := d.Lay("sandai-r-1"); err != nil {
		t.Fatal(err)
	}
	if err := d.MayErase(false, "sandai-r-1"); err != nil {
		t.Errorf("of this run: %v", err)
	}
	err := d.MayErase(false, "sandai-r-2")
	if err == nil || !strings.Contains(err.Error(), "partition 3 sandai-r-1") {
		t.Errorf("of another run: %v", err)
	}
	if err := d.MayErase(true, "sandai-r-2"); err != nil {
		t.Errorf("confirmed: %v", err)
	}
}

// TestWipeReachesInsidePartitions: what lay at the edges of old partitions must
// not turn up in new ones.
func TestWipeReachesInsidePartitions(t *testing.T) {
	d := newDisk(t, 2<<30)
	_, root, err := d.Lay("sandai-r-1")
	if err != nil {
		t.Fatal(err)
	}
	d.put(t, root.Start, "XFSB")
	d.put(t, root.Start+root.Size-8192, "\xfc\x4e\x2b\xa9")
	if err := d.Wipe(); err != nil {
		t.Fatal(err)
	}
	if _, _, err := d.Lay("sandai-r-1"); err != nil {
		t.Fatal(err)
	}
	if c := d.Contents(); c[3] != "partition 3 sandai-r-1" {
		t.Errorf("contents %q", c)
	}
}

func TestInstallGRUB(t *testing.T) {
	d := newDisk(t, 1<<30)
	bios, _, err := d.Lay("sandai-r-1")
	if err != nil {
		t.Fatal(err)
	}
	before := read(d.File, 440, 72)
	boot := bytes.Repeat([]byte{0xbb}, 512)
	boot[510], boot[511] = 0x55, 0xaa
	core := bytes.Repeat([]byte{0xcc}, 512*61+100)
	if err := d.InstallGRUB(boot, core, bios); err != nil {
		t.Fatal(err)
	}
	mbr := read(d.File, 0, 512)
	if got := binary.LittleEndian.Uint64(mbr[0x5c:]); got != 2048 {
		t.Errorf("boot.img starts sector %d, want 2048", got)
	}
	if mbr[0x64] != 0xff || mbr[0] != 0xbb || mbr[439] != 0xbb || !bytes.Equal(mbr[440:], before) {
		t.Error("the boot sector's code or the partition entries behind it are wrong")
	}
	c := read(d.File, bios.Start, 512*62)
	list := c[0x1f4:0x200]
	if binary.LittleEndian.Uint64(list) != 2049 || binary.LittleEndian.Uint16(list[8:]) != 61 || binary.LittleEndian.Uint16(list[10:]) != 0x820 {
		t.Errorf("blocklist % x", list)
	}
	if c[512*61+99] != 0xcc || c[512*61+100] != 0 {
		t.Error("the core image's end is wrong")
	}
	if len(d.Contents()) != 4 {
		t.Errorf("contents %q", d.Contents())
	}
	if d.InstallGRUB(boot[:440], core, bios) == nil || d.InstallGRUB(boot, make([]byte, 2*MiB), bios) == nil || d.InstallGRUB(core[:512], core, bios) == nil {
		t.Error("damaged images were installed")
	}
}
