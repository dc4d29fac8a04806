package webtest

import (
	"context"
	"slices"
	"time"

	"sandai/inventory"
)

// Cloudy is what a Memory answers of a cloud, of its nodes' units and of BMCs.
// Maps are by node; a node that is missing is silent.
type Cloudy struct {
	Status   *inventory.CloudStatus // nil: there is no cloud yet
	Journey  *inventory.Journey     // nil: none was collected
	Accounts []inventory.Account
	Secrets  map[string]string // of accounts that are shown
	Units    map[string][]inventory.Unit
	Journals map[string]inventory.Journal // by node and unit, "n1/nova-compute.service"
	Sensors  map[string]inventory.Sensors
	SEL      map[string]inventory.SEL
}

func find[T any](m *Memory, get func(*Cloudy) (T, bool), otherwise error) (T, error) {
	unlock, err := m.lock()
	defer unlock()
	v, ok := get(&m.Cloudy)
	if err == nil && !ok {
		err = otherwise
	}
	return v, err
}

func deref[T any](p *T) (v T, ok bool) {
	if p == nil {
		return v, false
	}
	return *p, true
}

var silent = inventory.Errorf(inventory.Unavailable, "its agent is silent since 2025-01-01 00:00:00")

// CloudStatus implements web.Cloud.
func (m *Memory) CloudStatus(_ context.Context, rack string) (inventory.CloudStatus, error) {
	return find(m, func(c *Cloudy) (inventory.CloudStatus, bool) { return deref(c.Status) },
		inventory.Errorf(inventory.NotFound, "rack %s has no cloud yet", rack))
}

// Journey implements web.Cloud.
func (m *Memory) Journey(_ context.Context, rack string) (inventory.Journey, error) {
	return find(m, func(c *Cloudy) (inventory.Journey, bool) { return deref(c.Journey) },
		inventory.Errorf(inventory.NotFound, "rack %s has no journey yet", rack))
}

// Accounts implements web.Cloud.
func (m *Memory) Accounts(context.Context, string) ([]inventory.Account, error) {
	return find(m, func(c *Cloudy) ([]inventory.Account, bool) { return slices.Clone(c.Accounts), true }, nil)
}

// Reveal implements web.Cloud.
func (m *Memory) Reveal(_ context.Context, _, secret string) (inventory.Revealed, error) {
	return find(m, func(c *Cloudy) (inventory.Revealed, bool) {
		v, ok := c.Secrets[secret]
		return inventory.Revealed{Secret: secret, Value: v}, ok
	}, inventory.Errorf(inventory.Invalid, "%s is never shown", secret))
}

// Openrc implements web.Cloud.
func (m *Memory) Openrc(ctx context.Context, rack string) ([]byte, error) {
	v, err := m.Reveal(ctx, rack, "keystone_admin")
	return []byte("export OS_PASSWORD='" + v.Value + "'\n"), err
}

// CloudsYAML implements web.Cloud.
func (m *Memory) CloudsYAML(ctx context.Context, rack string) ([]byte, error) {
	v, err := m.Reveal(ctx, rack, "keystone_admin")
	return []byte("clouds: {" + rack + ": {auth: {password: " + v.Value + "}}}\n"), err
}

// Units implements web.Calls.
func (m *Memory) Units(_ context.Context, _, node string) ([]inventory.Unit, error) {
	return find(m, func(c *Cloudy) ([]inventory.Unit, bool) {
		u, ok := c.Units[node]
		return slices.Clone(u), ok
	}, silent)
}

// Journal implements web.Calls.
func (m *Memory) Journal(_ context.Context, _, node, unit string, _ int) (inventory.Journal, error) {
	return find(m, func(c *Cloudy) (inventory.Journal, bool) {
		j, ok := c.Journals[node+"/"+unit]
		return j, ok
	}, silent)
}

// Restart implements web.Calls: the unit is active from now on.
func (m *Memory) Restart(_ context.Context, _, node, unit string) (inventory.Unit, error) {
	return find(m, func(c *Cloudy) (inventory.Unit, bool) {
		for i := range c.Units[node] {
			if u := &c.Units[node][i]; u.Name == unit && u.Restartable {
				u.Active, u.Sub, u.Since, u.Restarts = "active", "running", time.Now(), 0
				return *u, true
			}
		}
		return inventory.Unit{}, false
	}, inventory.Errorf(inventory.Invalid, "%s is not a unit of %s that may be restarted", unit, node))
}

// Sensors implements web.Sensors.
func (m *Memory) Sensors(_ context.Context, _, node string) (inventory.Sensors, error) {
	return find(m, func(c *Cloudy) (inventory.Sensors, bool) { v, ok := c.Sensors[node]; return v, ok },
		inventory.Errorf(inventory.Unavailable, "the BMC of %s does not answer", node))
}

// SEL implements web.Sensors.
func (m *Memory) SEL(_ context.Context, _, node string) (inventory.SEL, error) {
	return find(m, func(c *Cloudy) (inventory.SEL, bool) { v, ok := c.SEL[node]; return v, ok },
		inventory.Errorf(inventory.Unavailable, "the BMC of %s does not answer", node))
}
