package images

import (
	"context"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"strings"

	"github.com/u-root/u-root/pkg/cpio"

	"sandai/inventory"
)

// guestModules is what QEMU shows a guest of Nova's: virtio, the CD-ROM with
// the config drive on IDE or SATA, the power button.
var guestModules = []string{
	"virtio_net", "virtio_blk", "virtio_rng", "virtio_scsi", "sd_mod", "ata_piix", "ahci", "sr_mod",
	"isofs", "vfat", "nls_cp437", "nls_ascii", "nls_utf8", "button", "evdev",
}

// guestFiles are what the tiny guest has besides programs and modules.
var guestFiles = []struct {
	path, embedded, text string
	mode                 uint64
}{
	{path: "init", embedded: "guest/init", mode: 0o755},
	{path: "bin/lease", embedded: "guest/lease", mode: 0o755},
	{path: "lib/flatten.awk", embedded: "guest/flatten.awk", mode: 0o644},
	{path: "etc/passwd", text: "root:x:0:0:root:/root:/bin/sh\n", mode: 0o644},
	{path: "etc/group", text: "root:x:0:\n", mode: 0o644},
	{path: "etc/shadow", text: "root:*:20000:0:99999:7:::\n", mode: 0o600},
	{path: "etc/shells", text: "/bin/sh\n", mode: 0o644},
	{path: "etc/nsswitch.conf", text: "passwd: files\ngroup: files\nshadow: files\nhosts: files dns\n", mode: 0o644},
	{path: "etc/profile", text: "export PATH=/bin PS1='\\u@\\h:\\w\\$ '\n", mode: 0o644},
	{path: "etc/acpi/PWRF/00000080", text: "#!/bin/busybox sh\necho 'sandai-guest power button'\nsync\npoweroff -f\n", mode: 0o755},
	{path: "etc/dropbear/readme", text: "The host key is made at each boot.\n", mode: 0o644},
	{path: "root/.ssh/readme", text: "The authorized keys are the cloud's.\n", mode: 0o600},
}

func (s *session) guestTiny(ctx context.Context) (inventory.Image, error) {
	var parts []string
	for _, f := range guestFiles {
		parts = append(parts, f.path, f.text)
		if f.embedded != "" {
			parts = append(parts, file(f.embedded))
		}
	}
	key := keyOf(NameGuestTiny, s.baseKey(), guestModules, parts, file("guest-tiny.sh"))
	return s.image(ctx, NameGuestTiny, key, func(ctx context.Context, j *journal, work string) (artefact, error) {
		r, err := s.roots()
		if err != nil {
			return artefact{}, err
		}
		media := filepath.Join(work, "media")
		if err := os.MkdirAll(media, 0o755); err != nil {
			return artefact{}, err
		}
		m, err := kernelModules(r.base)
		if err != nil {
			return artefact{}, err
		}
		records, err := guestRecords(r, m)
		if err != nil {
			return artefact{}, err
		}
		if err := writeRamdisk(filepath.Join(media, "initrd"), records); err != nil {
			return artefact{}, err
		}
		if err := copyFile(filepath.Join(media, "vmlinuz"), filepath.Join(r.base, "boot", "vmlinuz-"+m.version), 0o644); err != nil {
			return artefact{}, err
		}
		c := s.toolCell(r, filepath.Join(work, "cell"), mount{media, "/media"})
		if err := s.script(ctx, j, c, "guest-tiny.sh", NameGuestTiny, s.epoch(), key[:8]); err != nil {
			return artefact{}, err
		}
		return artefact{path: filepath.Join(media, NameGuestTiny), format: "qcow2"}, nil
	})
}

// guestRecords is the tiny guest's initramfs.
func guestRecords(r roots, m *modules) ([]cpio.Record, error) {
	names, err := m.closure(guestModules)
	if err != nil {
		return nil, err
	}
	var records []cpio.Record
	var order strings.Builder
	for _, n := range names {
		data, err := m.read(n)
		if err != nil {
			return nil, err
		}
		name := path.Join("lib/modules", path.Base(m.plainPath(n)))
		records = append(records, cpio.StaticFile(name, string(data), 0o644))
		fmt.Fprintf(&order, "/%s\n", name)
	}
	records = append(records, cpio.StaticFile("lib/modules/order", order.String(), 0o644))
	layers := []string{r.tools, r.base}
	programs, err := programRecords(layers, "usr/sbin/dropbear", "usr/bin/dropbearkey", "usr/bin/busybox")
	if err != nil {
		return nil, err
	}
	records = append(records, programs...)
	for _, f := range guestFiles {
		text := f.text
		if f.embedded != "" {
			text = file(f.embedded)
		}
		records = append(records, cpio.StaticFile(f.path, text, f.mode))
	}
	return records, nil
}

// programRecords are programs with all that they are linked to, for an initramfs.
func programRecords(layers []string, names ...string) ([]cpio.Record, error) {
	files, err := needed(layers, names...)
	if err != nil {
		return nil, err
	}
	var records []cpio.Record
	for _, p := range files {
		real, err := lookup(layers, p)
		if err != nil {
			return nil, err
		}
		data, err := os.ReadFile(real)
		if err != nil {
			return nil, err
		}
		records = append(records, cpio.StaticFile(guestPath(p), string(data), 0o755))
	}
	return records, nil
}

// guestPath puts programs into /bin, and libraries where the interpreter looks.
func guestPath(p string) string {
	switch {
	case strings.Contains(path.Base(p), "ld-linux"):
		return path.Join("lib64", path.Base(p))
	case strings.Contains(path.Base(p), ".so"):
		return path.Join("lib/x86_64-linux-gnu", path.Base(p))
	}
	return path.Join("bin", path.Base(p))
}
