package main

import (
	"bytes"
	"context"
	"flag"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"sandai/inventory"
	"sandai/web"
	"sandai/web/progress"
	"sandai/web/webtest"
)

var update = flag.Bool("update", false, "rewrite the golden files")

// film is a run seen at several seconds, with a failure of the appliance and
// of a step in between.
func film(show func(s snapshot), away func(time.Duration)) {
	all := webtest.Steps()
	for _, at := range []float64{0.5, 20, 130, 150} {
		steps := webtest.Until(all, at)
		if at == 130 { // keystone.sync takes longer than a heartbeat
			steps = webtest.Until(all, 20)
		}
		show(snapshot{progressAt(steps, at), steps})
		if at == 20 {
			away(0)
			away(8 * time.Second)
		}
	}
}

// progressAt is what the API says of the steps; the estimate is made up.
func progressAt(steps []inventory.Step, at float64) progress.Progress {
	left := max(0, 100-at)
	p := progress.Progress{Run: inventory.Run{ID: 1, Rack: "demo", State: inventory.RunActive, Created: webtest.T0}, Total: len(steps), Elapsed: at, Remaining: &left}
	rack := webtest.Rack("demo")
	for _, n := range append(rack.Nodes, inventory.Node{}) {
		np := progress.NodeProgress{Node: n.Name, Role: n.Role, State: inventory.Configuring}
		for _, s := range steps {
			switch {
			case s.Node != n.Name:
				continue
			case s.State == inventory.StepDone:
				np.Done++
				p.Done++
			case s.State == inventory.StepRunning:
				np.Now = append(np.Now, progress.StepNow{Key: s.Key, Chapter: s.Chapter, Title: s.Title, State: s.State, Seconds: at - s.StartedAt.Sub(webtest.T0).Seconds(), Expected: 60})
			default:
				np.Waiting = s.Needs[len(s.Needs)-1]
			}
			np.Total++
		}
		p.Nodes = append(p.Nodes, np)
	}
	return p
}

func TestViews(t *testing.T) {
	var log, block bytes.Buffer
	v := &logView{out: &log}
	film(v.show, v.away)
	b := &blockView{out: &block}
	film(b.show, b.away)
	for name, got := range map[string]string{"follow.log": log.String(), "follow.block": strings.ReplaceAll(block.String(), "\x1b", "ESC")} {
		path := filepath.Join("testdata", name)
		if *update {
			if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(string(want), got); d != "" {
			t.Errorf("%s differs (-want +got), -update rewrites it:\n%s", path, d)
		}
	}
}

func TestBlockFits(t *testing.T) {
	for _, l := range block(progressAt(webtest.Until(webtest.Steps(), 20), 20), 40) {
		if n := len([]rune(l)); n > 40 {
			t.Errorf("%d columns wide: %s", n, l)
		}
	}
}

// lockedBuffer is written by the follower and read by the test.
type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

func waitFor(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(30 * time.Second); !ok(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("waited 30 s for: %s", what)
		}
	}
}

// TestFollowThroughRestart: the appliance dies while a run is followed and comes
// back at the same address; every step is told of once.
func TestFollowThroughRestart(t *testing.T) {
	m := webtest.New()
	m.AddRack(webtest.Rack("demo"))
	all := webtest.Steps()
	id := m.AddRun(inventory.Run{RackID: 1, Rack: "demo", State: inventory.RunActive, Created: webtest.T0, Attempt: 1}, webtest.Until(all, 0.5))
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := l.Addr().String()
	begin := func(l net.Listener) *http.Server {
		s := &http.Server{Handler: m.As(inventory.Operator, web.NewAPI(web.Config{Racks: m, Runs: m, Events: m, Installer: m, Power: m, Access: m}))}
		go s.Serve(l)
		return s
	}
	s := begin(l)
	var out lockedBuffer
	ended := make(chan error, 1)
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	go func() { ended <- followRack(ctx, &client{base: "http://" + address, state: "."}, "demo", &out) }()

	waitFor(t, "the first steps", func() bool { return strings.Contains(out.String(), "controller-1  power  ") && m.Subscribers() > 0 })
	s.Close()
	settle := func(steps []inventory.Step) {
		for _, now := range steps {
			m.SetStep(id, now.Key, func(s *inventory.Step) { *s = now })
		}
	}
	settle(all[:3])
	waitFor(t, "the loss to be seen", func() bool { return strings.Contains(out.String(), "does not answer") })
	if l, err = net.Listen("tcp", address); err != nil {
		t.Fatal(err)
	}
	s = begin(l)
	defer s.Close()
	waitFor(t, "the follower to come back", func() bool { return strings.Contains(out.String(), "answers again") && m.Subscribers() > 0 })
	settle(all[3:])
	m.SetRun(id, func(r *inventory.Run) { r.State, r.Ended = inventory.RunDone, webtest.At(80) })
	if err := <-ended; err != nil {
		t.Fatalf("%v\n%s", err, out.String())
	}
	for _, s := range all {
		if n := strings.Count(out.String(), progress.ShortStep(s)+"  done"); n == 0 || (s.Chapter != "power" && n != 1) {
			t.Errorf("%s was told of %d times:\n%s", s.Key, n, out.String())
		}
	}
}

// TestEventsResume: after a lost connection the stream is asked for from the
// last event that was seen.
func TestEventsResume(t *testing.T) {
	m := webtest.New()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var mu sync.Mutex
	var asked []string
	api := m.As(inventory.Operator, web.NewAPI(web.Config{Racks: m, Runs: m, Events: m, Installer: m, Power: m, Access: m}))
	s := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		asked = append(asked, r.Header.Get("Last-Event-ID"))
		mu.Unlock()
		api.ServeHTTP(w, r)
	})}
	go s.Serve(l)
	defer s.Close()
	c := &client{base: "http://" + l.Addr().String()}
	last := ""
	var got []string
	for _, text := range []string{"one", "two"} {
		m.AddEvent(inventory.Event{Time: webtest.T0, Type: inventory.EventRun, Text: text})
		ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
		if err := c.readEvents(ctx, &last, func(event, data string) {
			if event == "" {
				got = append(got, data)
				cancel()
			}
		}); err == nil {
			t.Error("a stream that ended gave no error")
		}
		cancel()
	}
	if len(got) != 2 || !strings.Contains(got[0], "one") || !strings.Contains(got[1], "two") {
		t.Errorf("got %q", got)
	}
	mu.Lock()
	defer mu.Unlock()
	if d := cmp.Diff([]string{"", "1"}, asked); d != "" {
		t.Error(d)
	}
}

func TestParseEvents(t *testing.T) {
	type seen struct{ ID, Event, Data string }
	var got []seen
	_ = parseEvents(strings.NewReader("event: ping\ndata: {}\n\n: comment\n\nid: 7\ndata: {\"a\":1}\n\nid: 8\ndata: {broken\n\nid: 9\ndata: {\"cut\""),
		func(id, event, data string) { got = append(got, seen{id, event, data}) })
	if d := cmp.Diff([]seen{{"", "ping", "{}"}, {"7", "", `{"a":1}`}}, got); d != "" {
		t.Error(d)
	}
}
