package installer_test

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"time"

	"sandai/installer"
	"sandai/inventory"
)

// unitGuide starts units on the nodes.
type unitGuide struct{ shortGuide }

func (unitGuide) Compile(r inventory.Rack) ([]inventory.Step, error) {
	step := func(node, chapter, kind, spec string) inventory.Step {
		return inventory.Step{Key: node + "/" + chapter + "/" + spec, Node: node, Chapter: chapter, Kind: kind, Spec: []byte(spec)}
	}
	return []inventory.Step{
		step("controller-1", "environment", "service", `{"names":["unwanted.timer"],"masked":true}`),
		step("controller-1", "identity", "service", `{"names":["keystone"],"enabled":true,"state":"started"}`),
		step("controller-1", "identity", "wait", `{"unit":"keystone.service"}`),
		step("controller-1", "compute", "service", `{"names":["nova-api","keystone"],"state":"started"}`),
		step("compute-1", "compute", "service", `{"names":["nova-compute"],"state":"started"}`),
	}, nil
}

// desk is a world with an engine whose nodes are to be called.
func desk(t *testing.T) (*world, *installer.Engine) {
	w := newWorld(t)
	w.eng = installer.New(installer.Config{Store: w.store, Guide: unitGuide{}, Signer: w.ca, Log: slog.New(slog.DiscardHandler)})
	return w, w.eng
}

// poll asks once for work as an installed agent that answers calls.
func (w *world) poll(t *testing.T, node string) []inventory.Call {
	r, err := w.eng.Poll(t.Context(), w.rack.ID, node, inventory.PollRequest{Stage: inventory.StageInstalled, Calls: true})
	if err != nil {
		t.Error(err)
	}
	return r.Calls
}

// answer polls until there is a call, and answers it.
func (w *world) answer(t *testing.T, node string, with func(inventory.Call) inventory.CallAnswer) {
	go func() {
		for t.Context().Err() == nil {
			calls := w.poll(t, node)
			if len(calls) == 0 {
				continue
			}
			a := with(calls[0])
			a.ID = calls[0].ID
			if err := w.eng.TakeAnswer(t.Context(), w.rack.ID, node, a); err != nil {
				t.Error(err)
			}
			return
		}
	}()
}

func TestUnits(t *testing.T) {
	w, e := desk(t)
	w.answer(t, "controller-1", func(c inventory.Call) inventory.CallAnswer {
		if want := []string{"keystone.service", "nova-api.service", "sandai-agent.service"}; c.Kind != inventory.CallUnits || !slices.Equal(c.Units, want) || c.Seconds < 1 {
			t.Errorf("the node is asked %+v, want units %v", c, want)
		}
		return inventory.CallAnswer{Units: []inventory.Unit{{Name: "nova-api.service", Active: "failed", Restarts: 3}, {Name: "ssh.service"}, {Name: "sandai-agent.service", Active: "active", Restartable: true}}}
	})
	got, err := e.Units(t.Context(), "demo", "controller-1")
	want := []inventory.Unit{{Name: "keystone.service", Chapter: "identity", Restartable: true},
		{Name: "nova-api.service", Chapter: "compute", Active: "failed", Restarts: 3, Restartable: true}, {Name: "sandai-agent.service", Active: "active"}}
	if err != nil || !slices.Equal(got, want) {
		t.Errorf("got %+v (%v), want %+v", got, err, want)
	}
}

// TestMasked: whatever a node writes into its logs, no secret of the rack leaves
// the appliance with it.
func TestMasked(t *testing.T) {
	w, e := desk(t)
	key := "-----BEGIN KEY-----\nAAAAB3NzaC1lZDI1NTE5AAAA\n-----END KEY-----\n"
	for name, v := range map[string]string{"nova": "Winter9", "nova_db": "Winter9long", "sandai-proof-key": key} {
		if err := w.store.PutSecret(t.Context(), w.rack.ID, name, v); err != nil {
			t.Fatal(err)
		}
	}
	w.answer(t, "controller-1", func(c inventory.Call) inventory.CallAnswer {
		if c.Kind != inventory.CallJournal || !slices.Equal(c.Units, []string{"nova-api.service"}) || c.Lines != 50 {
			t.Errorf("the node is asked %+v", c)
		}
		return inventory.CallAnswer{Logs: []inventory.LogText{
			{Source: "journal", Text: "mysql://nova:Winter9long@controller Winter9 secret"},
			{Source: "/var/log/nova/nova-api.log", Text: "a key: AAAAB3NzaC1lZDI1NTE5AAAA", Error: "not Winter9"}}}
	})
	got, err := e.Journal(t.Context(), "demo", "controller-1", "nova-api", 50)
	if err != nil || got.Unit != "nova-api.service" || len(got.Logs) != 2 {
		t.Fatalf("got %+v (%v)", got, err)
	}
	// "secret" is the password of the node's BMC.
	if l := got.Logs[0].Text; l != "mysql://nova:***@controller *** ***" {
		t.Errorf("the journal is %q", l)
	}
	if l := got.Logs[1]; l.Text != "a key: ***" || l.Error != "not ***" {
		t.Errorf("the file is %+v", l)
	}
}

