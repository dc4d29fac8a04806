package pxe

import (
	"bytes"
	"context"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/cavaliergopher/cpio"
	"github.com/google/go-cmp/cmp"
	"github.com/klauspost/compress/zstd"
	"golang.org/x/sys/unix"

	"sandai/inventory"
)

// tinyKernel is the smallest thing that iPXE takes for a Linux kernel (x86 boot
// protocol 2.06, Documentation/arch/x86/boot.rst). Its setup code prints the
// kernel command line to the first serial port and halts.
func tinyKernel() []byte {
	b := make([]byte, 0x400+512)
	b[0x1f1] = 1 // setup sectors
	binary.LittleEndian.PutUint32(b[0x1f4:], 32)
	binary.LittleEndian.PutUint16(b[0x1fe:], 0xaa55)
	b[0x200], b[0x201] = 0xeb, 0x7e // jmp 0x280
	copy(b[0x202:], "HdrS")
	binary.LittleEndian.PutUint16(b[0x206:], 0x0206)
	b[0x211] = 1                                         // loaded high
	binary.LittleEndian.PutUint32(b[0x214:], 0x100000)   // code32_start
	binary.LittleEndian.PutUint32(b[0x22c:], 0x37ffffff) // initrd_addr_max
	binary.LittleEndian.PutUint32(b[0x238:], 2047)       // cmdline_size
	copy(b[0x280:], []byte{
		0xfa,                         // cli: the BIOS may write to the same port from its timer
		0x66, 0x8b, 0x36, 0x28, 0x02, // mov esi, [0x228]: cmd_line_ptr
		0x66, 0x89, 0xf0, // mov eax, esi
		0x66, 0xc1, 0xe8, 0x04, // shr eax, 4
		0x8e, 0xc0, // mov es, ax
		0x83, 0xe6, 0x0f, // and si, 15
		0xba, 0xfd, 0x03, // wait: mov dx, 0x3fd
		0xec,       // in al, dx
		0xa8, 0x20, // test al, 0x20
		0x74, 0xfb, // jz in
		0xba, 0xf8, 0x03, // mov dx, 0x3f8
		0x26, 0x8a, 0x04, // mov al, es:[si]
		0x84, 0xc0, // test al, al
		0x74, 0x04, // jz halt
		0xee,       // out dx, al
		0x46,       // inc si
		0xeb, 0xea, // jmp wait
		0xf4,       // halt: hlt
		0xeb, 0xfd, // jmp halt
	})
	return b
}

// machine starts a virtual server with one NIC on the tap; its serial console
// goes to the file that is returned. It ends with the test.
func machine(t *testing.T, args ...string) string {
	t.Helper()
	serial := filepath.Join(t.TempDir(), "serial.log")
	cmd := exec.Command("qemu-system-x86_64", append([]string{
		"-machine", "q35,graphics=off", "-accel", "tcg,thread=multi", "-cpu", "max", "-m", "512",
		"-nodefaults", "-vga", "none", "-display", "none", "-serial", "file:" + serial,
		"-smbios", "type=1,uuid=00112233-4455-6677-8899-aabbccddeeff", "-boot", "strict=on",
		"-netdev", "tap,id=n0,ifname=tap0,script=no,downscript=no",
	}, args...)...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: unix.SIGKILL}
	cmd.Stderr = os.Stderr
	try(t, cmd.Start())
	t.Cleanup(func() {
		cmd.Process.Kill()
		cmd.Wait()
		if t.Failed() {
			b, _ := os.ReadFile(serial)
			t.Logf("console:\n%s", b)
		}
	})
	return serial
}

// awaitText waits until a file has a text.
func awaitText(ctx context.Context, t *testing.T, path, want string) {
	t.Helper()
	for {
		b, _ := os.ReadFile(path)
		if strings.Contains(string(b), want) {
			return
		}
		select {
		case <-ctx.Done():
			t.Fatalf("%q did not appear on the console", want)
		case <-time.After(50 * time.Millisecond):
		}
	}
}

