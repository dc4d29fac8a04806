package ramdisk

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"

	"sandai/installer/agent"
	"sandai/installer/agent/disk"
)

// writeSpec says which image goes onto which disk.
type writeSpec struct {
	Disk  string     `json:"disk"`
	Run   string     `json:"run"`
	URL   string     `json:"url"`
	Image disk.Image `json:"image"`
}

// Files of the written system that make it start by BIOS.
const (
	bootImg = "usr/lib/sandai/boot/boot.img"
	coreImg = "usr/lib/sandai/boot/core.img"
)

// write lays the disk out, streams the image into the root partition and
// installs the boot loader that the image brings.
func (d *deployer) write(ctx context.Context, s writeSpec, label string, say func(agent.Progress)) (out agent.Outcome) {
	info, err := d.systemDisk(ctx, s.Disk)
	if err != nil {
		return agent.Outcome{Err: err}
	}
	out.Changed, out.Command = true, fmt.Sprintf("write %s to %s", s.Image.Name, info.Name)
	began := time.Now()
	bios, err := d.lay(ctx, info.Name, label, s, func(text string, f float64) {
		say(agent.Progress{Fraction: f, Command: out.Command, Stdout: text})
	})
	if err != nil {
		out.Err = err
		return out
	}
	took := time.Since(began)
	out.Stdout = fmt.Sprintf("%s: %d MiB (%d MiB compressed) in %.1f s, %.1f MiB/s; SHA-256 %s\n", s.Image.Name, s.Image.RawSize>>20, s.Image.Size>>20,
		took.Seconds(), float64(s.Image.RawSize>>20)/took.Seconds(), s.Image.Digest)
	d.log.Info("image written", "image", s.Image.Name, "mib", s.Image.RawSize>>20, "seconds", int(took.Seconds()))
	out.Err = d.loader(ctx, s, label, info.Name, bios)
	return out
}

func (d *deployer) lay(ctx context.Context, name, label string, s writeSpec, say func(string, float64)) (bios disk.Partition, err error) {
	dev, err := disk.Open(name, true)
	if err != nil {
		return bios, err
	}
	defer func() { err = errors.Join(err, dev.Close()) }()
	if err := dev.MayErase(false, label); err != nil { // the wipe came first; a disk that was swapped since is not touched
		return bios, err
	}
	bios, root, err := dev.Lay(label)
	if err != nil {
		return bios, err
	}
	src := disk.Source{URL: s.URL, Note: func(err error, at int64) {
		d.log.Warn("the image's connection broke; it goes on from there", "at_byte", at, "err", err)
	}}
	again := func(err error) { d.log.Warn("the image is fetched again", "err", err) }
	var said atomic.Int64
	began := time.Now()
	err = dev.Fetch(ctx, root, s.Image, src, again, func(done int64) {
		if now := time.Since(began).Milliseconds(); now-said.Load() >= 2000 {
			said.Store(now)
			f := float64(done) / float64(max(s.Image.RawSize, 1))
			say(fmt.Sprintf("%d of %d MiB, %.0f %%\n", done>>20, s.Image.RawSize>>20, 100*f), f)
		}
	})
	if err != nil {
		return bios, err
	}
	return bios, dev.Reread()
}

// loader reads GRUB's images from the written system and installs them.
func (d *deployer) loader(ctx context.Context, s writeSpec, label, name string, bios disk.Partition) error {
	var boot, core []byte
	err := d.onRoot(ctx, s.Disk, label, unix.MS_RDONLY, func(root *os.Root) error {
		var err1, err2 error
		boot, err1 = root.ReadFile(bootImg)
		core, err2 = root.ReadFile(coreImg)
		return errors.Join(err1, err2)
	})
	if err != nil {
		return fmt.Errorf("find the boot loader in the image %s: %w", s.Image.Name, err)
	}
	dev, err := disk.Open(name, true)
	if err != nil {
		return err
	}
	return errors.Join(dev.InstallGRUB(boot, core, bios), dev.Close())
}

const rootMount = "/run/sandai/root"

// onRoot mounts the root partition of this run, calls f with it and unmounts it.
func (d *deployer) onRoot(ctx context.Context, selector, label string, flags uintptr, f func(root *os.Root) error) (err error) {
	dev, err := d.rootDevice(ctx, selector, label)
	if err != nil {
		return err
	}
	d.drivers.load(fileSystems...)
	if err := os.MkdirAll(rootMount, 0o700); err != nil {
		return err
	}
	_ = unix.Unmount(rootMount, unix.MNT_DETACH) // left by an earlier life
	if err := unix.Mount(dev, rootMount, "ext4", flags, ""); err != nil {
		return fmt.Errorf("mount %s: %w", dev, err)
	}
	defer func() {
		if uerr := unix.Unmount(rootMount, 0); uerr != nil {
			err = errors.Join(err, fmt.Errorf("unmount %s: %w", dev, uerr))
		}
	}()
	root, err := os.OpenRoot(rootMount)
	if err != nil {
		return err
	}
	defer root.Close()
	return f(root)
}
