package images

import (
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"sandai/inventory"
)

// guestLabel differs from rootLabel: a node may come to see a guest's disk.
const guestLabel = "guest-root"

// guestDebian is the base with cloud-init, as a disk that starts by itself.
func (s *session) guestDebian(ctx context.Context) (inventory.Image, error) {
	key := keyOf(NameGuestDebian, s.baseKey(), file("guest-debian.sh"), "layout 2")
	return s.image(ctx, NameGuestDebian, key, func(ctx context.Context, j *journal, work string) (artefact, error) {
		r, err := s.roots()
		if err != nil {
			return artefact{}, err
		}
		debs, done, err := s.debs(filepath.Join(work, "debs"))
		if err != nil {
			return artefact{}, err
		}
		net, err := s.gateway(ctx)
		if err != nil {
			return artefact{}, err
		}
		defer net.Close()
		layer, media := filepath.Join(work, "layer"), filepath.Join(work, "media")
		if err := os.MkdirAll(media, 0o755); err != nil {
			return artefact{}, err
		}
		c := cell{layers: []string{r.base, layer}, work: filepath.Join(work, "cell"), net: net, mounts: []mount{{debs, archivesDir}}}
		if err := s.script(ctx, j, c, "guest-debian.sh", guestLabel); err != nil {
			return artefact{}, err
		}
		if err := done(); err != nil {
			return artefact{}, err
		}
		if err := s.script(ctx, j, c, "clean.sh", s.epoch()); err != nil {
			return artefact{}, err
		}
		root, err := s.seal(ctx, j, r, work, NameGuestDebian, key, guestLabel, []string{r.base, layer})
		if err != nil {
			return artefact{}, err
		}
		tools := s.toolCell(r, filepath.Join(work, "tools"), mount{media, "/media"})
		if err := s.script(ctx, j, tools, "grub.sh", guestLabel); err != nil {
			return artefact{}, err
		}
		if err := biosDisk(filepath.Join(media, "disk"), filepath.Join(media, "boot.img"), filepath.Join(media, "core.img"), root.path); err != nil {
			return artefact{}, err
		}
		err = tools.run(ctx, s.Log, j, "compress the disk", "qemu-img", "convert", "-q", "-f", "raw", "-O", "qcow2", "-c",
			"-o", "compression_type=zstd", "/media/disk", "/media/qcow2")
		return artefact{path: filepath.Join(media, "qcow2"), format: "qcow2"}, err
	})
}

// gap is the room before the first partition, in bytes: GRUB's core lies there.
const gap = 1 << 20

// biosDisk writes a disk with a master boot record, GRUB behind it, and one
// Linux partition with the bytes of root.
func biosDisk(disk, boot, core, root string) error {
	mbr, err := os.ReadFile(boot)
	if err != nil {
		return err
	}
	stage, err := os.ReadFile(core)
	if err != nil {
		return err
	}
	in, err := os.Open(root)
	if err != nil {
		return err
	}
	defer in.Close()
	st, err := in.Stat()
	if err != nil {
		return err
	}
	// boot.img looks for the core in sector 1, and so does the core for its rest.
	if len(mbr) != 512 || len(stage) > gap-512 {
		return fmt.Errorf("GRUB's images have %d and %d bytes, and want 512 and at most %d", len(mbr), len(stage), gap-512)
	}
	clear(mbr[446:510]) // boot.img has code for floppies where the partitions are listed
	entry := mbr[446:462]
	copy(entry, []byte{0x80, 0xfe, 0xff, 0xff, 0x83, 0xfe, 0xff, 0xff}) // active, Linux, no cylinders
	binary.LittleEndian.PutUint32(entry[8:], gap/512)
	binary.LittleEndian.PutUint32(entry[12:], uint32(st.Size()/512))
	mbr[510], mbr[511] = 0x55, 0xaa
	out, err := os.Create(disk)
	if err != nil {
		return err
	}
	defer out.Close()
	if _, err := out.WriteAt(append(mbr, stage...), 0); err != nil {
		return err
	}
	if _, err := out.Seek(gap, io.SeekStart); err != nil {
		return err
	}
	if _, err := io.Copy(out, in); err != nil {
		return err
	}
	return out.Close()
}