// firmware finds a file of Debian's ovmf, ipxe or ipxe-qemu package, installed
// or unpacked into the folder that SANDAI_FIRMWARE names.
func firmware(t *testing.T, path string) string {
	t.Helper()
	full := filepath.Join("/", os.Getenv("SANDAI_FIRMWARE"), path)
	need(t, exists(full), "no "+full+" (apt install ovmf ipxe ipxe-qemu qemu-system-x86)")
	return full
}

// stored reads an image of the real store on this host; ok is false when it was
// not built yet.
func stored(t *testing.T, name string) (b []byte, ok bool) {
	t.Helper()
	const store = "/var/cache/sandai/store"
	text, err := os.ReadFile(filepath.Join(store, "refs", name+".json"))
	if err != nil {
		return nil, false
	}
	var img inventory.Image
	try(t, json.Unmarshal(text, &img))
	b, err = os.ReadFile(filepath.Join(store, img.Digest))
	try(t, err)
	return b, true
}

// loaderUEFI is the ipxe.efi that is really handed out, else Debian's.
func loaderUEFI(t *testing.T) []byte {
	t.Helper()
	if b, ok := stored(t, imageIPXE); ok {
		return b
	}
	b, err := os.ReadFile(firmware(t, "boot/ipxe.efi"))
	try(t, err)
	return b
}

// ovmf is the arguments for UEFI firmware with variables of its own.
func ovmf(t *testing.T) []string {
	t.Helper()
	vars, err := os.ReadFile(firmware(t, "usr/share/OVMF/OVMF_VARS_4M.fd"))
	try(t, err)
	own := filepath.Join(t.TempDir(), "vars.fd")
	try(t, os.WriteFile(own, vars, 0o600))
	return []string{
		"-drive", "if=pflash,format=raw,unit=0,readonly=on,file=" + firmware(t, "usr/share/OVMF/OVMF_CODE_4M.fd"),
		"-drive", "if=pflash,format=raw,unit=1,file=" + own,
	}
}

// bootable is a disk whose boot sector prints a line to the serial port.
func bootable(t *testing.T) string {
	t.Helper()
	b := make([]byte, 1<<20)
	copy(b, []byte{
		0xfa, 0x31, 0xc0, 0x8e, 0xd8, // cli; ds = 0
		0xbe, 0x40, 0x7c, // mov si, 0x7c40
		0xba, 0xfd, 0x03, 0xec, 0xa8, 0x20, 0x74, 0xfb, // wait until the port is free
		0xba, 0xf8, 0x03, 0xac, 0x84, 0xc0, 0x74, 0x03, // lodsb; end at the zero
		0xee, 0xeb, 0xed, // out dx, al; jmp wait
		0xf4, 0xeb, 0xfd,
	})
	copy(b[0x40:], "the disk boots")
	b[510], b[511] = 0x55, 0xaa
	path := filepath.Join(t.TempDir(), "disk.raw")
	try(t, os.WriteFile(path, b, 0o600))
	return path
}

// bench is a network namespace with a server for one virtual machine.
func bench(t *testing.T, r *rack) *Server {
	t.Helper()
	_, err := exec.LookPath("qemu-system-x86_64")
	need(t, err == nil, "no qemu-system-x86_64 (apt install qemu-system-x86)")
	need(t, exists("/dev/net/tun"), "no /dev/net/tun")
	bridge(t, "tap0")
	address(t, "prov0", "10.77.0.1/24")
	r.add(t, imageKernel, tinyKernel())
	r.add(t, imageRamdisk, make([]byte, 1<<20+1))
	// In this namespace nobody else is, so there is little to probe for.
	s := newServer(t, r, func(c *Config) { c.ProbeTime = 100 * time.Millisecond })
	start(t, s)
	return s
}

const wantLine = "sandai.node=controller-1 sandai.nonce=b64d3f1c9a sandai.mac=" + testMAC + " sandai.address=10.77.0.11/24 " +
	"sandai.url=https://10.77.0.1:8443 sandai.images=http://10.77.0.1:8069 console=ttyS0,115200n8"

