package disk

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
	"strings"
)

// Contents names what is on a disk, for a person and for the decision whether it
// may be erased: "gpt" and a line for each partition, or what fills the whole
// disk. Nothing means blank: no known mark, and no data in the first MiB.
func (d *Disk) Contents() []string {
	var out []string
	table, parts := d.partitions()
	if table != "" {
		out = append(out, table)
	}
	for _, p := range parts {
		what := probe(io.NewSectionReader(d.File, p.Start, p.Size), p.Size)
		out = append(out, strings.Join(strings.Fields(fmt.Sprintf("partition %d %s %s", p.Number, p.Name, what)), " "))
	}
	if what := probe(d.File, d.Size); what != "" {
		out = append(out, what)
	}
	if len(out) == 0 && !d.bare() {
		out = append(out, "data of an unknown kind")
	}
	return out
}

// bare reports whether the first MiB is all zeros, or all ones as some drives
// read after a secure erase.
func (d *Disk) bare() bool {
	buf := make([]byte, min(MiB, d.Size))
	if _, err := d.File.ReadAt(buf, 0); err != nil {
		return false
	}
	return len(bytes.Trim(buf, "\x00")) == 0 || len(bytes.Trim(buf, "\xff")) == 0
}

// mark is bytes at a fixed place by which a content is known. A negative place
// counts from the end.
type mark struct {
	at    int64
	magic string
	name  string
	label func(r io.ReaderAt) string // optional
}

var marks = []mark{
	{0, "LUKS\xba\xbe", "LUKS", nil},
	{0, "XFSB", "xfs", at(108, 12)},
	{0, "bluestore block device", "Ceph BlueStore", nil},
	{3, "NTFS    ", "ntfs", nil},
	{82, "FAT32", "vfat", at(71, 11)},
	{54, "FAT1", "vfat", at(43, 11)},
	{0x1000, "\xfc\x4e\x2b\xa9", "Linux RAID", at(0x1000+32, 32)},
	{0x1018, "\xc6\x85\x73\xf6\x4e\x1a\x45\xca", "bcache", nil},
	{4086, "SWAPSPACE2", "swap", at(1052, 16)},
	{0x8001, "CD001", "iso9660", at(0x8028, 32)},
	{0x10040, "_BHRfS_M", "btrfs", at(0x1012b, 64)},
	{0x1fc00, "\x0c\xb1\xba\x00\x00\x00\x00\x00", "ZFS", nil},
	{0x20000, "\x0c\xb1\xba\x00\x00\x00\x00\x00", "ZFS", nil},
	{-8192, "\xfc\x4e\x2b\xa9", "Linux RAID", nil},
	{-65536, "\xfc\x4e\x2b\xa9", "Linux RAID", nil},
}

// probe names the one content that fills a disk or partition, with its label.
func probe(r io.ReaderAt, size int64) string {
	if s := extName(r); s != "" {
		return s
	}
	if s := lvmName(r); s != "" {
		return s
	}
	for _, m := range marks {
		at := m.at
		if at < 0 {
			at += size &^ 0xfff // RAID's superblocks at the end lie on 4 KiB
		}
		if at < 0 || string(read(r, at, len(m.magic))) != m.magic {
			continue
		}
		if m.label == nil {
			return m.name
		}
		return strings.TrimSpace(m.name + " " + m.label(r))
	}
	return ""
}

// read returns n bytes, or nil where there are not so many.
func read(r io.ReaderAt, at int64, n int) []byte {
	b := make([]byte, n)
	if _, err := r.ReadAt(b, at); err != nil && err != io.EOF {
		return nil
	} else if err == io.EOF {
		return nil
	}
	return b
}

func at(offset int64, n int) func(io.ReaderAt) string {
	return func(r io.ReaderAt) string { return printable(read(r, offset, n)) }
}

// printable cuts at the first NUL and drops what a console would not survive.
func printable(b []byte) string {
	if i := bytes.IndexByte(b, 0); i >= 0 {
		b = b[:i]
	}
	return strings.TrimSpace(strings.Map(func(r rune) rune {
		if r < ' ' || r > '~' {
			return -1
		}
		return r
	}, string(b)))
}

// extName knows ext2, ext3 and ext4 by the superblock's features.
func extName(r io.ReaderAt) string {
	sb := read(r, 1024, 264)
	if sb == nil || binary.LittleEndian.Uint16(sb[0x38:]) != 0xef53 {
		return ""
	}
	name := "ext2"
	switch compat, incompat := binary.LittleEndian.Uint32(sb[0x5c:]), binary.LittleEndian.Uint32(sb[0x60:]); {
	case incompat&0x40 != 0: // extents
		name = "ext4"
	case compat&0x4 != 0: // journal
		name = "ext3"
	}
	return strings.TrimSpace(name + " " + printable(sb[0x78:0x88]))
}

// lvmName knows a physical volume and finds the name of its volume group in the
// first metadata area's text (lvm2, format_text/layout.h).
func lvmName(r io.ReaderAt) string {
	for sector := range int64(4) {
		b := read(r, sector*512, 512)
		if b == nil || string(b[:8]) != "LABELONE" || string(b[24:32]) != "LVM2 001" {
			continue
		}
		return strings.TrimSpace("LVM2 " + groupName(r, b))
	}
	return ""
}

func groupName(r io.ReaderAt, label []byte) string {
	pos := int(binary.LittleEndian.Uint32(label[20:])) + 40 // past the header's UUID and size
	for lists := 0; pos >= 0 && pos+16 <= len(label); pos += 16 {
		offset := binary.LittleEndian.Uint64(label[pos:])
		if offset == 0 {
			if lists++; lists == 2 {
				return ""
			}
			continue
		}
		if lists == 0 || offset > 1<<40 { // the first list is of data areas
			continue
		}
		head := read(r, int64(offset), 64)
		if head == nil {
			return ""
		}
		text := binary.LittleEndian.Uint64(head[40:])
		if text > 1<<30 {
			return ""
		}
		name, _, found := strings.Cut(string(read(r, int64(offset+text), 512)), "{")
		if found {
			return printable([]byte(name))
		}
		return ""
	}
	return ""
}
