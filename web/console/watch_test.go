package console_test

import (
	"context"
	"errors"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"sandai/inventory"
	"sandai/web/console"
	"sandai/web/webtest"
)

// TestRecorded: a run's nodes are recorded from its beginning to its end,
// without anybody looking.
func TestRecorded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := start(t, console.Config{})
		r.m.SetNode("demo", "network-1", func(n *inventory.Node) { n.BMC = nil })
		run := r.m.AddRun(inventory.Run{RackID: 1, Rack: "demo", State: inventory.RunActive, Attempt: 1}, webtest.Until(webtest.Steps(), 0))
		time.Sleep(2 * time.Second)
		r.b.mu.Lock()
		opened := slices.Sorted(slices.Values(r.b.opened))
		r.b.mu.Unlock()
		if !slices.Equal(opened, []string{"compute-1", "controller-1"}) {
			t.Fatalf("opened were %q", opened)
		}
		r.b.say(t, "compute-1", "SeaBIOS\r\n")
		time.Sleep(time.Hour)
		if a := r.join(t, "compute-1", "anna"); a.state.Line != console.Live || a.past[len(a.past)-9:] != "SeaBIOS\r\n" {
			t.Errorf("the scrollback is %q, the line %s", a.past, a.state.Line)
		}
		r.m.SetRun(run, func(r *inventory.Run) { r.State = inventory.RunDone })
		time.Sleep(5 * time.Minute)
		if _, err := r.b.end("controller-1").Write([]byte("x")); err == nil {
			t.Error("the line is open long after the run")
		}
		if _, err := r.b.end("compute-1").Write([]byte("x")); err != nil {
			t.Error("a line that somebody looks at was closed with the run")
		}
	})
}

// TestHandsOff: the BMC of a node that hands are off is left alone, whoever looks.
func TestHandsOff(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := start(t, console.Config{})
		r.m.SetNode("demo", "compute-1", func(n *inventory.Node) { n.HandsOff = &n.Since })
		r.m.AddRun(inventory.Run{RackID: 1, Rack: "demo", State: inventory.RunActive, Attempt: 1}, webtest.Until(webtest.Steps(), 0))
		time.Sleep(2 * time.Second)
		a := r.join(t, "compute-1", "anna")
		a.phase(console.Held)
		if r.b.end("compute-1") != nil {
			t.Fatal("the line was opened")
		}
		r.m.SetNode("demo", "compute-1", func(n *inventory.Node) { n.HandsOff = nil })
		time.Sleep(2 * time.Second)
		a.phase(console.Live)
		r.m.SetNode("demo", "compute-1", func(n *inventory.Node) { n.HandsOff = &n.Since })
		time.Sleep(2 * time.Second)
		a.phase(console.Held)
		if _, err := r.b.end("compute-1").Write([]byte("x")); err == nil {
			t.Error("the line is still open")
		}
	})
}

// TestGone: a node that leaves the inventory takes its console along.
func TestGone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := start(t, console.Config{})
		a := r.join(t, "compute-1", "anna")
		r.m.SetNode("demo", "compute-1", func(n *inventory.Node) { n.Name = "compute-9" })
		time.Sleep(2 * time.Second)
		if a.phase(console.Closed); a.state.Reason == "" {
			t.Error("no reason is given")
		}
	})
}

// TestRoom: with few sessions, who looks goes before what is only recorded.
func TestRoom(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := start(t, console.Config{Sessions: 2})
		r.m.AddRun(inventory.Run{RackID: 1, Rack: "demo", State: inventory.RunActive, Attempt: 1}, webtest.Until(webtest.Steps(), 0))
		time.Sleep(2 * time.Second)
		open := map[string]*seen{}
		for _, n := range []string{"compute-1", "controller-1"} {
			open[n] = r.join(t, n, "anna")
			open[n].phase(console.Live)
		}
		third := r.join(t, "network-1", "ben")
		third.phase(console.Full)
		open["compute-1"].Leave() // now only recorded
		third.phase(console.Live)
		if a := r.join(t, "compute-1", "anna"); a.state.Line != console.Full {
			t.Errorf("the line that made room is %s", a.state.Line)
		}
	})
}

// TestBrokenInventory: the hub outlives an inventory that fails for a while.
func TestBrokenInventory(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := start(t, console.Config{})
		r.m.Break(errors.New("the disk is full"))
		time.Sleep(2 * time.Second)
		if _, err := r.Join(context.Background(), "demo", "compute-1", console.Visitor{}); err == nil {
			t.Error("joined without an inventory")
		}
		r.m.Break(nil)
		r.m.AddRun(inventory.Run{RackID: 1, Rack: "demo", State: inventory.RunActive, Attempt: 1}, webtest.Until(webtest.Steps(), 0))
		time.Sleep(2 * time.Second)
		if _, opened := r.b.count(); opened == 0 {
			t.Error("nothing is recorded after the inventory came back")
		}
	})
}