// TestBoot boots a virtual server over the network: SeaBIOS with the iPXE ROM.
func TestBoot(t *testing.T) {
	if !isolated(t) {
		return
	}
	firmware(t, "usr/lib/ipxe/qemu/pxe-virtio.rom")
	r := newRack(t)
	bench(t, r)
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	began := time.Now()
	serial := machine(t, "-device", "virtio-net-pci,netdev=n0,mac="+testMAC+",bootindex=0")
	for _, e := range []inventory.EventType{inventory.EventDHCPDiscover, inventory.EventDHCPAck, inventory.EventScript, inventory.EventKernel, inventory.EventRamdisk} {
		r.await(ctx, t, e)
		t.Logf("%s after %s", e, time.Since(began).Round(time.Millisecond))
	}
	awaitText(ctx, t, serial, wantLine)
	if r.spent[testMAC] != 1 {
		t.Errorf("the nonce was spent %d times", r.spent[testMAC])
	}
	want := inventory.Machine{MAC: testMAC, UUID: "00112233-4455-6677-8899-aabbccddeeff"}
	if d := cmp.Diff(want, r.machines[testMAC]); d != "" {
		t.Errorf("the machine (-want +got):\n%s", d)
	}
}

// TestBootLinux boots the deploy kernel that was built on this host with a
// ramdisk whose first process says what the kernel unpacked: a zstd archive, as
// the deploy ramdisk is one, and the CA's after it.
func TestBootLinux(t *testing.T) {
	if !isolated(t) {
		return
	}
	firmware(t, "usr/lib/ipxe/qemu/pxe-virtio.rom")
	kernel, ok := stored(t, imageKernel)
	if !ok {
		t.Skip("the deploy kernel was not built on this host yet")
	}
	r := newRack(t)
	s := bench(t, r)
	r.add(t, imageKernel, kernel)
	r.add(t, imageRamdisk, initramfs(t))
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
	defer cancel()
	began := time.Now()
	serial := machine(t, "-device", "virtio-net-pci,netdev=n0,mac="+testMAC+",bootindex=0")
	r.await(ctx, t, inventory.EventRamdisk)
	t.Logf("ramdisk after %s", time.Since(began).Round(time.Millisecond))
	awaitText(ctx, t, serial, fmt.Sprintf("the CA is %q, error <nil>", s.cfg.CA))
	t.Logf("/init after %s", time.Since(began).Round(time.Millisecond))
	awaitText(ctx, t, serial, wantLine)
}

// initramfs is testdata/init as the /init of a zstd-compressed archive, of a
// size that is no multiple of four.
func initramfs(t *testing.T) []byte {
	t.Helper()
	path := filepath.Join(t.TempDir(), "init")
	cmd := exec.CommandContext(t.Context(), "go", "build", "-o", path, "./testdata/init")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("build testdata/init: %v: %s", err, out)
	}
	program, err := os.ReadFile(path)
	try(t, err)
	var b bytes.Buffer
	z, err := zstd.NewWriter(&b)
	try(t, err)
	w := cpio.NewWriter(z)
	try(t, w.WriteHeader(&cpio.Header{Name: "init", Mode: cpio.TypeReg | 0o755, Size: int64(len(program))}))
	_, err = w.Write(program)
	try(t, err)
	try(t, w.Close())
	try(t, z.Close())
	for b.Len()%4 != 1 {
		b.WriteByte(0)
	}
	return b.Bytes()
}

// TestBootRetry: the kernel is not there at first; the script asks again.
func TestBootRetry(t *testing.T) {
	if !isolated(t) {
		return
	}
	firmware(t, "usr/lib/ipxe/qemu/pxe-virtio.rom")
	r := newRack(t)
	bench(t, r)
	r.mu.Lock()
	delete(r.images, imageKernel)
	r.mu.Unlock()
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	serial := machine(t, "-device", "virtio-net-pci,netdev=n0,mac="+testMAC+",bootindex=0")
	r.await(ctx, t, inventory.EventRefused)
	awaitText(ctx, t, serial, "Sandai: try 1 of 24 failed, next in 5 s")
	r.add(t, imageKernel, tinyKernel())
	awaitText(ctx, t, serial, wantLine)
	if r.spent[testMAC] != 1 {
		t.Errorf("the nonce was spent %d times", r.spent[testMAC])
	}
}

