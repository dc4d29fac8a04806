package standin

import (
	"context"
	"path/filepath"
	"testing"
	"time"
)

func TestKnobs(t *testing.T) {
	dir := t.TempDir()
	k, err := openKnobs(dir, "n1")
	if err != nil {
		t.Fatal(err)
	}
	turn := func(n ...Knob) {
		t.Helper()
		if err := writeJSON(filepath.Join(dir, KnobsFile), Knobs{Steps: n}); err != nil {
			t.Fatal(err)
		}
	}
	turn(Knob{Step: "*/seed/seed", Fail: 2, Reason: "why"})
	fails := func(k *knobs) error { return k.fails(k.read().of("n1/seed/seed")) }
	if err := fails(k); err == nil || err.Error() != "why" {
		t.Errorf("the first try: %v", err)
	}
	if k, err = openKnobs(dir, "n1"); err != nil { // switched off and on
		t.Fatal(err)
	}
	if fails(k) == nil {
		t.Error("the second try did not fail")
	}
	if err := fails(k); err != nil {
		t.Errorf("the third try: %v", err)
	}

	turn(Knob{Step: "n1/write/write", Hang: true})
	held := make(chan error, 1)
	go func() { held <- k.hold(t.Context(), "n1/write/write", 1) }()
	if err := k.hold(t.Context(), "n1/wipe/wipe", 1); err != nil {
		t.Errorf("another step is held: %v", err)
	}
	select {
	case <-held:
		t.Fatal("a step that is to hang goes on")
	default:
	}
	turn()
	if err := <-held; err != nil {
		t.Errorf("a step does not go on when its knob is gone: %v", err)
	}

	turn(Knob{Step: "n1/write/write", Hang: true})
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if k.hold(ctx, "n1/write/write", 1) == nil {
		t.Error("a held step outlives its time")
	}
}

func TestKnobsCheck(t *testing.T) {
	for _, bad := range []string{"", "a["} {
		if (Knobs{Steps: []Knob{{Step: bad}}}).Check() == nil {
			t.Errorf("the pattern %q was accepted", bad)
		}
	}
	first, again := pauseOf("a", 1), pauseOf("a", 1)
	if first != again || first == pauseOf("a", 2) {
		t.Error("pauses are not seeded by step and attempt")
	}
}

func TestMasker(t *testing.T) {
	if got := masker([]string{"ab", "", "abc"}).Replace("abc ab c"); got != "*** *** c" {
		t.Errorf("masked: %q", got)
	}
}
