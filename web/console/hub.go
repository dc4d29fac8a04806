// Package console shares the serial consoles of a rack's nodes: one session
// with each BMC, many viewers, one of them typing, and the scrollback kept.
//
// A BMC has one console, and opening it takes it from whoever had it. So the
// [Hub] alone opens it, and what comes over the line goes into a bounded stream
// in memory from which every [Viewer] reads at a place of its own. Nobody waits
// for a viewer: one that falls behind the stream's beginning is dropped. The
// stream's end also goes to a file, so that it survives a restart.
//
// A line is open while somebody looks at it and while a run is active on its
// node; the latter is why the scrollback holds a machine's start from the
// firmware's first line on. A node that hands are off is not touched at all.
package console

import (
	"cmp"
	"context"
	"errors"
	"io"
	"log/slog"
	"slices"
	"sync"
	"time"

	"sandai/inventory"
)

// Lines opens the console of a node, which takes it from whoever has it. The
// context bounds the opening only; Read returns io.EOF when the BMC ends the
// session. An error with the code Invalid or NotFound will not go away by
// itself (no BMC, a wrong password); Unavailable is worth another try.
type Lines interface {
	Console(ctx context.Context, rack, node string) (io.ReadWriteCloser, error)
}

// Inventory says which nodes there are and what runs on them. The error is
// NotFound where there is no rack or node of that name; Subscribe wakes its
// reader after each write, until the function is called.
type Inventory interface {
	Rack(ctx context.Context, name string) (inventory.Rack, error)
	Node(ctx context.Context, rackID uint, name string) (inventory.Node, error)
	ActiveRuns(ctx context.Context) ([]inventory.Run, error)
	Steps(ctx context.Context, runID uint) ([]inventory.Step, error)
	Subscribe() (<-chan struct{}, func())
}

// Config is what a Hub is made of. Lines and Inventory are needed.
type Config struct {
	Lines     Lines
	Inventory Inventory
	// Dir gets a file RACK/NODE.log for each node; "" keeps the scrollback in
	// memory only, for as long as a line is open.
	Dir string
	Log *slog.Logger
	// Typing, if not nil, is told who got a keyboard, for the audit log.
	Typing func(rack, node, who string)
	// Sessions is how many lines may be open at once, 64 when 0. Each is an
	// ipmitool process with a terminal (some 6 MB) and 512 KiB of stream, so 64
	// are 0.4 GB; a full rack has 42 units. Beyond it, a line that somebody
	// looks at takes the place of one that is only recorded.
	Sessions int
}

// Sizes and times.
const (
	// history is how much of the stream a new viewer gets, in bytes: some 5000
	// lines, as many as a browser keeps.
	history = 256 << 10
	// slack is how far a viewer may fall behind beyond that: 22 s of a line of
	// 115200 baud.
	slack = 256 << 10
	// maxViewers of one line: each is a connection and a piece of memory.
	maxViewers = 32
	// idleTime is how long a line stays open that nobody wants any more: long
	// enough for a reload, or for going from tab to tab.
	idleTime = 2 * time.Minute
	// askTime is how long the one who has the keyboard may take to answer.
	askTime = 15 * time.Second
	// lookEvery bounds how often the inventory is looked at: a run writes
	// several times a second.
	lookEvery = time.Second
	// closeTime is how long closing may take when the appliance stops; a BMC
	// that does not answer would take longer, and frees its console by itself.
	closeTime = 5 * time.Second
)

// Hub holds the lines. Use New.
type Hub struct {
	Config
	log *slog.Logger

	mu     sync.Mutex // of everything below, and of all lines and viewers
	lines  map[key]*line
	lastID uint64 // of viewers
	closed bool
	wg     sync.WaitGroup // of keepers
	runs   map[runKey][]string
}

// key names a line.
type key struct{ rack, node string }

// New returns a hub; Run keeps it in step with the inventory.
func New(c Config) *Hub {
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	if c.Sessions == 0 {
		c.Sessions = 64
	}
	return &Hub{Config: c, log: c.Log, lines: map[key]*line{}, runs: map[runKey][]string{}}
}

// Visitor is who wants to look.
type Visitor struct {
	Name    string // shown to the others
	MayType bool
	// History is how much of the scrollback is wanted at most, in bytes; 0 is
	// all there is.
	History int
}

