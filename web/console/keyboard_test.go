package console_test

import (
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"sandai/web/console"
)

// has fails unless a viewer has the keyboard, in the eyes of all.
func has(t *testing.T, who *seen, all ...*seen) {
	t.Helper()
	var want uint64
	if who != nil {
		want = who.look().state.You
	}
	for _, v := range all {
		if v.look(); v.state.Holder != want {
			t.Fatalf("viewer %d sees the keyboard with %d, want %d", v.state.You, v.state.Holder, want)
		}
		if v.Holds() != (v == who) {
			t.Fatalf("viewer %d says of itself that it has the keyboard: %t", v.state.You, v.Holds())
		}
	}
}

func TestKeyboard(t *testing.T) {
	for name, run := range map[string]func(t *testing.T, a, b, c, viewer *seen){
		"given": func(t *testing.T, a, b, c, _ *seen) {
			b.Ask()
			if a.look(); a.state.Asking == nil || a.state.Asking.Who != b.state.You || a.state.Asking.Seconds != 15 {
				t.Fatalf("the holder is told %+v", a.state.Asking)
			}
			a.Give(c.state.You) // who does not ask
			has(t, a, a, b, c)
			a.Give(b.state.You)
			has(t, b, a, b, c)
		},
		"refused": func(t *testing.T, a, b, c, _ *seen) {
			b.Ask()
			b.Refuse(b.look().state.You) // it is not the asker's to refuse
			if a.look(); a.state.Asking == nil {
				t.Fatal("the question is gone")
			}
			a.Refuse(b.state.You)
			time.Sleep(time.Minute)
			has(t, a, a, b, c)
			if b.state.Answer != console.Refused || b.state.Asking != nil || a.state.Answer != "" {
				t.Errorf("the asker sees %+v", b.state)
			}
			b.Ask()
			a.Give(b.state.You)
			if has(t, b, a, b, c); b.state.Answer != "" {
				t.Errorf("the new holder still has the answer %q", b.state.Answer)
			}
		},
		"no answer": func(t *testing.T, a, b, c, _ *seen) {
			b.Ask()
			time.Sleep(14 * time.Second)
			has(t, a, a, b, c)
			time.Sleep(2 * time.Second)
			has(t, b, a, b, c)
		},
		"the holder leaves": func(t *testing.T, a, b, c, _ *seen) {
			b.Ask()
			a.Leave()
			has(t, b, b, c)
			b.Leave()
			has(t, nil, c)
			c.Ask()
			has(t, c, c)
		},
		"the asker leaves": func(t *testing.T, a, b, c, _ *seen) {
			b.Ask()
			b.Leave()
			c.Ask()
			if a.look(); a.state.Asking == nil || a.state.Asking.Who != c.state.You || a.state.Asking.Seconds != 15 {
				t.Fatalf("the holder is told %+v", a.state.Asking)
			}
			a.Give(b.state.You) // the answer to a question that is no more
			has(t, a, a, c)
		},
		"two ask": func(t *testing.T, a, b, c, _ *seen) {
			b.Ask()
			c.Ask()
			if c.look(); c.state.Answer != console.Busy {
				t.Errorf("the second asker is told %q", c.state.Answer)
			}
			time.Sleep(16 * time.Second)
			has(t, b, a, b, c)
		},
		"an old question's time": func(t *testing.T, a, b, c, _ *seen) {
			b.Ask()
			time.Sleep(10 * time.Second)
			a.Refuse(b.look().state.You)
			b.Ask()
			time.Sleep(10 * time.Second) // the first one would be over
			has(t, a, a, b, c)
		},
		"laid down": func(t *testing.T, a, b, c, _ *seen) {
			a.Give(0)
			has(t, nil, a, b, c)
			b.Give(0) // not its own
			b.Ask()
			has(t, b, a, b, c)
		},
		"only looking": func(t *testing.T, a, _, _, viewer *seen) {
			a.Give(0)
			viewer.Ask()
			if has(t, nil, a, viewer); viewer.state.Answer != console.MayNot {
				t.Errorf("a viewer who may not type is told %q", viewer.state.Answer)
			}
			if viewer.Type(t.Context(), []byte("x")) {
				t.Error("and its keys were taken")
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var typed []string
				r := start(t, console.Config{Typing: func(rack, node, who string) { typed = append(typed, rack+"/"+node+" "+who) }})
				a, b, c, viewer := r.join(t, "compute-1", "anna"), r.join(t, "compute-1", "ben"), r.join(t, "compute-1", "carl"), r.join(t, "compute-1", "viewer")
				a.Ask()
				has(t, a, a, b, c, viewer)
				run(t, a, b, c, viewer)
				if len(typed) == 0 || typed[0] != "demo/compute-1 anna" || slices.Contains(typed, "demo/compute-1 viewer") {
					t.Errorf("the audit log was told %q", typed)
				}
			})
		})
	}
}
