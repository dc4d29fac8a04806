package console_test

import (
	"context"
	"errors"
	"io"
	"net"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"sandai/inventory"
	"sandai/web/console"
	"sandai/web/webtest"
)

// board is the BMCs of a rack: it opens lines whose other end the test has.
type board struct {
	mu     sync.Mutex
	err    error
	tries  int
	opened []string
	ends   map[string]net.Conn // the machine's end of each node's line
}

func (b *board) Console(_ context.Context, _, node string) (io.ReadWriteCloser, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.tries++
	if b.err != nil {
		return nil, b.err
	}
	here, there := net.Pipe()
	b.ends[node] = there
	b.opened = append(b.opened, node)
	return eof{here}, nil
}

// eof is a line that ends as bmc's do.
type eof struct{ net.Conn }

func (e eof) Read(p []byte) (int, error) {
	n, err := e.Conn.Read(p)
	if errors.Is(err, io.ErrClosedPipe) {
		err = io.EOF
	}
	return n, err
}

func (b *board) set(err error) { b.mu.Lock(); b.err = err; b.mu.Unlock() }

func (b *board) count() (tries, opened int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.tries, len(b.opened)
}

// say is the machine's output; it returns when the hub has it.
func (b *board) say(t *testing.T, node, text string) {
	t.Helper()
	b.mu.Lock()
	end := b.ends[node]
	b.mu.Unlock()
	if end == nil {
		t.Fatalf("the line of %s was never opened", node)
	}
	if _, err := io.WriteString(end, text); err != nil {
		t.Fatalf("%s cannot say %q: %v", node, text, err)
	}
	synctest.Wait()
}

func (b *board) end(node string) net.Conn {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.ends[node]
}

// rig is a hub over a rack of three nodes.
type rig struct {
	*console.Hub
	m *webtest.Memory
	b *board
}

// start runs a hub for the length of the test's bubble.
func start(t *testing.T, c console.Config) *rig {
	t.Helper()
	r := &rig{m: webtest.New(), b: &board{ends: map[string]net.Conn{}}}
	r.m.AddRack(webtest.Rack("demo"))
	c.Lines, c.Inventory = r.b, r.m
	r.Hub = console.New(c)
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- r.Run(ctx) }()
	t.Cleanup(func() {
		stop()
		if err := <-ended; !errors.Is(err, context.Canceled) {
			t.Errorf("the hub ended with %v", err)
		}
	})
	synctest.Wait()
	return r
}

// seen is a viewer with all that it was given so far.
type seen struct {
	*console.Viewer
	t     *testing.T
	state console.State
	text  string
	lives int // how often it was told that the scrollback ends
	past  string
}

