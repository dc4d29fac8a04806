package lab

import (
	"fmt"
	"strconv"
	"strings"
)

// Places in the boot order: QEMU's bootindex, the lowest first. Only the
// network's changes, because two devices may never have the same.
const (
	bootIndexPXE     = 5 // the network before the disk, for one start
	bootIndexDisk    = 10
	bootIndexNetwork = 20
)

// networkDevice is the QOM path of the NIC that boots.
const networkDevice = "/machine/peripheral/net0"

// qemuArgs is the command that is the machine: a q35 server whose serial port,
// BMC link and disks are those of m. Paths are absolute. netIndex is the
// network's place in the boot order of the first boot.
func qemuArgs(rack string, m *machineState, accel []string, dir machineDir, netIndex int) []string {
	w := m.Wiring
	a := []string{"qemu-system-x86_64",
		"-name", "sandai-" + rack + "-" + m.Name, "-nodefaults", "-no-user-config", "-msg", "timestamp=on",
		"-machine", "q35,graphics=off", "-vga", "none", "-display", "none"}
	a = append(a, accel...)
	a = append(a,
		"-m", strconv.Itoa(m.MemoryMB)+"M", "-smp", strconv.Itoa(m.VCPUs),
		"-smbios", "type=1,manufacturer=Sandai,product=Virtual server,serial="+m.Name+",uuid="+w.UUID,
		// A server with nothing to boot tries again.
		"-boot", "strict=on,reboot-timeout=5000",
		"-qmp", "unix:"+qmpSocket+",server=on,wait=off",
		"-chardev", "socket,id=ser0,path="+serialSocket+",logappend=on,logfile="+qemuPath(dir.console()),
		"-serial", "chardev:ser0",
		"-chardev", "socket,id=ipmi0,reconnect=5,host="+w.KCS.Addr().String()+",port="+strconv.Itoa(int(w.KCS.Port())),
		"-device", "ipmi-bmc-extern,id=bmc0,chardev=ipmi0", "-device", "isa-ipmi-kcs,bmc=bmc0",
		"-device", "virtio-rng-pci")
	a = append(a, disk(0, dir.systemDisk(), m.systemSerial(), bootIndexDisk)...)
	if m.VolumeGB > 0 {
		a = append(a, disk(1, dir.volumeDisk(), m.volumeSerial(), 0)...)
	}
	return append(a,
		"-netdev", "tap,id=n0,script=no,downscript=no,ifname="+w.TapMgmt,
		"-device", fmt.Sprintf("virtio-net-pci,id=net0,netdev=n0,bootindex=%d,mac=%s", netIndex, w.MACProvisioning),
		"-netdev", "tap,id=n1,script=no,downscript=no,ifname="+w.TapProvider,
		"-device", "virtio-net-pci,id=net1,netdev=n1,romfile=,mac="+w.MACProvider)
}

func disk(i int, path, serial string, bootIndex int) []string {
	dev := fmt.Sprintf("virtio-blk-pci,id=disk%[1]d,drive=d%[1]d,serial=%[2]s", i, serial)
	if bootIndex > 0 {
		dev += fmt.Sprintf(",bootindex=%d", bootIndex)
	}
	return []string{
		"-drive", fmt.Sprintf("if=none,id=d%d,format=raw,cache=unsafe,discard=unmap,detect-zeroes=unmap,file=%s", i, qemuPath(path)),
		"-device", dev}
}

// qemuPath doubles the commas that QEMU would take for its own.
func qemuPath(p string) string { return strings.ReplaceAll(p, ",", ",,") }

// acceleration is QEMU's arguments for a processor.
func acceleration(kvm bool) []string {
	if kvm {
		return []string{"-accel", "kvm", "-cpu", "host"}
	}
	return []string{"-accel", "tcg,thread=multi,tb-size=512", "-cpu", "max"}
}
