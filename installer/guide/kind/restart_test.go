package kind

import (
	"context"
	"errors"
	"strings"
	"testing"
)

// TestRestartsLater: a change has the units that run restarted by the step that starts
// them, once, and not before.
func TestRestartsLater(t *testing.T) {
	h := newHost(t)
	h.answers = map[string][]Result{" show ": {show("active", "inactive"), show("active", "active")}, " restart ": {{Code: 1, Stderr: "Job for a.service failed."}}, " start ": {{}}}
	conf := &File{Path: "/a.conf", Content: "new"}
	if _, err := Do(t.Context(), h, conf, "a.service", "b.service"); err != nil {
		t.Fatal(err)
	}
	if ran := h.ran("start"); len(ran) > 0 {
		t.Errorf("too early: %v", ran)
	}
	service := &Service{Names: []string{"a", "b"}, State: "started"}
	if e := Look(t.Context(), h, service); !e.Changed || e.Diff != "- a runs with earlier settings\n" {
		t.Errorf("a look shows %+v", e)
	}
	if e, err := Do(t.Context(), h, service); err != nil || !e.Changed || len(h.long) != 1 || !strings.HasSuffix(h.long[0], "systemctl restart a") {
		t.Errorf("%+v, %v, ran %v", e, err, h.long)
	}
	if e, err := Do(t.Context(), h, service); err != nil || e.Changed {
		t.Errorf("a second time: %+v, %v", e, err)
	}
	if e, err := Do(t.Context(), h, conf, "a.service"); err != nil || e.Changed || Look(t.Context(), h, service).Changed {
		t.Errorf("a step that changes nothing: %+v, %v", e, err)
	}
}

// broken is a kind that fails half-way.
type broken struct{ File }

func (*broken) Apply(context.Context, Host) error { return errors.New("the disk is full") }

// TestRestartIsKept: neither a step that fails half-way nor an agent that ends while it
// restarts the unit loses the restart; in an image nothing runs that could need one.
func TestRestartIsKept(t *testing.T) {
	h := newHost(t)
	h.answers = map[string][]Result{" show ": {show("active")}, " restart ": {{}}}
	k := &broken{File{Path: "/a.conf", Content: "new"}}
	service := &Service{Names: []string{"a"}, State: "started"}
	if _, err := Do(t.Context(), h, k, "a.service"); err == nil {
		t.Fatal("it did not fail")
	}
	if _, err := Do(t.Context(), h, service); err == nil || !strings.Contains(err.Error(), "unexpected command") { // there is no answer for start: it ends there
		t.Fatalf("error %v", err)
	}
	if !Look(t.Context(), h, service).Changed {
		t.Error("the restart is lost")
	}
	image := newHost(t)
	image.booted = false
	if _, err := Do(t.Context(), image, &File{Path: "/a.conf", Content: "new"}, "a.service"); err != nil || len(image.calls) > 0 {
		t.Errorf("%v, ran %v", err, image.calls)
	}
}