// TestBootDisk: the decision is the disk, and the disk boots.
func TestBootDisk(t *testing.T) {
	if !isolated(t) {
		return
	}
	firmware(t, "usr/lib/ipxe/qemu/pxe-virtio.rom")
	r := newRack(t)
	r.nodes = nil
	bench(t, r)
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	serial := machine(t, "-device", "virtio-net-pci,netdev=n0,mac="+testMAC+",bootindex=0",
		"-drive", "if=none,id=d0,format=raw,file="+bootable(t), "-device", "virtio-blk-pci,drive=d0,bootindex=1")
	r.await(ctx, t, inventory.EventScript)
	awaitText(ctx, t, serial, "the disk boots")
	if len(r.spent) != 0 {
		t.Errorf("a boot from the disk spent a nonce: %v", r.spent)
	}
}

// TestBootUEFI boots by UEFI's own PXE and HTTP clients, which fetch ipxe.efi.
func TestBootUEFI(t *testing.T) {
	for name, args := range map[string][]string{
		"PXE":  {"-fw_cfg", "name=opt/org.tianocore/IPv6PXESupport,string=n", "-fw_cfg", "name=opt/org.tianocore/IPv6Support,string=n"},
		"HTTP": {"-fw_cfg", "name=opt/org.tianocore/IPv4PXESupport,string=n", "-fw_cfg", "name=opt/org.tianocore/IPv6PXESupport,string=n", "-fw_cfg", "name=opt/org.tianocore/IPv6Support,string=n"},
	} {
		t.Run(name, func(t *testing.T) {
			if !isolated(t) {
				return
			}
			loader := loaderUEFI(t)
			uefi := ovmf(t)
			r := newRack(t)
			r.add(t, imageIPXE, loader)
			bench(t, r)
			ctx, cancel := context.WithTimeout(t.Context(), 4*time.Minute)
			defer cancel()
			began := time.Now()
			// Without a ROM file the NIC is driven by UEFI itself.
			machine(t, append(append(uefi, args...), "-device", "virtio-net-pci,netdev=n0,romfile=,mac="+testMAC+",bootindex=0")...)
			for _, e := range []inventory.EventType{inventory.EventDHCPDiscover, inventory.EventLoader, inventory.EventScript, inventory.EventKernel} {
				r.await(ctx, t, e)
				t.Logf("%s after %s", e, time.Since(began).Round(time.Millisecond))
			}
		})
	}
}

// TestBootDiskUEFI: on UEFI the script for the disk ends with an error, and the
// firmware goes on to its next entry. There lies an iPXE of its own, which asks
// for the script a second time without fetching a loader a second time.
func TestBootDiskUEFI(t *testing.T) {
	if !isolated(t) {
		return
	}
	loader := loaderUEFI(t)
	args := ovmf(t)
	r := newRack(t)
	r.nodes = nil
	r.add(t, imageIPXE, loader)
	bench(t, r)
	dir := t.TempDir()
	try(t, os.MkdirAll(filepath.Join(dir, "EFI/BOOT"), 0o755))
	try(t, os.WriteFile(filepath.Join(dir, "EFI/BOOT/BOOTX64.EFI"), loader, 0o644))
	ctx, cancel := context.WithTimeout(t.Context(), 4*time.Minute)
	defer cancel()
	machine(t, append(args, "-device", "virtio-net-pci,netdev=n0,romfile=,mac="+testMAC+",bootindex=0",
		"-drive", "if=none,id=d0,format=raw,readonly=on,file=fat:"+dir, "-device", "virtio-blk-pci,drive=d0,bootindex=1",
		"-fw_cfg", "name=opt/org.tianocore/IPv6Support,string=n")...)
	count := func(want inventory.EventType) (n int) {
		for _, e := range r.types() {
			if e == want {
				n++
			}
		}
		return n
	}
	// OVMF has two network entries, PXE and HTTP; each fetches a loader.
	for count(inventory.EventScript) <= count(inventory.EventLoader) {
		select {
		case <-r.changed:
		case <-ctx.Done():
			t.Fatalf("the disk did not boot; the events are %v", r.types())
		}
	}
}
