package installer_test

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"sandai/bmc"
	"sandai/installer"
	"sandai/inventory"
)

// gauge is a BMC that counts how often it is asked.
type gauge struct {
	bmc.Controller
	asked   atomic.Int32
	began   chan struct{} // tells of each question
	release chan struct{}
	err     error
}

func (g *gauge) Sensors(context.Context) ([]bmc.Sensor, error) {
	g.asked.Add(1)
	g.began <- struct{}{}
	<-g.release
	return []bmc.Sensor{{Name: "Inlet", Value: 21.5, Unit: "degrees C", Status: "ok"}}, g.err
}

func (g *gauge) SEL(context.Context) ([]bmc.Event, error) {
	return []bmc.Event{{ID: "1", When: "Pre-Init", Sensor: "Power", Text: "Asserted"}}, g.err
}

func gauged(t *testing.T, g *gauge) *installer.Engine {
	w := newWorld(t)
	return installer.New(installer.Config{Store: w.store, Log: slog.New(slog.DiscardHandler), BMCs: func(bmc.Config) (bmc.Controller, error) { return g, nil }})
}

// TestSensorsOnce: many who ask at once, and who ask a moment later, get one
// answer; one who goes away does not end it for the others.
func TestSensorsOnce(t *testing.T) {
	g := &gauge{began: make(chan struct{}, 9), release: make(chan struct{})}
	e := gauged(t, g)
	gone, cancel := context.WithCancel(t.Context())
	first := make(chan error)
	go func() { _, err := e.Sensors(gone, "demo", "compute-1"); first <- err }()
	<-g.began
	var wg sync.WaitGroup
	for range 5 {
		wg.Go(func() {
			if v, err := e.Sensors(t.Context(), "demo", "compute-1"); err != nil || len(v.Sensors) != 1 || v.Sensors[0] != (inventory.Sensor{Name: "Inlet", Value: 21.5, Unit: "degrees C", Status: "ok"}) {
				t.Errorf("got %+v (%v)", v, err)
			}
		})
	}
	cancel()
	if err := <-first; !errors.Is(err, context.Canceled) {
		t.Errorf("who went away gets %v", err)
	}
	close(g.release)
	wg.Wait()
	if _, err := e.Sensors(t.Context(), "demo", "compute-1"); err != nil || g.asked.Load() != 1 {
		t.Errorf("asked %d times (%v), want once", g.asked.Load(), err)
	}
	if _, err := e.Sensors(t.Context(), "demo", "controller-1"); err != nil || g.asked.Load() != 2 {
		t.Errorf("another node: asked %d times (%v), want twice", g.asked.Load(), err)
	}
	if v, err := e.SEL(t.Context(), "demo", "compute-1"); err != nil || len(v.Events) != 1 || v.Events[0].Text != "Asserted" || !v.Events[0].Time.IsZero() {
		t.Errorf("the event log is %+v (%v)", v, err)
	}
}

func TestSensorErrors(t *testing.T) {
	for name, tt := range map[string]struct {
		err  error
		code inventory.Code
		want string
	}{
		"login":    {&bmc.Error{Op: "read the sensors", Address: "a:623", Kind: bmc.ErrAuth}, inventory.Invalid, "refuses the login"},
		"silent":   {&bmc.Error{Op: "read the sensors", Address: "a:623", Kind: bmc.ErrUnreachable}, inventory.Unavailable, "does not answer"},
		"nothing":  {&bmc.Error{Op: "read the sensors", Address: "a:623", Kind: bmc.ErrNoEffect}, inventory.Unavailable, "nothing happened"},
		"too long": {&bmc.Error{Op: "read the sensors", Address: "a:623", Err: context.DeadlineExceeded}, inventory.Unavailable, "was not done within"},
	} {
		g := &gauge{began: make(chan struct{}, 9), release: make(chan struct{}), err: tt.err}
		close(g.release)
		e := gauged(t, g)
		if _, err := e.Sensors(t.Context(), "demo", "compute-1"); inventory.CodeOf(err) != tt.code || !strings.Contains(err.Error(), tt.want) || !strings.Contains(err.Error(), "compute-1") {
			t.Errorf("%s: got %v", name, err)
		}
		if _, err := e.SEL(t.Context(), "demo", "compute-1"); inventory.CodeOf(err) != tt.code {
			t.Errorf("%s of the event log: got %v", name, err)
		}
	}
}
