package images

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"

	"github.com/klauspost/compress/zstd"
	"github.com/u-root/u-root/pkg/cpio"
	"golang.org/x/sync/errgroup"

	"sandai/inventory"
)

// deployModules is what the deploy ramdisk can drive: the NICs and disk
// controllers of servers and of QEMU, the file systems it writes and reads, the
// BMC. Some cards (bnx2, bnx2x, ice) also want firmware, which Debian keeps in
// non-free-firmware; it is not included.
var deployModules = []string{
	"virtio_pci", "virtio_net", "virtio_blk", "virtio_scsi", "virtio_rng",
	"e1000", "e1000e", "igb", "ixgbe", "i40e", "ice", "tg3", "bnx2", "bnx2x", "bnxt_en", "mlx4_en", "mlx5_core", "r8169",
	"ahci", "ata_piix", "sd_mod", "nvme", "megaraid_sas", "mpt3sas",
	"ext4", "crc32c_generic", "crc32c_intel", "vfat", "nls_cp437", "nls_ascii", "nls_utf8",
	"ipmi_si", "ipmi_devintf", "bonding", "8021q",
}

// rescuePrograms are what a person works with in a rescue; the rest is on the disk.
var rescuePrograms = []string{"usr/bin/busybox", "usr/sbin/dropbear", "usr/sbin/e2fsck", "usr/sbin/blkid"}

// kernel stores Debian's kernel as it is.
func (s *session) kernel(ctx context.Context) (inventory.Image, error) {
	return s.image(ctx, NameKernel, keyOf(NameKernel, s.baseKey()), func(ctx context.Context, j *journal, work string) (artefact, error) {
		r, err := s.roots()
		if err != nil {
			return artefact{}, err
		}
		m, err := kernelModules(r.base)
		if err != nil {
			return artefact{}, err
		}
		fmt.Fprintln(j, "Linux", m.version)
		return artefact{path: filepath.Join(r.base, "boot", "vmlinuz-"+m.version), format: "file"}, nil
	})
}

func (s *session) ramdisk(ctx context.Context) (inventory.Image, error) {
	agent, err := fileDigest(s.Agent)
	if err != nil {
		return inventory.Image{}, inventory.Errorf(inventory.Invalid, "the agent's binary, which becomes the ramdisk's /init: %w (make it with: make build)", err)
	}
	return s.image(ctx, NameRamdisk, keyOf(NameRamdisk, s.baseKey(), agent, deployModules, rescuePrograms), func(ctx context.Context, j *journal, work string) (artefact, error) {
		r, err := s.roots()
		if err != nil {
			return artefact{}, err
		}
		m, err := kernelModules(r.base)
		if err != nil {
			return artefact{}, err
		}
		init, err := os.ReadFile(s.Agent)
		if err != nil {
			return artefact{}, err
		}
		records, err := moduleFiles(m, deployModules)
		if err != nil {
			return artefact{}, err
		}
		fmt.Fprintf(j, "Linux %s, %d files of modules\n", m.version, len(records))
		programs, err := programRecords([]string{r.tools, r.base}, rescuePrograms...)
		if err != nil {
			return artefact{}, err
		}
		records = append(records, programs...)
		records = append(records, cpio.StaticFile("init", string(init), 0o755))
		out := filepath.Join(work, NameRamdisk)
		return artefact{path: out, format: "file"}, writeRamdisk(out, records)
	})
}

// moduleFiles is /lib/modules/VERSION with the modules that are asked for and
// what they need, decompressed, and depmod's index files cut down to them.
func moduleFiles(m *modules, names []string) ([]cpio.Record, error) {
	names, err := m.closure(names)
	if err != nil {
		return nil, err
	}
	dir := path.Join("lib/modules", m.version)
	records := make([]cpio.Record, len(names))
	var g errgroup.Group
	g.SetLimit(parallel)
	for i, n := range names {
		g.Go(func() error {
			data, err := m.read(n)
			records[i] = cpio.StaticFile(path.Join(dir, m.plainPath(n)), string(data), 0o644)
			return err
		})
	}
	if err := g.Wait(); err != nil {
		return nil, err
	}
	add := func(name string, data []byte) {
		records = append(records, cpio.StaticFile(path.Join(dir, name), string(data), 0o644))
	}
	add("modules.dep", m.dep(names))
	alias, err := m.filter("modules.alias", 2, names)
	if err != nil {
		return nil, err
	}
	add("modules.alias", alias)
	soft, err := m.filter("modules.softdep", 1, names)
	if err != nil {
		return nil, err
	}
	add("modules.softdep", soft)
	builtin, err := fs.ReadFile(m.fsys, "modules.builtin")
	if err != nil {
		return nil, err
	}
	add("modules.builtin", builtin)
	return records, nil
}

// writeRamdisk writes a zstd-compressed initramfs (newc cpio, Linux's
// Documentation/driver-api/early-userspace/buffer-format.rst) in which every
// time is 0 and the order is that of the names.
func writeRamdisk(file string, records []cpio.Record) error {
	f, err := os.Create(file)
	if err != nil {
		return err
	}
	defer f.Close()
	z, err := zstd.NewWriter(f, zstd.WithEncoderLevel(zstd.SpeedBetterCompression), zstd.WithWindowSize(4<<20))
	if err != nil {
		return err
	}
	if err := writeCPIO(z, records); err != nil {
		z.Close()
		return err
	}
	if err := z.Close(); err != nil {
		return err
	}
	// Another archive may be put behind: the kernel wants it on a multiple of 4.
	size, err := f.Seek(0, io.SeekEnd)
	if err != nil {
		return err
	}
	if _, err := f.Write(bytes.Repeat([]byte{0}, int(-size&3))); err != nil {
		return err
	}
	return f.Close()
}

// writeCPIO writes records, with the directories above them and /dev/console.
func writeCPIO(w io.Writer, records []cpio.Record) error {
	all := []cpio.Record{cpio.CharDev("dev/console", 0o600, 5, 1), cpio.CharDev("dev/null", 0o666, 1, 3)}
	dirs := map[string]bool{}
	for _, d := range []string{"dev", "proc", "sys", "run", "tmp", "etc", "root", "mnt", "var"} {
		dirs[d] = true
	}
	for _, r := range records {
		for d := path.Dir(r.Name); d != "."; d = path.Dir(d) {
			dirs[d] = true
		}
	}
	for d := range dirs {
		all = append(all, cpio.Directory(d, 0o755))
	}
	all = append(all, records...)
	slices.SortFunc(all, func(a, b cpio.Record) int { return bytes.Compare([]byte(a.Name), []byte(b.Name)) })
	out := cpio.Newc.Writer(w)
	for _, r := range all {
		if err := out.WriteRecord(cpio.MakeReproducible(r)); err != nil {
			return fmt.Errorf("write %s to the initramfs: %w", r.Name, err)
		}
	}
	return cpio.WriteTrailer(out)
}
