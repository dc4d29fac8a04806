package images

import (
	"bytes"
	"encoding/binary"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestFlatten(t *testing.T) {
	awk, err := exec.LookPath("awk")
	if err != nil {
		t.Skip("needs awk")
	}
	script := filepath.Join(t.TempDir(), "flatten.awk")
	if err := os.WriteFile(script, []byte(file("guest/flatten.awk")), 0o600); err != nil {
		t.Fatal(err)
	}
	tests := map[string]struct {
		in, want string
		fails    bool
	}{
		"meta_data": {
			in:   `{"hostname": "proof.novalocal", "public_keys": {"my key": "ssh-ed25519 AAAA= me\n"}, "devices": [], "launch_index": 0}`,
			want: ".hostname\tproof.novalocal\n.public_keys.my key\tssh-ed25519 AAAA= me\n.launch_index\t0\n",
		},
		"network_data": {
			in: `{"links": [{"id": "tap1", "mtu": 1450, "vif": null}],
				"networks": [{"type": "ipv4", "routes": [{"network": "0.0.0.0"}, {"network": "169.254.169.254"}]}]}`,
			want: ".links.0.id\ttap1\n.links.0.mtu\t1450\n.links.0.vif\tnull\n.networks.0.type\tipv4\n" +
				".networks.0.routes.0.network\t0.0.0.0\n.networks.0.routes.1.network\t169.254.169.254\n",
		},
		"escapes":    {in: `{"a": "q\"b\\c\/d\u00e9\tx, {y]"}`, want: ".a\tq\"b\\c/d? x, {y]\n"},
		"nested":     {in: `[[1, [2]], {"b": {"c": true}}]`, want: ".0.0\t1\n.0.1.0\t2\n.1.b.c\ttrue\n"},
		"cut short":  {in: `{"a": "b`, fails: true},
		"cut object": {in: `{"a": {"b": 1`, want: ".a.b\t1\n", fails: true},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			cmd := exec.CommandContext(t.Context(), awk, "-f", script)
			cmd.Stdin = strings.NewReader(tt.in)
			out, err := cmd.Output()
			if (err != nil) != tt.fails {
				t.Errorf("error %v, want one: %v", err, tt.fails)
			}
			if d := cmp.Diff(tt.want, string(out)); d != "" {
				t.Error(d)
			}
		})
	}
}

func TestBIOSDisk(t *testing.T) {
	dir := t.TempDir()
	write := func(name string, data []byte) string {
		p := filepath.Join(dir, name)
		if err := os.WriteFile(p, data, 0o600); err != nil {
			t.Fatal(err)
		}
		return p
	}
	boot := write("boot", bytes.Repeat([]byte{0xb0}, 512))
	core := write("core", bytes.Repeat([]byte{0xc0}, 3000))
	root := write("root", bytes.Repeat([]byte{0xe4}, 4096*3))
	disk := filepath.Join(dir, "disk")
	if err := biosDisk(disk, boot, core, root); err != nil {
		t.Fatal(err)
	}
	got, err := os.ReadFile(disk)
	if err != nil {
		t.Fatal(err)
	}
	if len(got) != gap+4096*3 || got[445] != 0xb0 || got[512] != 0xc0 || got[gap] != 0xe4 || got[510] != 0x55 || got[511] != 0xaa {
		t.Error("boot code, core or root is not where it belongs")
	}
	entry := got[446:]
	if entry[0] != 0x80 || entry[4] != 0x83 || binary.LittleEndian.Uint32(entry[8:]) != 2048 || binary.LittleEndian.Uint32(entry[12:]) != 24 {
		t.Errorf("partition entry % x", entry[:16])
	}
	if !bytes.Equal(entry[16:64], make([]byte, 48)) {
		t.Error("boot.img's own bytes make up further partitions")
	}
	if err := biosDisk(disk, boot, write("huge", make([]byte, gap)), root); err == nil {
		t.Error("a core that reaches into the partition is no error")
	}
}

func TestNeeded(t *testing.T) {
	got, err := needed([]string{"/nonexistent", "/"}, "usr/bin/bash")
	if err != nil {
		t.Skip("needs Debian's bash on amd64:", err)
	}
	var libc, loader bool
	for _, p := range got {
		libc = libc || filepath.Base(p) == "libc.so.6"
		loader = loader || strings.HasPrefix(filepath.Base(p), "ld-linux")
	}
	if !libc || !loader {
		t.Errorf("bash without libc or its loader: %v", got)
	}
	if _, err := needed([]string{"/"}, "usr/bin/no-such-program"); err == nil {
		t.Error("a program that is not there is no error")
	}
}
