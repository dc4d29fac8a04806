package netdump

import (
	"errors"
	"testing"

	"github.com/vishvananda/netlink"
)

func TestWhole(t *testing.T) {
	broken := errors.New("broken")
	for name, c := range map[string]struct {
		interrupted int
		then, want  error
		asked       int
	}{
		"at once":            {0, nil, nil, 1},
		"interrupted twice":  {2, nil, nil, 3},
		"another error":      {0, broken, broken, 1},
		"interrupted always": {1000, nil, netlink.ErrDumpInterrupted, most},
	} {
		asked := 0
		out, err := Whole(func() ([]int, error) {
			if asked++; asked <= c.interrupted {
				return []int{1}, netlink.ErrDumpInterrupted
			}
			return []int{1, 2}, c.then
		})
		if !errors.Is(err, c.want) || asked != c.asked || err == nil && len(out) != 2 {
			t.Errorf("%s: %v, %v, asked %d times", name, out, err, asked)
		}
	}
	if links, err := Links(); err != nil || len(links) == 0 {
		t.Errorf("this host's interfaces: %v, %v", links, err)
	}
	if _, err := Addrs(nil, netlink.FAMILY_V4); err != nil {
		t.Error(err)
	}
}
