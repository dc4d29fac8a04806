package lab

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
)

// debianPackage names the Debian package of each program that is needed.
var debianPackage = map[string]string{
	"qemu-system-x86_64": "qemu-system-x86",
	"ipmi_sim":           "openipmi",
	"ip":                 "iproute2",
	"ipmitool":           "ipmitool",
	"nsenter":            "util-linux",
}

// bootROM is the iPXE that QEMU gives the NIC that boots by default. It is not
// named on QEMU's command line: only in a default ROM does QEMU write the
// device's PCI identity, without which SeaBIOS does not run it.
const bootROM = "efi-virtio.rom"

// needROM fails when QEMU would not find the boot ROM.
func needROM() error {
	var places []string
	for _, dir := range []string{"/usr/lib/ipxe/qemu", "/usr/share/qemu", "/usr/share/seabios", "/usr/local/share/qemu"} {
		path := filepath.Join(dir, bootROM)
		if _, err := os.Stat(path); err == nil {
			return nil
		}
		places = append(places, path)
	}
	return fmt.Errorf("the network boot ROM is missing on this host (looked for %s); install with: apt-get install --no-install-recommends ipxe-qemu",
		strings.Join(places, ", "))
}

// needPrograms fails when a program is not on this host, and says which Debian
// packages bring it.
func needPrograms(names ...string) error {
	var missing, pkgs []string
	for _, n := range names {
		if _, err := exec.LookPath(n); err != nil {
			missing = append(missing, n)
			pkgs = append(pkgs, debianPackage[n])
		}
	}
	if len(missing) == 0 {
		return nil
	}
	slices.Sort(pkgs)
	return fmt.Errorf("missing on this host: %s; install with: apt-get install --no-install-recommends %s",
		strings.Join(missing, ", "), strings.Join(slices.Compact(pkgs), " "))
}
