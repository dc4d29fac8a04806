package images

import (
	"bytes"
	"io"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"
	"github.com/klauspost/compress/zstd"
	"github.com/u-root/u-root/pkg/cpio"
	"github.com/ulikunitz/xz"
)

func compress(t *testing.T, data string) []byte {
	t.Helper()
	var b bytes.Buffer
	w, err := xz.NewWriter(&b)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.WriteString(w, data); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func TestRamdisk(t *testing.T) {
	fsys := fstest.MapFS{
		"modules.dep":              text("kernel/fs/fat/vfat.ko.xz: kernel/fs/fat/fat.ko.xz\nkernel/fs/fat/fat.ko.xz:\nkernel/other.ko.xz:\n"),
		"modules.builtin":          text(""),
		"modules.alias":            text("alias fs-vfat vfat\nalias x other\n"),
		"modules.softdep":          text(""),
		"kernel/fs/fat/vfat.ko.xz": &fstest.MapFile{Data: compress(t, "ELF vfat")},
		"kernel/fs/fat/fat.ko.xz":  &fstest.MapFile{Data: compress(t, "ELF fat")},
	}
	m, err := readModules(fsys, "6.12")
	if err != nil {
		t.Fatal(err)
	}
	records, err := moduleFiles(m, []string{"vfat"})
	if err != nil {
		t.Fatal(err)
	}
	records = append(records, cpio.StaticFile("init", "#!init", 0o755))
	file := filepath.Join(t.TempDir(), "ramdisk")
	if err := writeRamdisk(file, records); err != nil {
		t.Fatal(err)
	}
	packed, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if len(packed)%4 != 0 {
		t.Errorf("%d bytes: another archive behind would not begin on a multiple of 4", len(packed))
	}
	slices.Reverse(records)
	if err := writeRamdisk(file, records); err != nil {
		t.Fatal(err)
	}
	if again, err := os.ReadFile(file); err != nil || !bytes.Equal(again, packed) {
		t.Errorf("the same files in another order make another ramdisk, %v", err)
	}

	z, err := zstd.NewReader(bytes.NewReader(packed), zstd.IgnoreChecksum(false))
	if err != nil {
		t.Fatal(err)
	}
	defer z.Close()
	// The padding is no zstd frame: read as far as the frame goes.
	data, _ := io.ReadAll(z)
	got, err := cpio.ReadAllRecords(cpio.Newc.Reader(bytes.NewReader(data)))
	if err != nil {
		t.Fatal(err)
	}
	files := map[string]string{}
	seen := map[string]bool{}
	for _, r := range got {
		if dir := filepath.Dir(r.Name); dir != "." && !seen[dir] {
			t.Errorf("%s comes before its directory", r.Name)
		}
		seen[r.Name] = true
		if r.Mode&cpio.S_IFMT == cpio.S_IFREG {
			b, err := io.ReadAll(io.NewSectionReader(r, 0, int64(r.FileSize)))
			if err != nil {
				t.Fatal(err)
			}
			files[r.Name] = string(b)
		}
		if r.Name == "dev/console" && (r.Mode&cpio.S_IFMT != cpio.S_IFCHR || r.Rmajor != 5 || r.Rminor != 1) {
			t.Errorf("dev/console is %v", r.Info)
		}
		if r.Name == "init" && r.Mode&0o777 != 0o755 {
			t.Errorf("init has mode %o", r.Mode)
		}
	}
	want := map[string]string{
		"init":                                   "#!init",
		"lib/modules/6.12/kernel/fs/fat/vfat.ko": "ELF vfat",
		"lib/modules/6.12/kernel/fs/fat/fat.ko":  "ELF fat",
		"lib/modules/6.12/modules.dep":           "kernel/fs/fat/fat.ko:\nkernel/fs/fat/vfat.ko: kernel/fs/fat/fat.ko\n",
		"lib/modules/6.12/modules.alias":         "alias fs-vfat vfat\n",
		"lib/modules/6.12/modules.softdep":       "",
		"lib/modules/6.12/modules.builtin":       "",
	}
	if d := cmp.Diff(want, files); d != "" {
		t.Error(d)
	}
	for _, d := range []string{"dev", "proc", "sys", "run", "dev/console"} {
		if !seen[d] {
			t.Errorf("there is no %s", d)
		}
	}
}