func (r *rig) join(t *testing.T, node, name string) *seen {
	t.Helper()
	v, err := r.Join(t.Context(), "demo", node, console.Visitor{Name: name, MayType: name != "viewer"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(v.Leave)
	s := &seen{Viewer: v, t: t}
	s.look()
	return s
}

// look takes what there is once everything has come to rest.
func (s *seen) look() *seen {
	s.t.Helper()
	synctest.Wait()
	done, cancel := context.WithCancel(s.t.Context())
	cancel()
	for {
		u, err := s.Next(done)
		switch {
		case errors.Is(err, context.Canceled):
			return s
		case err != nil:
			s.t.Fatal(err)
		case u.State != nil:
			s.state = *u.State
		case u.Live:
			s.lives++
			s.past = s.text
		}
		s.text += string(u.Bytes)
	}
}

// phase fails unless the line is in a phase.
func (s *seen) phase(want console.Phase) {
	s.t.Helper()
	if s.look(); s.state.Line != want {
		s.t.Fatalf("the line is %s (%s), want %s", s.state.Line, s.state.Reason, want)
	}
}

func TestLine(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := start(t, console.Config{})
		a := r.join(t, "compute-1", "anna")
		a.phase(console.Live)
		r.b.say(t, "compute-1", "SeaBIOS\r\n")
		b := r.join(t, "compute-1", "ben")
		r.b.say(t, "compute-1", "login: ")
		if a.look(); !strings.HasSuffix(a.text, "SeaBIOS\r\nlogin: ") || a.lives != 1 {
			t.Errorf("the first viewer saw %q", a.text)
		}
		if b.look(); b.text != a.text || !strings.HasSuffix(b.past, "SeaBIOS\r\n") || b.lives != 1 {
			t.Errorf("the second viewer saw %q, as scrollback %q, the first one %q", b.text, b.past, a.text)
		}
		if n := len(b.state.Viewers); n != 2 || b.state.Viewers[0].Name != "anna" || b.state.You != b.state.Viewers[1].ID {
			t.Errorf("the second viewer is told of %+v", b.state)
		}
		if _, opened := r.b.count(); opened != 1 {
			t.Errorf("the line was opened %d times for two viewers", opened)
		}
		if a.Type(t.Context(), []byte("x")) {
			t.Error("keys of a viewer without the keyboard were taken")
		}
		a.Ask()
		go a.Type(t.Context(), []byte("root\r"))
		got := make([]byte, 5)
		if _, err := io.ReadFull(r.b.end("compute-1"), got); err != nil || string(got) != "root\r" {
			t.Errorf("the machine got %q, %v", got, err)
		}
		short, err := r.Join(t.Context(), "demo", "compute-1", console.Visitor{Name: "cli", History: 12})
		if err != nil {
			t.Fatal(err)
		}
		defer short.Leave()
		if s := (&seen{Viewer: short, t: t}).look(); s.text != "login: " {
			t.Errorf("a short history is %q", s.text)
		}
		if _, err := r.Join(t.Context(), "demo", "nobody", console.Visitor{}); inventory.CodeOf(err) != inventory.NotFound {
			t.Errorf("a node that is not there: %v", err)
		}
	})
}

// TestIdle: a line outlives its last viewer for a while, and a run.
func TestIdle(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := start(t, console.Config{})
		a := r.join(t, "compute-1", "anna")
		a.Leave()
		time.Sleep(time.Minute)
		b := r.join(t, "compute-1", "ben")
		b.phase(console.Live)
		time.Sleep(time.Hour)
		b.phase(console.Live)
		if tries, _ := r.b.count(); tries != 1 {
			t.Errorf("the line was opened %d times", tries)
		}
		b.Leave()
		time.Sleep(3 * time.Minute)
		if _, err := r.b.end("compute-1").Write([]byte("x")); err == nil {
			t.Error("a line that nobody wants is still open")
		}
		r.join(t, "compute-1", "carl").phase(console.Live)
	})
}

// TestReconnect: a line that the BMC ends comes back by itself, and the stream
// says from when to when it was gone.
func TestReconnect(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := start(t, console.Config{})
		a := r.join(t, "compute-1", "anna")
		r.b.say(t, "compute-1", "one ")
		r.b.set(inventory.Errorf(inventory.Unavailable, "the BMC does not answer"))
		r.b.end("compute-1").Close()
		if a.phase(console.Lost); !strings.Contains(a.state.Reason, "another client took the console") {
			t.Errorf("lost because %q", a.state.Reason)
		}
		since := a.state.Since
		time.Sleep(10 * time.Minute)
		if a.phase(console.Lost); a.state.Reason != "the BMC does not answer" || !a.state.Since.Equal(since) {
			t.Errorf("lost since %v because %q, want %v", a.state.Since, a.state.Reason, since)
		}
		if tries, _ := r.b.count(); tries < 12 || tries > 60 {
			t.Errorf("a silent BMC was asked %d times in ten minutes", tries)
		}
		r.b.set(nil)
		time.Sleep(time.Minute)
		a.phase(console.Live)
		r.b.say(t, "compute-1", "two")
		a.look()
		if !strings.Contains(a.text, "one \r\n[sandai ") || !strings.HasSuffix(a.text, ": open]\r\ntwo") || strings.Count(a.text, "[sandai ") != 3 {
			t.Errorf("the stream is %q", a.text)
		}
	})
}

