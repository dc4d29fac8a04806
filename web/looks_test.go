package web

import (
	"context"
	"testing"
	"time"

	"sandai/inventory"
	"sandai/web/page"
)

// TestLooksDoNotWait: a page is not kept waiting for a slow answer; it is told
// when the answer comes.
func TestLooksDoNotWait(t *testing.T) {
	b := newBell()
	rung, end := b.subscribe()
	defer end()
	l := newLooks(b)
	release := make(chan error)
	ask := func(context.Context) (string, error) {
		if err := <-release; err != nil {
			return "", err
		}
		return "here", nil
	}
	impatient, cancel := context.WithCancel(t.Context())
	cancel()
	look := func(patience context.Context) page.Answer[string] { return lookAt(l, patience, "k", time.Hour, ask) }
	if a := look(impatient); a.Known() || !a.Asking {
		t.Fatalf("before the answer: %+v", a)
	}
	release <- nil
	<-rung
	if a := look(impatient); !a.Known() || a.Asking || a.Value != "here" {
		t.Fatalf("after the answer: %+v", a)
	}
	l.forget("k")
	if a := look(impatient); a.Value != "here" || !a.Asking {
		t.Errorf("what is asked again stands until then: %+v", a)
	}
	release <- inventory.Errorf(inventory.Unavailable, "it is silent")
	<-rung
	if a := look(impatient); a.Value != "here" || a.Asking || a.Err != "it is silent" || a.Code != inventory.Unavailable {
		t.Errorf("a failed question leaves the old answer: %+v", a)
	}
	l.forget("k")
	go func() { release <- nil }()
	if a := look(t.Context()); a.Err != "" || a.Value != "here" || a.Asking {
		t.Errorf("a patient look: %+v", a)
	}
}

// TestLooksAreAskedAgain: as long as somebody looks, and no longer.
func TestLooksAreAskedAgain(t *testing.T) {
	b := newBell()
	rung, end := b.subscribe()
	defer end()
	l := newLooks(b)
	release := make(chan struct{})
	ask := func(context.Context) (any, error) { <-release; return 1, nil }
	impatient, cancel := context.WithCancel(t.Context())
	cancel()
	look := func() {
		lookAt(l, impatient, "k", time.Hour, func(ctx context.Context) (any, error) { return ask(ctx) })
	}
	again := func() bool { // as the timer does when the answer is old
		k := l.m["k"]
		l.again(k, 0, ask)
		l.mu.Lock()
		defer l.mu.Unlock()
		return k.asking != nil
	}
	answered := func() { release <- struct{}{}; <-rung }
	look()
	answered()
	if again() {
		t.Fatal("asked though nobody has looked at the answer")
	}
	look()
	if !again() {
		t.Fatal("not asked though somebody looks")
	}
	answered()
	if again() {
		t.Error("asked again though nobody has looked at the second answer")
	}
}
