package disk

import (
	"encoding/binary"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// newDisk makes a sparse file in place of a disk.
func newDisk(t *testing.T, size int64) *Disk {
	t.Helper()
	path := filepath.Join(t.TempDir(), "disk")
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := f.Truncate(size); err != nil {
		t.Fatal(err)
	}
	f.Close()
	d, err := Open(path, true)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { d.Close() })
	return d
}

func (d *Disk) put(t *testing.T, at int64, b string) {
	t.Helper()
	if _, err := d.File.WriteAt([]byte(b), at); err != nil {
		t.Fatal(err)
	}
}

func TestContentsOfWholeDisks(t *testing.T) {
	const size = 64 * MiB
	for name, tt := range map[string]struct {
		fill func(t *testing.T, d *Disk)
		want []string
	}{
		"blank":       {func(*testing.T, *Disk) {}, nil},
		"erased ones": {func(t *testing.T, d *Disk) { d.put(t, 0, strings.Repeat("\xff", MiB)) }, nil},
		"noise":       {func(t *testing.T, d *Disk) { d.put(t, 4711, "x") }, []string{"data of an unknown kind"}},
		"swap":        {func(t *testing.T, d *Disk) { d.put(t, 4086, "SWAPSPACE2"); d.put(t, 1052, "pages") }, []string{"swap pages"}},
		"luks":        {func(t *testing.T, d *Disk) { d.put(t, 0, "LUKS\xba\xbe\x00\x02") }, []string{"LUKS"}},
		"raid 1.0":    {func(t *testing.T, d *Disk) { d.put(t, size-8192, "\xfc\x4e\x2b\xa9") }, []string{"Linux RAID"}},
		"raid 0.90":   {func(t *testing.T, d *Disk) { d.put(t, size-65536, "\xfc\x4e\x2b\xa9") }, []string{"Linux RAID"}},
		"mbr": {func(t *testing.T, d *Disk) {
			e := make([]byte, 16)
			e[4] = 0x83
			binary.LittleEndian.PutUint32(e[8:], 2048)
			binary.LittleEndian.PutUint32(e[12:], 4096)
			d.put(t, 446, string(e))
			d.put(t, 510, "\x55\xaa")
			d.put(t, 2048*512, "XFSB")
			d.put(t, 2048*512+108, "data")
		}, []string{"mbr", "partition 1 xfs data"}},
		"boot sector":  {func(t *testing.T, d *Disk) { d.put(t, 510, "\x55\xaa") }, []string{"boot sector"}},
		"damaged gpt":  {func(t *testing.T, d *Disk) { d.put(t, 512, "EFI PART garbage") }, []string{"damaged gpt"}},
		"lost primary": {func(t *testing.T, d *Disk) { d.put(t, size-512, "EFI PART garbage") }, []string{"damaged gpt"}},
		"lvm": {func(t *testing.T, d *Disk) {
			b := make([]byte, 512)
			copy(b, "LABELONE")
			binary.LittleEndian.PutUint32(b[20:], 32)
			copy(b[24:], "LVM2 001")
			pos := 32 + 40
			binary.LittleEndian.PutUint64(b[pos:], MiB) // one data area, the end, one metadata area
			binary.LittleEndian.PutUint64(b[pos+32:], 4096)
			binary.LittleEndian.PutUint64(b[pos+40:], MiB-4096)
			d.put(t, 512, string(b))
			head := make([]byte, 64)
			binary.LittleEndian.PutUint64(head[40:], 1024)
			d.put(t, 4096, string(head))
			d.put(t, 5120, "cinder-volumes {\nid = ")
		}, []string{"LVM2 cinder-volumes"}},
	} {
		t.Run(name, func(t *testing.T) {
			d := newDisk(t, size)
			tt.fill(t, d)
			if diff := cmp.Diff(tt.want, d.Contents()); diff != "" {
				t.Error(diff)
			}
			if err := d.Wipe(); err != nil {
				t.Fatal(err)
			}
			if left := d.Contents(); left != nil {
				t.Errorf("left after the wipe: %q", left)
			}
		})
	}
}

// TestContentsOfRealFileSystems asks the tools that make them, where they are.
func TestContentsOfRealFileSystems(t *testing.T) {
	for name, tt := range map[string]struct {
		args []string
		want string
	}{
		"ext4": {[]string{"mke2fs", "-q", "-F", "-t", "ext4", "-L", "root"}, "ext4 root"},
		"ext3": {[]string{"mke2fs", "-q", "-F", "-t", "ext3"}, "ext3"},
		"ext2": {[]string{"mke2fs", "-q", "-F", "-t", "ext2"}, "ext2"},
		"swap": {[]string{"mkswap", "-L", "pages"}, "swap pages"},
		"vfat": {[]string{"mkfs.vfat", "-n", "BOOT"}, "vfat BOOT"},
	} {
		t.Run(name, func(t *testing.T) {
			program, err := exec.LookPath(tt.args[0])
			if err != nil {
				t.Skip(err)
			}
			d := newDisk(t, 64*MiB)
			if out, err := exec.Command(program, append(tt.args[1:], d.File.Name())...).CombinedOutput(); err != nil {
				t.Fatalf("%v\n%s", err, out)
			}
			if diff := cmp.Diff([]string{tt.want}, d.Contents()); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func FuzzContents(f *testing.F) {
	f.Add([]byte("EFI PART"), int64(512))
	f.Add([]byte("LABELONE"), int64(512))
	f.Fuzz(func(t *testing.T, b []byte, at int64) {
		d := newDisk(t, 2*MiB)
		if at < 0 || at > 2*MiB-int64(len(b)) {
			return
		}
		d.put(t, at, string(b))
		d.Contents() // must not panic
	})
}
