package disk

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"golang.org/x/sys/unix"
)

// MayErase returns an error that lists what would be lost, unless the disk is
// blank, a person has confirmed, or this very run has laid it out.
func (d *Disk) MayErase(confirmed bool, label string) error {
	found := d.Contents()
	if confirmed || len(found) == 0 {
		return nil
	}
	if _, err := d.Find(label); err == nil {
		return nil
	}
	return fmt.Errorf("%s is not blank: %s. Nothing was touched; start the install with the confirmation to erase it, or name another disk in rack.yaml",
		d.File.Name(), strings.Join(found, "; "))
}

// Wipe removes every known content: both edges of each partition and of the
// disk, where all marks lie. Blocks are given back to the drive where it takes
// them. It reads back and fails if anything is left. Partition tables go last, so
// that a wipe which breaks off can find the partitions again.
func (d *Disk) Wipe() error {
	_, parts := d.partitions()
	for _, p := range parts {
		if err := d.edges(p.Start, p.Size); err != nil {
			return err
		}
	}
	if err := d.Sync(); err != nil {
		return err
	}
	d.discard()
	if err := d.edges(0, d.Size); err != nil {
		return err
	}
	if err := d.Sync(); err != nil {
		return err
	}
	d.dropCache()
	if left := d.Contents(); len(left) > 0 {
		return fmt.Errorf("%s was wiped and still holds %s: the disk does not keep what is written to it, replace it",
			d.File.Name(), strings.Join(slices.Compact(left), "; "))
	}
	return d.Reread()
}

// overwriteStep is how much is overwritten between two looks at the time.
const overwriteStep = 64 * MiB

// Overwrite makes every byte of the disk zero, and then wipes it as Wipe does, with
// its reading back. A drive that can is told to (WRITE ZEROES); the others are
// written to. say is told how many bytes are done. It may be broken off and begun
// again.
func (d *Disk) Overwrite(ctx context.Context, say func(done int64)) error {
	for at := int64(0); at < d.Size; at += overwriteStep {
		if err := ctx.Err(); err != nil {
			return context.Cause(ctx)
		}
		n := min(overwriteStep, d.Size-at)
		if !d.PunchZero(at, n) {
			if err := d.zero(at, n); err != nil {
				return err
			}
			if err := d.Sync(); err != nil { // so that what is said to be done is
				return err
			}
		}
		say(at + n)
	}
	return d.Wipe()
}

func (d *Disk) edges(start, size int64) error {
	if err := d.zero(start, min(MiB, size)); err != nil {
		return err
	}
	return d.zero(start+max(0, size-MiB), min(MiB, size))
}

// discard tells the drive that all blocks are free. Many drives cannot; what
// they read afterwards is not relied on.
func (d *Disk) discard() {
	if d.block {
		r := [2]uint64{0, uint64(d.Size)}
		_ = ioctlPtr(d.File.Fd(), unix.BLKDISCARD, &r)
	}
}

// dropCache makes the next reads come from the disk itself.
func (d *Disk) dropCache() {
	_ = unix.Fadvise(int(d.File.Fd()), 0, 0, unix.FADV_DONTNEED)
}
