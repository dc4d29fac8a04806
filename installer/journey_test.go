package installer_test

import (
	"context"
	"log/slog"
	"strings"
	"testing"
	"time"

	"sandai/installer"
	"sandai/installer/guide"
	"sandai/installer/guide/kind"
	"sandai/inventory"
)

// journeyGuide is the proof's two checks that a journey comes from.
type journeyGuide struct{}

func (journeyGuide) Compile(inventory.Rack) ([]inventory.Step, error) {
	return []inventory.Step{
		{Key: "rack/proof/proof.servers", Chapter: "proof", Kind: "api", Owner: inventory.OwnerAppliance, Timeout: 60, Spec: []byte(`{"proof": {"check": "servers"}}`)},
		{Key: "rack/proof/proof.journey", Chapter: "proof", Kind: "api", Owner: inventory.OwnerAppliance, Timeout: 60, Spec: []byte(`{"proof": {"check": "journey"}}`), Needs: []string{"rack/proof/proof.servers"}},
	}, nil
}

func (journeyGuide) Secrets() []guide.SecretSpec { return shortGuide{}.Secrets() }

// journeyCloud makes a server and tells how, with one line out of a node's log.
type journeyCloud struct {
	sunny
	id string
	t  *testing.T
}

func (c *journeyCloud) Watched() (inventory.Journey, bool) {
	at := time.Now().UTC().Truncate(time.Millisecond)
	return inventory.Journey{Server: "s", ID: c.id, Node: "compute-1", States: []inventory.JourneyState{{At: at, Status: "BUILD"}, {At: at, Status: "ACTIVE"}},
		Steps: []inventory.JourneyStep{{Number: 1, Who: "client", Seen: &at, Source: "appliance"}}}, c.id != ""
}

func (c *journeyCloud) Journey(ctx context.Context, known inventory.Journey, ask installer.AskNode) (inventory.Journey, error) {
	if known.ID != c.id || len(known.States) != 2 {
		c.t.Errorf("the journey is completed from %+v", known)
	}
	a, err := ask(ctx, "compute-1", inventory.Call{Kind: inventory.CallGrep, Files: []string{"/var/log/nova/nova-compute.log"}, Match: []string{"req-1"}, Until: time.Now()})
	if err != nil || len(a.Lines) != 1 {
		c.t.Errorf("the node answers %+v (%v)", a, err)
		return known, err
	}
	l := a.Lines[0]
	known.Steps = []inventory.JourneyStep{known.Steps[0], {Number: 18, Who: "nova-compute", Seen: &l.At, Source: l.Source, Line: l.Text}, {Number: 6, Who: "nova-api"}}
	return known, nil
}

// TestJourneyCollected: the run stores what was watched and what the nodes' logs
// say, without any secret, and a later proof of the same server leaves it alone.
func TestJourneyCollected(t *testing.T) {
	w := newWorld(t)
	cloud := &journeyCloud{id: "i-1", t: t}
	w.eng = installer.New(installer.Config{Store: w.store, Guide: journeyGuide{}, Signer: w.ca, Log: slog.New(slog.DiscardHandler), Images: noImages{},
		Cloud: func(inventory.Rack, string) installer.Cloud { return cloud }})
	if _, err := w.eng.Journey(t.Context(), "demo"); inventory.CodeOf(err) != inventory.NotFound {
		t.Errorf("before any run: %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() { defer close(done); _ = w.eng.Run(ctx) }()
	defer func() { cancel(); <-done }()
	at := time.Date(2026, 11, 27, 6, 25, 27, 798e6, time.UTC)
	first := proveOnce(t, w, at)
	j, err := w.eng.Journey(t.Context(), "demo")
	if err != nil || j.Run != first.ID || j.Rack != "demo" || j.Seen() != 2 || len(j.States) != 2 || j.States[1].Status != "ACTIVE" {
		t.Fatalf("the journey is %+v (%v)", j, err)
	}
	if s := j.Steps[1]; !s.Seen.Equal(at) || s.Line != "connected with *** for req-1" || j.Steps[2].Seen != nil {
		t.Errorf("the steps are %+v", j.Steps)
	}
	steps, err := w.store.Steps(t.Context(), first.ID)
	if err != nil || !strings.Contains(steps[1].Stdout, "18  06:25:27.798  nova-compute") || !strings.Contains(steps[1].Stdout, " 6  not observed") || strings.Contains(steps[1].Stdout, "secret") {
		t.Errorf("the step says (%v):\n%s", err, steps[1].Stdout)
	}
	proveOnce(t, w, at)
	if j, err = w.eng.Journey(t.Context(), "demo"); err != nil || j.Run != first.ID {
		t.Errorf("after another proof the journey is of run %d (%v)", j.Run, err)
	}
}

// proveOnce runs the guide and answers the one call that it makes.
func proveOnce(t *testing.T, w *world, at time.Time) inventory.Run {
	t.Helper()
	steps, err := journeyGuide{}.Compile(w.rack)
	if err != nil {
		t.Fatal(err)
	}
	run := inventory.Run{RackID: w.rack.ID}
	if err := w.store.CreateRun(t.Context(), &run, steps); err != nil {
		t.Fatal(err)
	}
	w.answer(t, "compute-1", func(inventory.Call) inventory.CallAnswer {
		// "secret" is the password of the node's BMC.
		return inventory.CallAnswer{Lines: []inventory.LogLine{{Source: "/var/log/nova/nova-compute.log", At: at, Text: "connected with secret for req-1"}}}
	})
	wake, cancel := w.store.Subscribe()
	defer cancel()
	for {
		got, err := w.store.Run(t.Context(), run.ID)
		if err != nil {
			t.Fatal(err)
		}
		if got.State == inventory.RunDone {
			return got
		}
		if got.State == inventory.RunFailed {
			t.Fatalf("the run failed: %s", got.Reason)
		}
		select {
		case <-wake:
		case <-t.Context().Done():
			t.Fatal("the run does not end")
		}
	}
}

var _ installer.Cloud = (*journeyCloud)(nil)

// Do makes the server.
func (c *journeyCloud) Do(context.Context, kind.API, func(string)) (bool, string, string, error) {
	return true, "made", "", nil
}
