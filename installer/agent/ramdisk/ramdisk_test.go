package ramdisk

import (
	"context"
	"errors"
	"log/slog"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"golang.org/x/crypto/ssh"

	"sandai/inventory"
)

func TestParseCmdline(t *testing.T) {
	const good = "BOOT_IMAGE=k sandai.node=n1 sandai.nonce=abc== sandai.mac=52:54:00:77:00:0A sandai.address=10.77.0.11/24 sandai.url=https://10.77.0.1:8443/ console=ttyS0,115200n8 quiet\n"
	for name, tt := range map[string]struct {
		line string
		want params
		err  string
	}{
		"good":       {good, params{"n1", "abc==", "52:54:00:77:00:0a", netip.MustParsePrefix("10.77.0.11/24"), "https://10.77.0.1:8443"}, ""},
		"foreign":    {"root=/dev/sda1 ro", params{}, "sandai.node is missing"},
		"no address": {strings.Replace(good, "sandai.address", "x", 1), params{}, "sandai.address is missing"},
		"bad MAC":    {strings.Replace(good, "52:54", "5254", 1), params{}, "sandai.mac"},
		"no prefix":  {strings.Replace(good, "/24", "", 1), params{}, "sandai.address"},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := parseCmdline(tt.line)
			if tt.err != "" {
				if err == nil || !strings.Contains(err.Error(), tt.err) {
					t.Errorf("error %v, want one with %q", err, tt.err)
				}
				return
			}
			if diff := cmp.Diff(tt.want, got, cmp.AllowUnexported(params{}), cmpopts.EquateComparable(netip.Prefix{})); err != nil || diff != "" {
				t.Error(err, diff)
			}
		})
	}
}

