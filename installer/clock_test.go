package installer

import (
	"testing"
	"time"
)

func TestJump(t *testing.T) {
	for name, c := range map[string]struct{ wall, monotonic, want time.Duration }{
		"time goes by":            {time.Second, time.Second, 0},
		"a clock that is kept":    {1200 * time.Millisecond, time.Second, 0},
		"it was set a day on":     {24*time.Hour + time.Second, time.Second, 24 * time.Hour},
		"it was set an hour back": {time.Second - time.Hour, time.Second, -time.Hour},
	} {
		if got := jump(c.wall, c.monotonic); got != c.want {
			t.Errorf("%s: %s, want %s", name, got, c.want)
		}
	}
	var w clockWatch
	for range 3 {
		if d := w.jumped(); d != 0 {
			t.Errorf("a clock that nobody set jumped by %s", d)
		}
	}
}
