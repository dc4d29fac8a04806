package cloud

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/gophercloud/gophercloud/v2"
	"github.com/gophercloud/gophercloud/v2/openstack/compute/v2/servers"

	"sandai/inventory"
)

// watch looks at a server from the moment it was asked for until it is there, as
// often as its states may change, and remembers each.
type watch struct {
	said chan inventory.JourneyState // closed at the end
	node string
}

// startWatch begins to watch a server that was asked for just now.
func (c *Cloud) startWatch(ctx context.Context, cc *gophercloud.ServiceClient, j inventory.Journey) *watch {
	c.mu.Lock()
	if c.watched == nil || c.watched.ID != j.ID { // else the check is tried again
		c.watched = &j
	}
	c.mu.Unlock()
	w := &watch{said: make(chan inventory.JourneyState, 256), node: j.Node}
	go func() {
		defer close(w.said)
		c.look(ctx, cc, j.ID, w)
	}()
	return w
}

// look asks again and again. Between two questions it waits as long as one takes,
// so that a slow cloud is not kept busy by being looked at.
func (c *Cloud) look(ctx context.Context, cc *gophercloud.ServiceClient, id string, w *watch) {
	var last inventory.JourneyState
	c.mu.Lock()
	if n := len(c.watched.States); n > 0 {
		last = c.watched.States[n-1]
		last.At = time.Time{}
	}
	c.mu.Unlock()
	for {
		begin := time.Now()
		v, err := servers.Get(ctx, cc, id).Extract()
		now := time.Now()
		if err == nil {
			st := stateOf(v)
			if st != last {
				last = st
				st.At = now.UTC()
				c.mu.Lock()
				c.watched.States = append(c.watched.States, st)
				c.mu.Unlock()
				select {
				case w.said <- st:
				default: // nobody listens yet; it is remembered all the same
				}
			}
			if v.Status == "ACTIVE" || v.Status == "ERROR" {
				return
			}
		} else if judge(err) == never {
			return // who waits for the server will say why
		}
		t := time.NewTimer(max(now.Sub(begin), c.pollMin/5))
		select {
		case <-ctx.Done():
			t.Stop()
			return
		case <-t.C:
		}
	}
}

// follow tells of the states until the server is there, or failed, or the time
// is up.
func (w *watch) follow(progress func(string)) {
	for st := range w.said {
		progress(strings.Join(strings.Fields("server on "+w.node+": "+st.Status+" "+st.Task), " "))
	}
}

func stateOf(v *servers.Server) inventory.JourneyState {
	power := "none"
	if v.PowerState != servers.NOSTATE {
		power = powerWords[v.PowerState]
	}
	return inventory.JourneyState{Status: v.Status, Task: v.TaskState, Power: power}
}

// powerWords are Nova's own (nova/compute/power_state.py).
var powerWords = map[servers.PowerState]string{
	servers.RUNNING: "running", servers.PAUSED: "paused", servers.SHUTDOWN: "shutdown", servers.CRASHED: "crashed", servers.SUSPENDED: "suspended",
}

// Watched returns what the check "servers" has seen of the server that it made
// last: its states, and when the requests were sent and answered. False where
// this process made none.
func (c *Cloud) Watched() (inventory.Journey, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.watched == nil {
		return inventory.Journey{}, false
	}
	j := *c.watched
	j.States, j.Requests, j.Steps = slices.Clone(j.States), slices.Clone(j.Requests), slices.Clone(j.Steps)
	return j, true
}

// markSource is the source of what the client itself notes.
const markSource = "appliance"

// What the client itself notes, by the numbers of the steps; markAccepted is
// the answer to the request, which the book does not number.
const (
	markAccepted = 0
	markLogin    = 1
	markToken    = 2
	markAsk      = 3
)

func markOf(number int, at time.Time, line string) inventory.JourneyStep {
	at = at.UTC()
	return inventory.JourneyStep{Number: number, Who: "client", Seen: &at, Source: markSource, Line: line}
}