// tree makes files below a new folder; a text that begins with -> is a link.
func tree(t *testing.T, files map[string]string) string {
	t.Helper()
	root := t.TempDir()
	for name, text := range files {
		p := filepath.Join(root, name)
		if err := os.MkdirAll(filepath.Dir(p), 0o755); err != nil {
			t.Fatal(err)
		}
		var err error
		if to, ok := strings.CutPrefix(text, "->"); ok {
			err = os.Symlink(to, p)
		} else {
			err = os.WriteFile(p, []byte(text), 0o644)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	return root
}

func TestHardware(t *testing.T) {
	root := tree(t, map[string]string{
		"sys/class/dmi/id/sys_vendor": "Sandai\n", "sys/class/dmi/id/product_name": "Rack 1\n", "sys/class/dmi/id/product_serial": "S1\n",
		"sys/class/dmi/id/bios_vendor": "SeaBIOS\n", "sys/class/dmi/id/bios_version": "1.16.2\n",
		"proc/cpuinfo": "processor\t: 0\nmodel name\t: Fast CPU\nflags\t\t: fpu svm sse\n\nprocessor\t: 1\nmodel name\t: Fast CPU\nflags\t: fpu svm\n",
		"proc/meminfo": "MemTotal:        2048000 kB\nMemFree: 1 kB\n",
		// A server's NIC with link, one without, and lo.
		"sys/class/net/eth0/address": "52:54:00:00:00:01\n", "sys/class/net/eth0/carrier": "1\n", "sys/class/net/eth0/speed": "10000\n", "sys/class/net/eth0/device/driver": "->../../drivers/ixgbe",
		"sys/class/net/eth1/address": "52:54:00:00:00:02\n", "sys/class/net/eth1/speed": "-1\n", "sys/class/net/eth1/device/driver": "->../../drivers/ixgbe",
		"sys/class/net/lo/address": "00:00:00:00:00:00\n",
		// virtio, NVMe, SCSI; a loop device, a DVD drive and an empty card reader.
		"sys/block/vda/size": "8388608\n", "sys/block/vda/serial": "system-1\n", "sys/block/vda/device/x": "",
		"sys/block/nvme0n1/size": "1000\n", "sys/block/nvme0n1/wwid": "eui.1\n", "sys/block/nvme0n1/device/serial": "NV1   \n", "sys/block/nvme0n1/device/model": "Quick  \n",
		"sys/block/sda/size": "1000\n", "sys/block/sda/device/wwid": "naa.5\n", "sys/block/sda/device/vpd_pg80": "\x00\x80\x00\x06  SC1 ", "sys/block/sda/device/model": "Slow\n",
		"sys/block/loop0/size": "1000\n",
		"sys/block/sr0/size":   "1000\n", "sys/block/sr0/removable": "1\n", "sys/block/sr0/device/x": "",
		"sys/block/sdb/size": "0\n", "sys/block/sdb/device/x": "",
	})
	h, err := hardware(root)
	if err != nil {
		t.Fatal(err)
	}
	want := &inventory.Hardware{Product: "Sandai Rack 1", Serial: "S1", Firmware: "SeaBIOS 1.16.2", CPU: "Fast CPU", Cores: 2, MemoryMB: 2000, Virt: "svm", BootMode: "bios",
		NICs: []inventory.NICInfo{{Name: "eth0", MAC: "52:54:00:00:00:01", Link: true, Mbps: 10000, Driver: "ixgbe"}, {Name: "eth1", MAC: "52:54:00:00:00:02", Driver: "ixgbe"}}}
	if diff := cmp.Diff(want, h); diff != "" {
		t.Error(diff)
	}
	disks, err := listDisks(root)
	if err != nil {
		t.Fatal(err)
	}
	wantDisks := []inventory.DiskInfo{
		{Name: "/dev/nvme0n1", Bytes: 512000, Serial: "NV1", WWN: "eui.1", Model: "Quick"},
		{Name: "/dev/sda", Bytes: 512000, Serial: "SC1", WWN: "naa.5", Model: "Slow"},
		{Name: "/dev/vda", Bytes: 4 << 30, Serial: "system-1"},
	}
	if diff := cmp.Diff(wantDisks, disks); diff != "" {
		t.Error(diff)
	}
}

func TestPick(t *testing.T) {
	a := inventory.DiskInfo{Name: "/dev/vda", Serial: "one", WWN: "naa.1"}
	b := inventory.DiskInfo{Name: "/dev/vdb", Serial: "two", WWN: "naa.2"}
	twin := inventory.DiskInfo{Name: "/dev/vdc", Serial: "two", WWN: "naa.3"}
	for name, tt := range map[string]struct {
		all      []inventory.DiskInfo
		selector string
		want     string
		err      string
	}{
		"only":         {[]inventory.DiskInfo{a}, "", "/dev/vda", ""},
		"by serial":    {[]inventory.DiskInfo{a, b}, "two", "/dev/vdb", ""},
		"by WWN":       {[]inventory.DiskInfo{a, b}, "naa.1", "/dev/vda", ""},
		"unsaid":       {[]inventory.DiskInfo{a, b}, "", "", `/dev/vdb (no model, serial "two"`},
		"wrong":        {[]inventory.DiskInfo{a}, "tw", "", "no disk has"},
		"by name":      {[]inventory.DiskInfo{a}, "/dev/vda", "", "no disk has"},
		"twins":        {[]inventory.DiskInfo{b, twin}, "two", "", "2 disks have"},
		"none":         {nil, "", "", "no disk: check"},
		"none, chosen": {nil, "one", "", "no disk: check"},
	} {
		got, err := pick(tt.all, tt.selector)
		if got.Name != tt.want || (err == nil) != (tt.err == "") || err != nil && !strings.Contains(err.Error(), tt.err) {
			t.Errorf("%s: %q, %v", name, got.Name, err)
		}
	}
}

func TestPartitionName(t *testing.T) {
	for disk, want := range map[string]string{"/dev/vda": "/dev/vda3", "/dev/nvme0n1": "/dev/nvme0n1p3", "/dev/mmcblk0": "/dev/mmcblk0p3"} {
		if got := partitionName(disk, 3); got != want {
			t.Errorf("%s: %s", disk, got)
		}
	}
}

func TestWantedModules(t *testing.T) {
	d := &drivers{aliases: map[string][]alias{
		"pci":    {{"pci:v00008086d000010D3sv*sd*bc*sc*i*", "e1000e"}, {"pci:v00001AF4d*sv*sd*bc*sc*i*", "virtio_pci"}},
		"virtio": {{"virtio:d00000001v*", "virtio_net"}},
		"acpi*":  {{"acpi*:IPI0001:*", "ipmi_si"}},
		"of":     {{"of:N*T*Ca/b", "slash"}},
	}}
	for modalias, want := range map[string]string{
		"pci:v00008086d000010D3sv00001AF4sd00001100bc02sc00i00": "e1000e",
		"pci:v00008086d000010D4sv00001AF4sd00001100bc02sc00i00": "",
		"virtio:d00000001v00001AF4":                             "virtio_net",
		"acpi:IPI0001:":                                         "ipmi_si",
		"of:NxTyCa/b":                                           "slash",
		"platform:pcspkr":                                       "",
	} {
		if got := strings.Join(d.wanted(modalias), ","); got != want {
			t.Errorf("%s wants %q, not %q", modalias, got, want)
		}
	}
}

func TestAwait(t *testing.T) {
	n := 0
	if err := await(t.Context(), slog.New(slog.DiscardHandler), time.Minute, "x", func() error {
		if n++; n < 3 {
			return errors.New("not yet")
		}
		return nil
	}); err != nil || n != 3 {
		t.Errorf("%v after %d looks", err, n)
	}
	why := errors.New("no carrier")
	if err := await(t.Context(), slog.New(slog.DiscardHandler), 250*time.Millisecond, "x", func() error { return why }); !errors.Is(err, why) {
		t.Errorf("%v", err)
	}
}

func seedOf() seedSpec {
	return seedSpec{Node: "n1", Hostname: "n1", Hosts: "10.77.0.11 n1 controller\n10.77.0.12 n2", InstallNonce: "proof", SSHKeys: []string{"ssh-ed25519 AAAA me"},
		Networks: []network{{Name: "mgmt0", MAC: "52:54:00:77:00:01", Address: "10.77.0.11/24", Gateway: "10.77.0.1"}, {Name: "provider0", MAC: "52:54:00:77:00:02"}}}
}

func TestIdentityFiles(t *testing.T) {
	files, err := identityFiles(seedOf())
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]file{}
	for _, f := range files {
		got[f.path] = f
	}
	for path, want := range map[string]string{
		"etc/hostname":                             "n1\n",
		"etc/hosts":                                "127.0.0.1 localhost\n::1 localhost ip6-localhost ip6-loopback\n10.77.0.11 n1 controller\n10.77.0.12 n2\n",
		"etc/systemd/network/10-provider0.link":    "[Match]\nMACAddress=52:54:00:77:00:02\nType=ether\nKind=!*\n\n[Link]\nName=provider0\n",
		"etc/systemd/network/10-provider0.network": "[Match]\nName=provider0\n\n[Link]\nRequiredForOnline=no\n\n[Network]\nLinkLocalAddressing=no\nIPv6AcceptRA=no\nLLDP=no\nKeepMaster=yes\n",
		"etc/systemd/network/10-mgmt0.network":     "[Match]\nName=mgmt0\n\n[Link]\nRequiredForOnline=yes\n\n[Network]\nLinkLocalAddressing=no\nIPv6AcceptRA=no\nLLDP=no\nKeepMaster=yes\nAddress=10.77.0.11/24\nGateway=10.77.0.1\n",
		"root/.ssh/authorized_keys":                "ssh-ed25519 AAAA me\n",
	} {
		if diff := cmp.Diff(want, got[path].text); diff != "" {
			t.Errorf("%s: %s", path, diff)
		}
	}
	key := got["etc/ssh/ssh_host_ed25519_key"]
	signer, err := ssh.ParsePrivateKey([]byte(key.text))
	if err != nil || key.mode != 0o600 {
		t.Fatalf("host key: %v, mode %o", err, key.mode)
	}
	pub, _, _, _, err := ssh.ParseAuthorizedKey([]byte(got["etc/ssh/ssh_host_ed25519_key.pub"].text))
	if err != nil || string(pub.Marshal()) != string(signer.PublicKey().Marshal()) {
		t.Errorf("the public host key is another's: %v", err)
	}
	if len(strings.TrimSpace(got["etc/machine-id"].text)) != 32 {
		t.Errorf("machine-id %q", got["etc/machine-id"].text)
	}
	again, _ := identityFiles(seedOf())
	for i := range again {
		if p := again[i].path; (p == "etc/machine-id" || p == "etc/ssh/ssh_host_ed25519_key") && again[i].text == got[p].text {
			t.Errorf("two nodes share /%s", p)
		}
	}
	for name, spoil := range map[string]func(*seedSpec){
		"no nonce": func(s *seedSpec) { s.InstallNonce = "" }, "no networks": func(s *seedSpec) { s.Networks = nil },
		"bad MAC": func(s *seedSpec) { s.Networks[0].MAC = "" }, "bad address": func(s *seedSpec) { s.Networks[0].Address = "10.0.0.1" },
	} {
		s := seedOf()
		spoil(&s)
		if _, err := identityFiles(s); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

// TestPutStaysInTheImage: what an image's links point to outside of it is safe.
func TestPutStaysInTheImage(t *testing.T) {
	outside := filepath.Join(t.TempDir(), "passwd")
	if err := os.WriteFile(outside, []byte("mine"), 0o600); err != nil {
		t.Fatal(err)
	}
	dir := tree(t, map[string]string{"etc/hostname": "->" + outside, "usr/lib/x": "", "lib": "->usr/lib", "abs": "->" + filepath.Dir(outside)})
	root, err := os.OpenRoot(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer root.Close()
	if err := put(root, file{path: "etc/hostname", text: "n1\n", mode: 0o644}); err != nil {
		t.Error(err)
	}
	if err := put(root, file{path: "lib/y", text: "y", mode: 0o755}); err != nil {
		t.Error(err)
	}
	if err := put(root, file{path: "abs/passwd", text: "theirs", mode: 0o644}); err == nil {
		t.Error("a file was written through a link that leaves the image")
	}
	if b, _ := os.ReadFile(outside); string(b) != "mine" {
		t.Errorf("outside is %q", b)
	}
	if b, err := os.ReadFile(filepath.Join(dir, "etc/hostname")); string(b) != "n1\n" {
		t.Errorf("%q, %v", b, err)
	}
	if st, err := os.Stat(filepath.Join(dir, "usr/lib/y")); err != nil || st.Mode() != 0o755 {
		t.Errorf("%v, %v", st, err)
	}
}

func TestUnknownTask(t *testing.T) {
	d := &deployer{}
	for _, tk := range []inventory.Task{{Kind: "dance"}, {Kind: "wipe", Spec: []byte(`{"disk": 7}`)}} {
		if out := d.work(context.Background(), tk, nil); out.Err == nil {
			t.Errorf("%s: no error", tk.Kind)
		}
	}
}
