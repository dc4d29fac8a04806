package installer

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"sync"
	"time"

	"sandai/bmc"
	"sandai/inventory"
)

// errHandsOff ends what is under way with a node or its BMC when a person says
// hands off.
var errHandsOff = errors.New("hands off")

// HandsOff freezes a node at once: commands to its BMC that are under way are cut
// off, its consoles are closed, it gets no answer to a boot, and its agent gets no
// work and no question. What its agent is at goes on and is taken note of, since
// nothing can be sent to stop it. It lasts until LetGo, whatever becomes of the
// process. A second one changes nothing.
func (e *Engine) HandsOff(ctx context.Context, rack, node, why string) (inventory.Node, error) {
	_, n, err := e.nodeOf(ctx, rack, node)
	if err != nil || n.HandsOff != nil {
		return deref(n), err
	}
	now, who := time.Now(), inventory.Person(ctx)
	held, err := e.store.UpdateNode(ctx, n.RackID, n.Name, func(n *inventory.Node) error {
		if n.HandsOff == nil {
			n.HandsOff, n.HandsOffBy, n.HandsOffWhy = &now, who, why
		}
		return nil
	}, inventory.Event{Time: now, Type: inventory.EventNodeState, Node: node, Text: "hands off " + node + byAndWhy(who, why)})
	if err == nil {
		e.reins.cut(held.ID)
	}
	return held, err
}

// LetGo ends HandsOff. The deadlines of what waited on the node are put off by as
// long as it lasted.
func (e *Engine) LetGo(ctx context.Context, rack, node string) (inventory.Node, error) {
	e.asks.Lock()
	defer e.asks.Unlock()
	r, n, err := e.nodeOf(ctx, rack, node)
	if err != nil || n.HandsOff == nil {
		return deref(n), err
	}
	lasted := time.Since(*n.HandsOff)
	if run, err := e.activeRun(ctx, r.ID); err != nil {
		return inventory.Node{}, err
	} else if run != nil {
		if err := e.putOff(ctx, *run, node, lasted); err != nil {
			return inventory.Node{}, err
		}
	}
	return e.store.UpdateNode(ctx, r.ID, node, func(n *inventory.Node) error {
		n.HandsOff, n.HandsOffBy, n.HandsOffWhy = nil, "", ""
		if n.Deadline != nil {
			later := n.Deadline.Add(lasted)
			n.Deadline = &later
		}
		return nil
	}, inventory.Event{Time: time.Now(), Type: inventory.EventNodeState, Node: node,
		Text: fmt.Sprintf("%s is let go after %s%s", node, lasted.Round(time.Second), byAndWhy(inventory.Person(ctx), ""))})
}

// putOff gives a node's steps in hand, and the rack's, which may have waited for
// it, the time back that they could not use.
func (e *Engine) putOff(ctx context.Context, run inventory.Run, node string, by time.Duration) error {
	steps, err := e.store.Steps(ctx, run.ID)
	if err != nil {
		return err
	}
	steps = slices.DeleteFunc(steps, func(s inventory.Step) bool { return s.Node != node && s.Node != "" })
	return e.moveDeadlines(ctx, run.ID, steps, func(s inventory.Step) time.Time { return s.Deadline.Add(by) })
}

func deref(n *inventory.Node) inventory.Node {
	if n == nil {
		return inventory.Node{}
	}
	return *n
}

// heldNodes names the nodes of a rack that hands are off. Where the controller is
// among them, "" is too: the rack's own steps speak to the cloud's APIs there.
func heldNodes(nodes []inventory.Node) map[string]bool {
	held := map[string]bool{}
	for _, n := range nodes {
		if n.HandsOff != nil {
			held[n.Name] = true
			if n.Role == inventory.Controller {
				held[""] = true
			}
		}
	}
	return held
}

// untouchable is the error of who wants something sent to a node that hands are
// off, nil for any other node.
func untouchable(n inventory.Node) error {
	if n.HandsOff == nil {
		return nil
	}
	return inventory.Errorf(inventory.Conflict, "%w %s since %s%s: nothing is sent to it or its BMC; let it go first (appliance node let-go %s)",
		errHandsOff, n.Name, n.HandsOff.UTC().Format("2006-01-02 15:04:05 UTC"), byAndWhy(n.HandsOffBy, n.HandsOffWhy), n.Name)
}

