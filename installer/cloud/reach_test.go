package cloud

import (
	"os"
	"testing"
	"time"
)

// The real ping, on loopback, whose MTU of 65536 carries a whole packet.
func TestPingOnce(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("raw ICMP needs CAP_NET_RAW")
	}
	for _, size := range []int{56, 1422, 30000} {
		d, err := pingOnce(t.Context(), "127.0.0.1", size)
		if err != nil || d <= 0 || d > time.Second {
			t.Errorf("%d bytes: %v %v", size, d, err)
		}
	}
	if _, err := pingOnce(t.Context(), "127.0.0.1", 65520); err == nil {
		t.Error("a packet larger than loopback's MTU came through unbroken")
	}
}

func TestFindDisk(t *testing.T) {
	const list = "major minor  #blocks  name\n\n 254 0 1048576 vda\n 254 1 1047552 vda1\n 254 16 1048576 vdb\n 8 0 1048576 sdc\n"
	for _, x := range []struct{ list, name, want string }{
		{list, "vdb", "vdb"}, {list, "vdc", "sdc"}, {list, "vda", "vda"},
		{"major minor  #blocks  name\n\n 254 0 1048576 vda\n", "vdb", ""},
		{"254 16 2097152 vdb\n", "vdb", ""},
	} {
		if got := findDisk(x.list, x.name, 1<<20); got != x.want {
			t.Errorf("%s: %q, want %q", x.name, got, x.want)
		}
	}
}
