// Package disk knows what is on a disk and lays an image down on it: signatures,
// the partition table (GPT, UEFI specification 2.10 §5), GRUB's boot sector for
// BIOS, and the streaming of a compressed image. A disk may be a block device or
// a plain file, so that everything here is tested on files.
package disk

import (
	"errors"
	"fmt"
	"io"
	"os"

	"golang.org/x/sys/unix"
)

// MiB is the alignment of partitions and the size of what is wiped at each edge.
const MiB = 1 << 20

// Disk is an open block device, or a file in its place.
type Disk struct {
	File   *os.File
	Size   int64 // bytes
	Sector int   // logical sector size in bytes, 512 or 4096
	block  bool
}

// Open opens a disk for reading, and for writing when write is set: then
// exclusively, so that a disk which the kernel uses (mounted, in a volume group)
// is refused.
func Open(path string, write bool) (*Disk, error) {
	flags := os.O_RDONLY
	if write {
		flags = os.O_RDWR
	}
	st, err := os.Stat(path)
	if err != nil {
		return nil, fmt.Errorf("open the disk: %w", err)
	}
	d := &Disk{block: st.Mode()&os.ModeDevice != 0, Sector: 512}
	if d.block && write {
		flags |= unix.O_EXCL // on a block device: claim it, open(2)
	}
	if d.File, err = os.OpenFile(path, flags, 0); err != nil {
		if errors.Is(err, unix.EBUSY) {
			err = fmt.Errorf("%w: the kernel uses it, as a mounted file system or in a volume group", err)
		}
		return nil, fmt.Errorf("open the disk: %w", err)
	}
	if d.Size, err = d.File.Seek(0, io.SeekEnd); err != nil {
		d.File.Close()
		return nil, fmt.Errorf("measure the disk %s: %w", path, err)
	}
	if d.block {
		if d.Sector, err = unix.IoctlGetInt(int(d.File.Fd()), unix.BLKSSZGET); err != nil {
			d.File.Close()
			return nil, fmt.Errorf("ask %s for its sector size: %w", path, err)
		}
	}
	return d, nil
}

// Close closes the disk.
func (d *Disk) Close() error { return d.File.Close() }

// Sync waits until everything written is on the disk.
func (d *Disk) Sync() error {
	if err := d.File.Sync(); err != nil {
		return fmt.Errorf("write to %s: %w", d.File.Name(), err)
	}
	return nil
}

// Reread makes the kernel read the partition table again.
func (d *Disk) Reread() error {
	if !d.block {
		return nil
	}
	if err := unix.IoctlSetInt(int(d.File.Fd()), unix.BLKRRPART, 0); err != nil {
		return fmt.Errorf("let the kernel read the partitions of %s: %w", d.File.Name(), err)
	}
	return nil
}

// zero writes zeros over a range, cut to the disk.
func (d *Disk) zero(offset, size int64) error {
	if offset < 0 {
		offset, size = 0, size+offset
	}
	size = min(size, d.Size-offset)
	buf := make([]byte, min(max(size, 0), MiB))
	for size > 0 {
		n := min(size, int64(len(buf)))
		if _, err := d.File.WriteAt(buf[:n], offset); err != nil {
			return fmt.Errorf("write to %s: %w", d.File.Name(), err)
		}
		offset, size = offset+n, size-n
	}
	return nil
}

// PunchZero makes a range read as zeros without writing them, where the disk can
// do that (fallocate(2) on a block device asks for "write zeroes" with no fallback).
// False: it cannot.
func (d *Disk) PunchZero(offset, size int64) bool {
	return unix.Fallocate(int(d.File.Fd()), unix.FALLOC_FL_PUNCH_HOLE|unix.FALLOC_FL_KEEP_SIZE, offset, size) == nil
}
