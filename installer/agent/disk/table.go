package disk

import (
	"encoding/binary"
	"errors"
	"fmt"
	"path"

	"github.com/diskfs/go-diskfs/partition/gpt"
)

// Partition is a part of a disk, in bytes.
type Partition struct {
	Number      int // as the kernel numbers it, from 1
	Name        string
	GUID        string
	Start, Size int64
}

// Partitions of a disk that Sandai has laid out, by number.
const (
	BIOSBoot = 1 // GRUB's core image, 1 MiB
	ESP      = 2 // EFI system partition, 256 MiB
	Root     = 3 // the rest
)

const espSize = 256 * MiB

// readTable reads a GPT; nil where there is none. The reading library is shielded:
// what lies on a foreign disk is anybody's bytes.
func (d *Disk) readTable() (t *gpt.Table, err error) {
	defer func() {
		if p := recover(); p != nil {
			t, err = nil, fmt.Errorf("the partition table is damaged: %v", p)
		}
	}()
	return gpt.Read(d.File, d.Sector, d.Sector)
}

// partitions names the kind of partition table, "" for none, and lists what it holds.
func (d *Disk) partitions() (table string, out []Partition) {
	if t, err := d.readTable(); err == nil {
		for i, p := range t.Partitions {
			if p == nil || p.Type == gpt.Unused || p.End < p.Start || p.End >= uint64(d.Size)/uint64(d.Sector) {
				continue
			}
			n := p.Index
			if n == 0 {
				n = i + 1
			}
			out = append(out, Partition{Number: n, Name: p.Name, GUID: p.GUID,
				Start: int64(p.Start) * int64(d.Sector), Size: int64(p.End-p.Start+1) * int64(d.Sector)})
		}
		return "gpt", out
	}
	for _, at := range []int64{int64(d.Sector), d.Size - int64(d.Sector)} {
		if string(read(d.File, at, 8)) == "EFI PART" {
			return "damaged gpt", nil
		}
	}
	return d.mbr()
}

// mbr reads the four entries of a master boot record.
func (d *Disk) mbr() (table string, out []Partition) {
	b := read(d.File, 0, 512)
	if b == nil || binary.LittleEndian.Uint16(b[510:]) != 0xaa55 || probe(d.File, d.Size) != "" {
		return "", nil // a file system's boot sector ends with the same mark
	}
	for i := range 4 {
		e := b[446+16*i:]
		p := Partition{Number: i + 1, Start: int64(binary.LittleEndian.Uint32(e[8:])) * int64(d.Sector),
			Size: int64(binary.LittleEndian.Uint32(e[12:])) * int64(d.Sector)}
		if e[4] != 0 && p.Size > 0 && p.Start+p.Size <= d.Size {
			out = append(out, p)
		}
	}
	if len(out) == 0 {
		return "boot sector", nil
	}
	return "mbr", out
}

// Label is the name of the root partition that an install gives; it tells a disk
// that this very run laid out from a stranger's. GPT allows 36 characters.
func Label(rack string, run uint) string {
	tail := fmt.Sprintf("-%d", run)
	name := "sandai-" + rack
	return name[:min(len(name), 36-len(tail))] + tail
}

// Find returns the root partition of a disk that was laid out with a label; in a
// label made for the rack "*" that part may be anything.
func (d *Disk) Find(label string) (Partition, error) {
	_, parts := d.partitions()
	for _, p := range parts {
		if ok, _ := path.Match(label, p.Name); ok && p.Number == Root {
			return p, nil
		}
	}
	return Partition{}, fmt.Errorf("%s has no partition %d named %s: it was not laid out by this run; install again", d.File.Name(), Root, label)
}

// Lay writes a new partition table for BIOS and UEFI alike and reads it back.
func (d *Disk) Lay(label string) (bios, root Partition, err error) {
	s := uint64(d.Sector)
	end := uint64(d.Size)/MiB*MiB - MiB // the backup table lies behind, within the last MiB
	starts := []uint64{MiB, 2 * MiB, 2*MiB + espSize}
	ends := []uint64{2 * MiB, 2*MiB + espSize, end}
	if d.Size < 2*espSize {
		return bios, root, fmt.Errorf("%s has %d MiB, too little for an operating system", d.File.Name(), d.Size/MiB)
	}
	kinds := []gpt.Type{gpt.BIOSBoot, gpt.EFISystemPartition, gpt.LinuxRootX86_64}
	names := []string{"bios", "esp", label}
	t := &gpt.Table{LogicalSectorSize: d.Sector, PhysicalSectorSize: d.Sector, ProtectiveMBR: true}
	for i := range kinds {
		t.Partitions = append(t.Partitions, &gpt.Partition{Index: i + 1, Type: kinds[i], Name: names[i],
			Start: starts[i] / s, End: ends[i]/s - 1, Size: ends[i] - starts[i]})
	}
	if err := t.Write(d.File, d.Size); err != nil {
		return bios, root, fmt.Errorf("write the partition table of %s: %w", d.File.Name(), err)
	}
	if err := d.Sync(); err != nil {
		return bios, root, err
	}
	_, parts := d.partitions()
	if len(parts) != 3 {
		return bios, root, errors.New("the partition table does not read back: the disk does not keep what is written to it")
	}
	for i, p := range parts {
		if p.Number != i+1 || p.Name != names[i] || p.Start != int64(starts[i]) || p.Size != int64(ends[i]-starts[i]) {
			return bios, root, fmt.Errorf("the partition table reads back with %+v in place of %s", p, names[i])
		}
	}
	return parts[BIOSBoot-1], parts[Root-1], nil
}