// Join adds a viewer to a node's line and opens the line when it is closed.
// Whether that works is in the viewer's State. The error is NotFound where there
// is no such node, and Unavailable when too many look already. Leave must be
// called.
func (h *Hub) Join(ctx context.Context, rack, node string, who Visitor) (*Viewer, error) {
	r, err := h.Inventory.Rack(ctx, rack)
	if err != nil {
		return nil, err
	}
	n, err := h.Inventory.Node(ctx, r.ID, node)
	if err != nil {
		return nil, err
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.closed {
		return nil, errStopping
	}
	l := h.line(key{rack, node}, r.ID)
	if len(l.viewers) >= maxViewers {
		return nil, inventory.Errorf(inventory.Unavailable, "%d viewers look at the console of %s already; close one, or read its log", maxViewers, node)
	}
	h.lastID++
	v := &Viewer{h: h, l: l, id: h.lastID, who: who, wake: make(chan struct{}, 1), pos: l.stream.history(who.History), joined: l.stream.end, news: true}
	l.viewers = append(l.viewers, v)
	l.held, l.gone = n.HandsOff != nil, false
	l.tell()
	h.settle(l)
	l.poke()
	return v, nil
}

var errStopping = inventory.Errorf(inventory.Unavailable, "the appliance stops; the console comes back with it")

// line returns the line of a node, new if need be, with what its file holds.
func (h *Hub) line(k key, rackID uint) *line {
	l := h.lines[k]
	if l == nil {
		l = &line{h: h, key: k, rackID: rackID, phase: Closed, since: time.Now(), stream: newStream(history + slack), retry: make(chan struct{}, 1)}
		l.stream.write(h.recorded(k, history))
		h.lines[k] = l
	}
	return l
}

// Why a line was closed; they end up in the stream's marks.
var (
	errIdle  = errors.New("closed, since nobody looks and no run is active")
	errHeld  = errors.New("closed: hands off, the BMC is left alone")
	errGone  = errors.New("closed, since the node is no more in the inventory")
	errMoved = errors.New("closed to make room for a console that somebody looks at")
	errStop  = errors.New("closed, since the appliance stops")
)

// settle opens or closes a line, as its wants have it.
func (h *Hub) settle(l *line) {
	var why error // not to have it open
	switch {
	case h.closed:
		why = errStop
	case l.gone:
		why = errGone
	case l.held:
		why = errHeld
	case !l.run && len(l.viewers) == 0:
		why = errIdle
	}
	if why == nil && l.idle != nil {
		l.idle.Stop()
		l.idle = nil
	}
	switch {
	case why == nil && l.stop == nil:
		h.open(l)
	case why == nil: // it is open, or comes again when it has closed
	case l.stop == nil && why == errHeld:
		l.enter(Held, "hands off: the BMC is left alone until the node is let go")
	case l.stop == nil && why == errIdle:
		l.enter(Closed, "")
	case l.stop == nil:
		l.enter(Closed, why.Error())
	case why != errIdle:
		l.stop(why)
	case l.idle == nil:
		h.closeLater(l)
	}
	if l.stop == nil && len(l.viewers) == 0 && !l.run && h.lines[l.key] == l {
		delete(h.lines, l.key)
	}
}

func (h *Hub) open(l *line) {
	if !h.room(l) {
		l.enter(Full, "as many consoles are open as may be; it opens when another one is closed")
		return
	}
	ctx, stop := context.WithCancelCause(context.Background())
	l.stop = stop
	l.enter(Opening, "")
	h.wg.Go(func() { l.keep(ctx) })
}

// closeLater closes a line that nobody wants, unless somebody comes.
func (h *Hub) closeLater(l *line) {
	var t *time.Timer
	t = time.AfterFunc(idleTime, func() {
		h.mu.Lock()
		defer h.mu.Unlock()
		if l.idle == t { // nobody came in the meantime
			l.stop(errIdle)
		}
	})
	l.idle = t
}

// refill opens lines that found no room, as there may be some now: those that
// somebody looks at first, the longest waiting first.
func (h *Hub) refill() {
	var full []*line
	for _, l := range h.lines {
		if l.phase == Full {
			full = append(full, l)
		}
	}
	slices.SortFunc(full, func(a, b *line) int {
		return cmp.Or(cmp.Compare(min(1, len(b.viewers)), min(1, len(a.viewers))), a.since.Compare(b.since))
	})
	for _, l := range full {
		h.settle(l)
	}
}

// room reports whether one more line may be opened for l; where it is needed,
// a line that is idle, or only recorded while l is looked at, is closed.
func (h *Hub) room(l *line) bool {
	open := 0
	var idle, recorded *line
	for _, o := range h.lines {
		if o.stop == nil {
			continue
		}
		if !o.ending {
			open++
		}
		switch {
		case o.ending:
		case o.idle != nil:
			idle = o
		case len(o.viewers) == 0:
			recorded = o
		}
	}
	if open < h.Sessions {
		return true
	}
	if idle == nil && len(l.viewers) > 0 {
		idle = recorded
	}
	if idle == nil {
		return false
	}
	idle.ending = true
	idle.stop(errMoved)
	return true
}