func TestRestartUnit(t *testing.T) {
	w, e := desk(t)
	w.answer(t, "compute-1", func(c inventory.Call) inventory.CallAnswer {
		if c.Kind != inventory.CallRestart || !slices.Equal(c.Units, []string{"nova-compute.service"}) {
			t.Errorf("the node is asked %+v", c)
		}
		return inventory.CallAnswer{Code: inventory.Conflict, Error: "the restart ended with \"failed\""}
	})
	_, err := e.Restart(t.Context(), "demo", "compute-1", "nova-compute.service")
	if inventory.CodeOf(err) != inventory.Conflict || !strings.Contains(err.Error(), `compute-1: the restart ended with "failed"`) {
		t.Errorf("a failed restart gives %v", err)
	}
	for _, unit := range []string{"ssh.service", "keystone.service", "", "nova-compute.service --now", "sandai-agent.service"} {
		if _, err := e.Restart(t.Context(), "demo", "compute-1", unit); inventory.CodeOf(err) != inventory.Invalid {
			t.Errorf("restart of %q on compute-1: %v", unit, err)
		}
	}
}

// TestSilent: who does not answer is named, with since when.
func TestSilent(t *testing.T) {
	for name, tt := range map[string]struct {
		before func(w *world)
		want   string
	}{
		"never seen": {func(*world) {}, "was never heard of"},
		"polled a while ago": {func(w *world) {
			short, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
			defer cancel()
			if _, err := w.eng.Poll(short, w.rack.ID, "compute-1", inventory.PollRequest{Stage: inventory.StageInstalled, Calls: true}); !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("a poll without work: %v", err)
			}
		}, "is silent since 20"},
		"in the ramdisk": {func(w *world) {
			short, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
			defer cancel()
			_, _ = w.eng.Poll(short, w.rack.ID, "compute-1", inventory.PollRequest{Stage: inventory.StageRamdisk})
		}, "runs the ramdisk"},
		"of old": {func(w *world) {
			short, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
			defer cancel()
			_, _ = w.eng.Poll(short, w.rack.ID, "compute-1", inventory.PollRequest{Stage: inventory.StageInstalled})
		}, "is older than this appliance"},
	} {
		t.Run(name, func(t *testing.T) {
			w, e := desk(t)
			tt.before(w)
			ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
			defer cancel()
			if _, err := e.Units(ctx, "demo", "compute-1"); inventory.CodeOf(err) != inventory.Unavailable || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %v, want %q", err, tt.want)
			}
		})
	}
}

// TestLateAnswer: a call that nobody waits for any more is not handed out, and
// an answer to it changes nothing.
func TestLateAnswer(t *testing.T) {
	w, e := desk(t)
	taken := make(chan inventory.Call, 1)
	go func() { taken <- w.poll(t, "compute-1")[0] }()
	ctx, cancel := context.WithCancel(t.Context())
	gone := make(chan error)
	go func() { _, err := e.Units(ctx, "demo", "compute-1"); gone <- err }()
	c := <-taken
	cancel()
	if err := <-gone; !errors.Is(err, context.Canceled) {
		t.Errorf("who went away gets %v", err)
	}
	if err := e.TakeAnswer(t.Context(), w.rack.ID, "compute-1", inventory.CallAnswer{ID: c.ID}); err != nil {
		t.Errorf("a late answer: %v", err)
	}
	// One that waits in the queue of a node that does not poll is forgotten too.
	short, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	if _, err := e.Units(short, "demo", "compute-1"); inventory.CodeOf(err) != inventory.Unavailable {
		t.Errorf("a silent node gives %v", err)
	}
	w.answer(t, "compute-1", func(c inventory.Call) inventory.CallAnswer {
		if c.Kind != inventory.CallJournal {
			t.Errorf("an old call was handed out: %+v", c)
		}
		return inventory.CallAnswer{}
	})
	if _, err := e.Journal(t.Context(), "demo", "compute-1", "nova-compute.service", 5); err != nil {
		t.Error(err)
	}
}
