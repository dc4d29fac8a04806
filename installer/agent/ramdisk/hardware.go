package ramdisk

import (
	"bufio"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"sandai/inventory"
)

// hardware reads what the machine is made of from a /proc and /sys below root.
func hardware(root string) (*inventory.Hardware, error) {
	dmi := filepath.Join(root, "sys/class/dmi/id")
	h := &inventory.Hardware{
		Product:  join(attr(dmi, "sys_vendor"), attr(dmi, "product_name")),
		Serial:   attr(dmi, "product_serial"),
		Firmware: join(attr(dmi, "bios_vendor"), attr(dmi, "bios_version")),
		BootMode: "bios",
	}
	if _, err := os.Stat(filepath.Join(root, "sys/firmware/efi")); err == nil {
		h.BootMode = "uefi"
	}
	err := fields(filepath.Join(root, "proc/cpuinfo"), func(k, v string) {
		switch k {
		case "processor":
			h.Cores++
		case "model name":
			h.CPU = v
		case "flags":
			for f := range strings.FieldsSeq(v) {
				if f == "svm" || f == "vmx" {
					h.Virt = f
				}
			}
		}
	})
	if err != nil {
		return nil, err
	}
	err = fields(filepath.Join(root, "proc/meminfo"), func(k, v string) {
		if k == "MemTotal" {
			kib, _ := strconv.Atoi(strings.TrimSuffix(v, " kB"))
			h.MemoryMB = kib / 1024
		}
	})
	if err != nil {
		return nil, err
	}
	h.NICs, err = nics(filepath.Join(root, "sys/class/net"))
	return h, err
}

// fields reads lines of the form "key: value".
func fields(path string, f func(k, v string)) error {
	r, err := os.Open(path)
	if err != nil {
		return err
	}
	defer r.Close()
	s := bufio.NewScanner(r)
	s.Buffer(nil, 1<<20) // the flags of a modern CPU
	for s.Scan() {
		if k, v, ok := strings.Cut(s.Text(), ":"); ok {
			f(strings.TrimSpace(k), strings.TrimSpace(v))
		}
	}
	return s.Err()
}

func nics(class string) ([]inventory.NICInfo, error) {
	entries, err := os.ReadDir(class)
	if err != nil {
		return nil, err
	}
	var out []inventory.NICInfo
	for _, e := range entries {
		dir := filepath.Join(class, e.Name())
		driver, err := os.Readlink(filepath.Join(dir, "device/driver"))
		if err != nil {
			continue // not hardware
		}
		n := inventory.NICInfo{Name: e.Name(), MAC: attr(dir, "address"), Link: attr(dir, "carrier") == "1", Driver: filepath.Base(driver)}
		if mbps, err := strconv.Atoi(attr(dir, "speed")); err == nil && mbps > 0 {
			n.Mbps = mbps
		}
		out = append(out, n)
	}
	return out, nil
}

// attr reads an attribute of sysfs, "" where there is none.
func attr(dir, name string) string {
	b, err := os.ReadFile(filepath.Join(dir, name))
	if err != nil {
		return ""
	}
	return strings.TrimSpace(strings.Trim(string(b), "\x00\n"))
}

func join(words ...string) string { return strings.TrimSpace(strings.Join(words, " ")) }
