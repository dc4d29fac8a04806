package installer

import (
	"context"
	"crypto/rand"
	"errors"
	"slices"
	"sync"
	"time"

	"sandai/inventory"
)

// desk holds the calls to nodes' agents. They live in memory alone: who asked
// waits for the answer, and nobody else wants it.
type desk struct {
	mu    sync.Mutex
	nodes map[deskKey]*line
}

type deskKey struct {
	rack uint
	node string
}

// line is what goes on with one node.
type line struct {
	queue   []inventory.Call // not handed out yet
	waiting map[string]*asked
	wake    chan struct{} // closed and replaced when the queue grows
	polls   int           // held right now
	last    *inventory.PollRequest
	heard   time.Time // when the last poll came or ended
}

type asked struct {
	answer chan inventory.CallAnswer // holds one
	taken  time.Time                 // when it was handed out
}

func newDesk() *desk {
	return &desk{nodes: map[deskKey]*line{}}
}

// callLimit is how long a call may take, from the question to the answer.
func callLimit(k inventory.CallKind) time.Duration {
	switch k {
	case inventory.CallCopy:
		return 5 * time.Minute
	case inventory.CallRestart:
		return 2 * time.Minute
	case inventory.CallGrep:
		return time.Minute
	}
	return 20 * time.Second
}

// line returns a node's; the lock is held.
func (d *desk) line(rack uint, node string) *line {
	k := deskKey{rack, node}
	if d.nodes[k] == nil {
		d.nodes[k] = &line{waiting: map[string]*asked{}, wake: make(chan struct{})}
	}
	return d.nodes[k]
}

// visit is one poll of a node's agent.
type visit struct {
	d    *desk
	l    *line
	able bool
}

func (d *desk) enter(rack uint, node string, req inventory.PollRequest) *visit {
	d.mu.Lock()
	defer d.mu.Unlock()
	l := d.line(rack, node)
	l.polls++
	l.last, l.heard = &req, time.Now()
	return &visit{d, l, req.Calls && req.Stage == inventory.StageInstalled}
}

func (v *visit) leave() {
	v.d.mu.Lock()
	defer v.d.mu.Unlock()
	v.l.polls--
	v.l.heard = time.Now()
}

// take hands out what waits, once, and returns what to wait on for more.
func (v *visit) take() ([]inventory.Call, <-chan struct{}) {
	v.d.mu.Lock()
	defer v.d.mu.Unlock()
	if !v.able {
		return nil, nil
	}
	calls := v.l.queue
	v.l.queue = nil
	for _, c := range calls {
		if a := v.l.waiting[c.ID]; a != nil {
			a.taken = time.Now()
		}
	}
	return calls, v.l.wake
}

// put queues a call.
func (d *desk) put(rack uint, node string, c inventory.Call) *asked {
	d.mu.Lock()
	defer d.mu.Unlock()
	l, a := d.line(rack, node), &asked{answer: make(chan inventory.CallAnswer, 1)}
	l.queue, l.waiting[c.ID] = append(l.queue, c), a
	close(l.wake)
	l.wake = make(chan struct{})
	return a
}

// drop forgets a call, and tells whether it was ever handed out.
func (d *desk) drop(rack uint, node, id string) (taken time.Time) {
	d.mu.Lock()
	defer d.mu.Unlock()
	l := d.line(rack, node)
	if a := l.waiting[id]; a != nil {
		taken = a.taken
	}
	delete(l.waiting, id)
	l.queue = slices.DeleteFunc(l.queue, func(c inventory.Call) bool { return c.ID == id })
	return taken
}

// TakeAnswer takes a node's answer to a call. One that nobody waits for any
// more is accepted and dropped, since the agent cannot do anything about it.
func (e *Engine) TakeAnswer(_ context.Context, rackID uint, node string, a inventory.CallAnswer) error {
	e.desk.mu.Lock()
	defer e.desk.mu.Unlock()
	if w := e.desk.line(rackID, node).waiting[a.ID]; w != nil {
		select {
		case w.answer <- a:
		default: // it was answered already
		}
	}
	return nil
}

