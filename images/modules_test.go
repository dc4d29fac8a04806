package images

import (
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"
)

func text(s string) *fstest.MapFile { return &fstest.MapFile{Data: []byte(s)} }

var testModules = fstest.MapFS{
	"modules.dep": text(`kernel/fs/ext4/ext4.ko.xz: kernel/lib/crc16.ko.xz kernel/fs/mbcache.ko.xz kernel/fs/jbd2/jbd2.ko.xz
kernel/lib/crc16.ko.xz:
kernel/fs/mbcache.ko.xz:
kernel/fs/jbd2/jbd2.ko.xz: kernel/lib/crc16.ko.xz
kernel/drivers/net/virtio_net.ko.xz: kernel/net/core/net-failover.ko.xz
kernel/net/core/net-failover.ko.xz:
kernel/a.ko: kernel/b.ko
kernel/b.ko: kernel/a.ko
`),
	"modules.builtin":    text("kernel/drivers/virtio/virtio_pci.ko\n"),
	"modules.alias":      text("# Aliases\nalias fs-ext4 ext4\nalias fs-xfs xfs\nalias virtio:d00000001v* virtio_net\n"),
	"modules.softdep":    text("# Soft\nsoftdep ext4 pre: crypto-crc32c\nsoftdep xfs pre: crc32c\n"),
	"kernel/lib/plain.x": text("no"),
}

func TestClosure(t *testing.T) {
	m, err := readModules(testModules, "6.12")
	if err != nil {
		t.Fatal(err)
	}
	tests := map[string]struct {
		ask  []string
		want []string
		err  string
	}{
		"each after what it needs":         {ask: []string{"ext4"}, want: []string{"crc16", "jbd2", "mbcache", "ext4"}},
		"each once":                        {ask: []string{"crc16", "jbd2", "jbd2"}, want: []string{"crc16", "jbd2"}},
		"built in":                         {ask: []string{"virtio_pci"}},
		"dash and underscore are the same": {ask: []string{"net-failover", "virtio-net"}, want: []string{"net_failover", "virtio_net"}},
		"unknown":                          {ask: []string{"ext4", "nosuch"}, err: "no module nosuch"},
		"circle":                           {ask: []string{"a"}, err: "needs itself"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			got, err := m.closure(tt.ask)
			if tt.err != "" {
				if err == nil || !strings.Contains(err.Error(), tt.err) {
					t.Fatalf("got %v, want an error with %q", err, tt.err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			slices.Sort(tt.want)
			sorted := slices.Sorted(slices.Values(got))
			if d := cmp.Diff(tt.want, sorted); d != "" {
				t.Error(d)
			}
			for i, n := range got {
				for _, d := range m.needs[n] {
					if at := slices.Index(got, d); at < 0 || at > i {
						t.Errorf("%s comes before %s, which it needs: %v", n, d, got)
					}
				}
			}
		})
	}
}

func TestModuleIndexes(t *testing.T) {
	m, err := readModules(testModules, "6.12")
	if err != nil {
		t.Fatal(err)
	}
	names := []string{"crc16", "jbd2", "mbcache", "ext4"}
	want := `kernel/lib/crc16.ko:
kernel/fs/ext4/ext4.ko: kernel/lib/crc16.ko kernel/fs/mbcache.ko kernel/fs/jbd2/jbd2.ko
kernel/fs/jbd2/jbd2.ko: kernel/lib/crc16.ko
kernel/fs/mbcache.ko:
`
	if d := cmp.Diff(want, string(m.dep(names))); d != "" {
		t.Error(d)
	}
	alias, err := m.filter("modules.alias", 2, names)
	if err != nil || string(alias) != "alias fs-ext4 ext4\n" {
		t.Errorf("modules.alias: %q, %v", alias, err)
	}
	soft, err := m.filter("modules.softdep", 1, names)
	if err != nil || string(soft) != "softdep ext4 pre: crypto-crc32c\n" {
		t.Errorf("modules.softdep: %q, %v", soft, err)
	}
}
