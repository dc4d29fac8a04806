package disk

import (
	"encoding/binary"
	"errors"
	"fmt"
)

// Places in GRUB's images for i386-pc (include/grub/i386/pc/boot.h and
// diskboot.h of GRUB 2), and the sizes that go with them.
const (
	bootCode     = 440  // boot.img's code; disk signature and partition entries follow
	kernelSector = 0x5c // where core.img begins, 64 bits
	bootDrive    = 0x64 // 0xff: the drive that the firmware started
	driveCheck   = 0x66 // a jump over the workaround for floppies
	firstList    = 0x200 - 12
	loadSegment  = 0x820 // where diskboot.img loads the rest: 0x8200 >> 4
	biosSector   = 512
)

// InstallGRUB makes a disk start by BIOS: boot.img into the first sector and
// core.img into the BIOS boot partition, each told where the next part lies, as
// grub-bios-setup does it. bootImg is 512 bytes.
func (d *Disk) InstallGRUB(bootImg, coreImg []byte, bios Partition) error {
	if len(bootImg) != biosSector || binary.LittleEndian.Uint16(bootImg[510:]) != 0xaa55 {
		return errors.New("boot.img is not GRUB's boot sector: rebuild the image")
	}
	if len(coreImg) <= biosSector || int64(len(coreImg)) > bios.Size {
		return fmt.Errorf("core.img has %d bytes, it must have more than one sector and fit %d bytes: rebuild the image", len(coreImg), bios.Size)
	}
	first := uint64(bios.Start) / biosSector
	core := make([]byte, (len(coreImg)+biosSector-1)/biosSector*biosSector)
	copy(core, coreImg)
	list := core[firstList:biosSector]
	binary.LittleEndian.PutUint64(list, first+1)
	binary.LittleEndian.PutUint16(list[8:], uint16(len(core)/biosSector-1))
	binary.LittleEndian.PutUint16(list[10:], loadSegment)
	if _, err := d.File.WriteAt(core, bios.Start); err != nil {
		return fmt.Errorf("write GRUB's core image: %w", err)
	}
	boot := append([]byte(nil), bootImg[:bootCode]...)
	binary.LittleEndian.PutUint64(boot[kernelSector:], first)
	boot[bootDrive] = 0xff
	// grub-bios-setup does the same for a drive that may be a hard disk: without
	// it some firmware's wrong drive number in DL would be believed.
	boot[driveCheck], boot[driveCheck+1] = 0x90, 0x90
	if _, err := d.File.WriteAt(boot, 0); err != nil {
		return fmt.Errorf("write GRUB's boot sector: %w", err)
	}
	return d.Sync()
}