// spokenFor is the error of who wants to install or change a node that hands are off
// or that is in rescue, nil for any other.
func spokenFor(n inventory.Node) error {
	if n.State == inventory.Maintenance {
		return inventory.Errorf(inventory.Conflict, "%s is in rescue since %s: end that first (appliance node rescue %s --end)", n.Name, n.Since.UTC().Format("2006-01-02 15:04:05 UTC"), n.Name)
	}
	return untouchable(n)
}

// reins end what is under way with a node.
type reins struct {
	mu    sync.Mutex
	last  int
	nodes map[uint]map[int]context.CancelCauseFunc
}

// hold returns a context that ends when somebody says hands off the node; done
// must be called.
func (r *reins) hold(ctx context.Context, node uint) (_ context.Context, done func()) {
	ctx, cancel := context.WithCancelCause(ctx)
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.nodes == nil {
		r.nodes = map[uint]map[int]context.CancelCauseFunc{}
	}
	if r.nodes[node] == nil {
		r.nodes[node] = map[int]context.CancelCauseFunc{}
	}
	r.last++
	id := r.last
	r.nodes[node][id] = cancel
	return ctx, func() {
		r.mu.Lock()
		delete(r.nodes[node], id)
		r.mu.Unlock()
		cancel(nil)
	}
}

func (r *reins) cut(node uint) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, cancel := range r.nodes[node] {
		cancel(errHandsOff)
	}
}

// holdController is hold for a rack's controller, where there is one; the error is
// Conflict where hands are off it by now.
func (e *Engine) holdController(ctx context.Context, rackID uint) (context.Context, func(), error) {
	rack, err := e.store.RackByID(ctx, rackID)
	if err != nil {
		return ctx, nil, err
	}
	c := rack.ByRole(inventory.Controller)
	if len(c) == 0 {
		return ctx, func() {}, nil
	}
	ctx, done := e.reins.hold(ctx, c[0].ID)
	n, err := e.store.Node(ctx, rackID, c[0].Name) // within the reins, as in reined.do
	if err == nil {
		err = untouchable(n)
	}
	if err != nil {
		done()
	}
	return ctx, done, err
}

// reined is a node's BMC that is left alone as soon as somebody says hands off.
type reined struct {
	c    bmc.Controller
	e    *Engine
	node inventory.Node
}

// do carries out one command. The node is read again within the reins, so that
// no command slips through between a look and hands off.
func (r *reined) do(ctx context.Context, command func(context.Context) error) error {
	ctx, done := r.e.reins.hold(ctx, r.node.ID)
	defer done()
	n, err := r.e.store.Node(ctx, r.node.RackID, r.node.Name)
	if err == nil {
		err = untouchable(n)
	}
	if err == nil {
		err = command(ctx)
	}
	if errors.Is(context.Cause(ctx), errHandsOff) {
		return inventory.Errorf(inventory.Conflict, "%w %s, while its BMC was asked for something", errHandsOff, r.node.Name)
	}
	return err
}

func (r *reined) PowerState(ctx context.Context) (s bmc.PowerState, err error) {
	err = r.do(ctx, func(ctx context.Context) error { s, err = r.c.PowerState(ctx); return err })
	return s, err
}

func (r *reined) SetPower(ctx context.Context, op bmc.PowerOp) error {
	return r.do(ctx, func(ctx context.Context) error { return r.c.SetPower(ctx, op) })
}

func (r *reined) SetBootDevice(ctx context.Context, d bmc.BootDevice, persistent bool) error {
	return r.do(ctx, func(ctx context.Context) error { return r.c.SetBootDevice(ctx, d, persistent) })
}

func (r *reined) SEL(ctx context.Context) (list []bmc.Event, err error) {
	err = r.do(ctx, func(ctx context.Context) error { list, err = r.c.SEL(ctx); return err })
	return list, err
}

func (r *reined) Sensors(ctx context.Context) (list []bmc.Sensor, err error) {
	err = r.do(ctx, func(ctx context.Context) error { list, err = r.c.Sensors(ctx); return err })
	return list, err
}

// Console opens a console; the hub of consoles closes it when it sees the node held.
func (r *reined) Console(ctx context.Context) (rw io.ReadWriteCloser, err error) {
	err = r.do(ctx, func(ctx context.Context) error { rw, err = r.c.Console(ctx); return err })
	return rw, err
}