// silence is how long a node may not ask for work before a call to it is not
// even tried.
const silence = 90 * time.Second

// call asks a node and waits for its answer. The error is Unavailable where none
// comes, and says since when the node is silent; else it is the node's own.
func (e *Engine) call(ctx context.Context, rack inventory.Rack, node string, c inventory.Call) (inventory.CallAnswer, error) {
	n, err := e.store.Node(ctx, rack.ID, node)
	if err != nil {
		return inventory.CallAnswer{}, err
	}
	if err := untouchable(n); err != nil {
		return inventory.CallAnswer{}, err
	}
	if err := e.reachable(n); err != nil {
		return inventory.CallAnswer{}, err
	}
	limit := callLimit(c.Kind)
	if rack.Slow {
		limit *= 3
	}
	if d, ok := ctx.Deadline(); ok {
		limit = min(limit, time.Until(d))
	}
	c.ID, c.Seconds = rand.Text(), int((limit+time.Second-1)/time.Second)
	asked := e.desk.put(rack.ID, node, c)
	t := time.NewTimer(limit)
	defer t.Stop()
	select {
	case a := <-asked.answer:
		e.desk.drop(rack.ID, node, c.ID)
		if a.Error != "" {
			return a, inventory.Errorf(codeOr(a.Code, inventory.Unavailable), "%s: %s", node, a.Error)
		}
		return a, nil
	case <-ctx.Done():
		if !errors.Is(ctx.Err(), context.DeadlineExceeded) { // who asked went away
			e.desk.drop(rack.ID, node, c.ID)
			return inventory.CallAnswer{}, ctx.Err()
		}
	case <-t.C:
	}
	if taken := e.desk.drop(rack.ID, node, c.ID); !taken.IsZero() {
		return inventory.CallAnswer{}, inventory.Errorf(inventory.Unavailable, "the agent of %s took the question %s ago and has not answered; the node may be very busy: ask again, or look at its console", node, time.Since(taken).Round(time.Second))
	}
	return inventory.CallAnswer{}, e.silent(n)
}

func codeOr(c, otherwise inventory.Code) inventory.Code {
	if c == "" {
		return otherwise
	}
	return c
}

// reachable says at once what waiting would not change.
func (e *Engine) reachable(n inventory.Node) error {
	e.desk.mu.Lock()
	l := *e.desk.line(n.RackID, n.Name)
	e.desk.mu.Unlock()
	switch {
	case l.polls == 0 && time.Since(latest(n.LastSeen, l.heard, e.started)) > silence:
		return e.silent(n)
	case l.last == nil: // this process has not heard of it yet; it asks every few seconds
		return nil
	case l.last.Stage == inventory.StageRamdisk:
		return inventory.Errorf(inventory.Unavailable, "%s is being installed and runs the ramdisk; its services can be asked about once the installed system is up", n.Name)
	case !l.last.Calls:
		return inventory.Errorf(inventory.Unavailable, "the agent of %s is older than this appliance and answers no questions; it gets the new agent when the node is installed again", n.Name)
	}
	return nil
}

func (e *Engine) silent(n inventory.Node) error {
	if n.LastSeen.IsZero() {
		return inventory.Errorf(inventory.Unavailable, "the agent of %s was never heard of: install the rack first", n.Name)
	}
	e.desk.mu.Lock()
	last := latest(n.LastSeen, e.desk.line(n.RackID, n.Name).heard)
	e.desk.mu.Unlock()
	return inventory.Errorf(inventory.Unavailable, "the agent of %s is silent since %s (%s): look whether the node has power and at its console (appliance node console %s)",
		n.Name, last.UTC().Format("2006-01-02 15:04:05 UTC"), time.Since(last).Round(time.Second), n.Name)
}

func latest(times ...time.Time) time.Time { return slices.MaxFunc(times, time.Time.Compare) }
