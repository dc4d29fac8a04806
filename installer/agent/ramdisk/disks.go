package ramdisk

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"sandai/installer/agent/disk"
	"sandai/inventory"
)

// listDisks lists the block devices with hardware behind them that an image
// could be written to, from a /sys below root. Contents are not looked at.
func listDisks(root string) ([]inventory.DiskInfo, error) {
	block := filepath.Join(root, "sys/block")
	entries, err := os.ReadDir(block)
	if err != nil {
		return nil, err
	}
	var out []inventory.DiskInfo
	for _, e := range entries {
		dir := filepath.Join(block, e.Name())
		if _, err := os.Stat(filepath.Join(dir, "device")); err != nil {
			continue // loop, ram, md and dm have none
		}
		sectors, err := strconv.ParseInt(attr(dir, "size"), 10, 64) // of 512 bytes, always
		if err != nil || sectors == 0 || attr(dir, "ro") == "1" || attr(dir, "removable") == "1" {
			continue
		}
		out = append(out, inventory.DiskInfo{
			Name: "/dev/" + e.Name(), Bytes: sectors * 512, Model: attr(dir, "device/model"),
			Serial: first(attr(dir, "serial"), attr(dir, "device/serial"), unitSerial(dir)),
			WWN:    first(attr(dir, "wwid"), attr(dir, "device/wwid")),
		})
	}
	return out, nil
}

// unitSerial reads the unit serial number page, SPC-4 §7.8.15.
func unitSerial(dir string) string {
	b, err := os.ReadFile(filepath.Join(dir, "device/vpd_pg80"))
	if err != nil || len(b) < 4 {
		return ""
	}
	return strings.Trim(string(b[4:]), " \x00")
}

func first(s ...string) string {
	for _, v := range s {
		if v != "" {
			return v
		}
	}
	return ""
}

// pick returns the one disk that a serial number or WWN selects; an empty
// selector is enough only where there is a single disk.
func pick(all []inventory.DiskInfo, selector string) (inventory.DiskInfo, error) {
	var found []inventory.DiskInfo
	var lines []string
	for _, d := range all {
		lines = append(lines, fmt.Sprintf("%s (%s, serial %q, WWN %q, %.1f GB)", d.Name, first(d.Model, "no model"), d.Serial, d.WWN, float64(d.Bytes)/1e9))
		if selector == "" || d.Serial == selector || d.WWN == selector {
			found = append(found, d)
		}
	}
	list := strings.Join(lines, "; ")
	switch {
	case len(found) == 1:
		return found[0], nil
	case len(all) == 0:
		return inventory.DiskInfo{}, errors.New("the machine has no disk: check its controller, and whether the ramdisk has a driver for it")
	case selector == "":
		return inventory.DiskInfo{}, fmt.Errorf("there are %d disks and the rack does not say which is the system's: set system_disk to the serial number or WWN of one of: %s", len(all), list)
	case len(found) == 0:
		return inventory.DiskInfo{}, fmt.Errorf("no disk has the serial number or WWN %q that the rack gives; there are: %s", selector, list)
	default:
		return inventory.DiskInfo{}, fmt.Errorf("%d disks have the serial number or WWN %q: give the other of the two; there are: %s", len(found), selector, list)
	}
}

// diskLimit is how long a controller may take to find its disks.
const diskLimit = 30 * time.Second

// systemDisk waits for the selected disk.
func (d *deployer) systemDisk(ctx context.Context, selector string) (info inventory.DiskInfo, err error) {
	err = await(ctx, d.log, diskLimit, "the system disk", func() error {
		d.drivers.scan()
		all, err := listDisks("/")
		if err == nil {
			info, err = pick(all, selector)
		}
		return err
	})
	return info, err
}

// rootDevice waits until the kernel shows the root partition that this run laid out.
func (d *deployer) rootDevice(ctx context.Context, selector, label string) (string, error) {
	info, err := d.systemDisk(ctx, selector)
	if err != nil {
		return "", err
	}
	dev, err := disk.Open(info.Name, false)
	if err != nil {
		return "", err
	}
	p, err := dev.Find(label)
	dev.Close()
	if err != nil {
		return "", err
	}
	name := partitionName(info.Name, disk.Root)
	err = await(ctx, d.log, diskLimit, name, func() error {
		sectors, _ := strconv.ParseInt(attr(filepath.Join("/sys/class/block", filepath.Base(name)), "size"), 10, 64)
		if sectors*512 != p.Size {
			return fmt.Errorf("the kernel shows %d bytes there, the table says %d", sectors*512, p.Size)
		}
		_, err := os.Stat(name)
		return err
	})
	return name, err
}

// partitionName names a partition as the kernel does: a p goes between two digits.
func partitionName(disk string, n int) string {
	if last := disk[len(disk)-1]; last >= '0' && last <= '9' {
		return fmt.Sprintf("%sp%d", disk, n)
	}
	return fmt.Sprintf("%s%d", disk, n)
}