// TestHopeless: a wrong password is not tried over and over, which locks
// accounts, but at once when somebody comes to look.
func TestHopeless(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := start(t, console.Config{})
		r.b.set(inventory.Errorf(inventory.Invalid, "the BMC refused the password"))
		a := r.join(t, "compute-1", "anna")
		time.Sleep(9 * time.Minute)
		a.phase(console.Lost)
		if tries, _ := r.b.count(); tries != 1 {
			t.Errorf("a wrong password was tried %d times in nine minutes", tries)
		}
		r.b.set(nil)
		r.join(t, "compute-1", "ben").phase(console.Live)
		a.phase(console.Live)
	})
}

// TestSessions: a line that finds no room opens as soon as another one is not
// looked at any more.
func TestSessions(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := start(t, console.Config{Sessions: 1})
		a := r.join(t, "compute-1", "anna")
		a.phase(console.Live)
		b := r.join(t, "network-1", "ben")
		time.Sleep(time.Hour)
		c := r.join(t, "controller-1", "carl")
		b.phase(console.Full)
		a.Leave()
		b.phase(console.Live)
		c.phase(console.Full)
		b.Leave()
		c.phase(console.Live)
		if tries, _ := r.b.count(); tries != 3 {
			t.Errorf("lines were opened %d times", tries)
		}
	})
}

func TestTooManyViewers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := start(t, console.Config{})
		for range 32 {
			r.join(t, "compute-1", "anna")
		}
		if _, err := r.Join(t.Context(), "demo", "compute-1", console.Visitor{}); inventory.CodeOf(err) != inventory.Unavailable {
			t.Errorf("the 33rd viewer: %v", err)
		}
	})
}

// TestSlow: a viewer that does not read is dropped, and the line and the others
// do not wait for it.
func TestSlow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := start(t, console.Config{})
		slow, quick := r.join(t, "compute-1", "slow"), r.join(t, "compute-1", "quick")
		line := strings.Repeat("x", 1022) + "\r\n"
		for range 600 {
			r.b.say(t, "compute-1", line)
			quick.look()
		}
		if n := strings.Count(quick.text, line); n != 600 {
			t.Errorf("the quick viewer saw %d of 600 lines", n)
		}
		if _, err := slow.Next(t.Context()); !errors.Is(err, console.ErrSlow) {
			t.Errorf("the slow viewer got %v", err)
		}
	})
}

// TestStop: when the appliance stops, viewers and lines end.
func TestStop(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := &board{ends: map[string]net.Conn{}}
		m := webtest.New()
		m.AddRack(webtest.Rack("demo"))
		h := console.New(console.Config{Lines: b, Inventory: m})
		ctx, stop := context.WithCancel(t.Context())
		ended := make(chan error)
		go func() { ended <- h.Run(ctx) }()
		a := (&rig{Hub: h, m: m, b: b}).join(t, "compute-1", "anna")
		waits := make(chan error)
		go func() {
			_, err := a.Next(context.Background())
			waits <- err
		}()
		stop()
		if err := <-waits; inventory.CodeOf(err) != inventory.Unavailable {
			t.Errorf("the viewer got %v", err)
		}
		if err := <-ended; !errors.Is(err, context.Canceled) {
			t.Error(err)
		}
		if _, err := b.end("compute-1").Write([]byte("x")); err == nil {
			t.Error("the line is still open")
		}
		if _, err := h.Join(t.Context(), "demo", "compute-1", console.Visitor{}); inventory.CodeOf(err) != inventory.Unavailable {
			t.Errorf("a viewer who comes too late got %v", err)
		}
	})
}
