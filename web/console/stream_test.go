package console_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"testing/synctest"

	"sandai/web/console"
)

// TestNoGapNoRepeat: whenever viewers come, however they read, and however the
// machine's output is cut into pieces, each sees one stretch of the output, from
// the scrollback it was given to the end, byte for byte.
func TestNoGapNoRepeat(t *testing.T) {
	for seed := range uint64(6) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { noGapNoRepeat(t, rand.New(rand.NewPCG(seed, 3))) })
		})
	}
}

func noGapNoRepeat(t *testing.T, rnd *rand.Rand) {
	r := start(t, console.Config{})
	first := r.join(t, "compute-1", "first") // opens the line; reads now and then
	viewers := []*seen{first}
	dropped := map[*seen]bool{}
	var said strings.Builder
	for n := 0; said.Len() < 1<<20; n++ {
		switch k := rnd.IntN(10); {
		case k == 0 && len(viewers) < 8:
			viewers = append(viewers, r.join(t, "compute-1", "another"))
		case k < 4:
			v := viewers[rnd.IntN(len(viewers))]
			if !dropped[v] {
				dropped[v] = readSome(t, v, rnd.IntN(40))
			}
		default:
			// Each line says where it is, so that a stretch fits in one place only.
			var b strings.Builder
			for range rnd.IntN(1000) {
				fmt.Fprintf(&b, "%d %d\r\n", n, said.Len()+b.Len())
			}
			said.WriteString(b.String())
			r.b.say(t, "compute-1", b.String())
		}
	}
	for _, v := range viewers {
		for !dropped[v] && !strings.HasSuffix(said.String(), v.text[max(0, len(v.text)-20):]) {
			dropped[v] = readSome(t, v, 1000)
		}
		_, text, _ := strings.Cut(v.text, ": open]\r\n") // the mark at the line's beginning, if it was in reach
		if text == "" {
			text = v.text
		}
		switch whole := said.String(); {
		case dropped[v] && !strings.Contains(whole, text), !dropped[v] && !strings.HasSuffix(whole, text):
			t.Errorf("a viewer saw %d bytes that are not one stretch of the %d said", len(text), len(whole))
		case v.lives > 1 || v.lives == 0 && !dropped[v]:
			t.Errorf("a viewer was told %d times that the scrollback ends", v.lives)
		}
	}
}

// readSome takes some pieces, and reports whether the viewer was dropped.
func readSome(t *testing.T, v *seen, pieces int) bool {
	t.Helper()
	done, cancel := context.WithCancel(t.Context())
	cancel()
	for range pieces {
		u, err := v.Next(done)
		switch {
		case errors.Is(err, console.ErrSlow):
			return true
		case errors.Is(err, context.Canceled):
			return false
		case err != nil:
			t.Fatal(err)
		}
		if u.Live {
			v.lives++
		}
		v.text += string(u.Bytes)
	}
	return false
}
