// Package webtest is an inventory in memory for tests of the API and of the
// command line: what the API answers from without an engine, a database or a BMC.
package webtest

import (
	"context"
	"sync"
	"time"

	"sandai/inventory"
	"sandai/web/console"
)

// Memory implements every interface of web.Config.
type Memory struct {
	mu     sync.Mutex
	racks  []inventory.Rack
	runs   []inventory.Run
	steps  map[uint][]inventory.Step
	events []inventory.Event
	power  map[string]string
	subs   map[chan struct{}]bool
	broken error
	access access
	hub    *console.Hub

	// SlowConsole, if not nil, keeps a console from opening until it is closed.
	SlowConsole chan struct{}
	// Parse reads a rack.yaml for Import.
	Parse func(name string, file []byte) (inventory.Rack, error)
	// OnInstall decides what an install does to the run that it starts.
	OnInstall func(m *Memory, run inventory.Run)
	// Cloud is what Report says of the cloud.
	Cloud inventory.CloudInfo
	// Cloudy is what it says of the cloud itself, of units and of BMCs.
	Cloudy Cloudy
	// Host is what the appliance's own network is like.
	Host Host
	// Works is what it says of images.
	Works Works
}

// New returns an empty inventory.
func New() *Memory {
	return &Memory{steps: map[uint][]inventory.Step{}, power: map[string]string{}, subs: map[chan struct{}]bool{}}
}

// Break makes every call fail with err; nil mends it.
func (m *Memory) Break(err error) { m.change(func() { m.broken = err }) }

func (m *Memory) change(fn func()) {
	m.mu.Lock()
	defer m.mu.Unlock()
	fn()
	for c := range m.subs {
		select {
		case c <- struct{}{}:
		default:
		}
	}
}

// AddRack adds a rack and numbers it.
func (m *Memory) AddRack(r inventory.Rack) {
	m.change(func() {
		r.ID = uint(len(m.racks) + 1)
		m.racks = append(m.racks, r)
	})
}

// AddRun adds a run of a rack with its steps, and returns its number.
func (m *Memory) AddRun(run inventory.Run, steps []inventory.Step) uint {
	m.change(func() {
		run.ID = uint(len(m.runs) + 1)
		if run.Kind == "" {
			run.Kind = inventory.RunInstall
		}
		m.runs = append(m.runs, run)
		m.steps[run.ID] = append([]inventory.Step(nil), steps...)
	})
	return run.ID
}

// SetRun changes a run and appends an event that tells of it.
func (m *Memory) SetRun(id uint, fn func(*inventory.Run)) {
	m.change(func() {
		r := &m.runs[id-1]
		fn(r)
		m.event(inventory.Event{Time: time.Now(), Type: inventory.EventRun, RunID: &id, Text: "run " + string(r.State)})
	})
}

// Set changes the exported fields while the inventory is served.
func (m *Memory) Set(fn func(*Memory)) { m.change(func() { fn(m) }) }

// SetStep changes a step and appends an event that tells of it.
func (m *Memory) SetStep(run uint, key string, fn func(*inventory.Step)) {
	m.change(func() {
		for i := range m.steps[run] {
			if s := &m.steps[run][i]; s.Key == key {
				fn(s)
				m.event(inventory.Event{Time: time.Now(), Type: inventory.EventStep, RunID: &run, Node: s.Node, Step: key, Text: key + " " + string(s.State)})
			}
		}
	})
}

// AddEvent appends an event.
func (m *Memory) AddEvent(e inventory.Event) { m.change(func() { m.event(e) }) }

func (m *Memory) event(e inventory.Event) {
	e.ID = uint(len(m.events) + 1)
	m.events = append(m.events, e)
}

func (m *Memory) lock() (func(), error) {
	m.mu.Lock()
	return m.mu.Unlock, m.broken
}

// Racks implements web.Racks.
func (m *Memory) Racks(context.Context) ([]inventory.Rack, error) {
	unlock, err := m.lock()
	defer unlock()
	return append([]inventory.Rack(nil), m.racks...), err
}

// RackNames implements web.Racks.
func (m *Memory) RackNames(context.Context) ([]string, error) {
	unlock, err := m.lock()
	defer unlock()
	var names []string
	for _, r := range m.racks {
		names = append(names, r.Name)
	}
	return names, err
}

// Rack implements web.Racks.
func (m *Memory) Rack(_ context.Context, name string) (inventory.Rack, error) {
	unlock, err := m.lock()
	defer unlock()
	if err != nil {
		return inventory.Rack{}, err
	}
	for _, r := range m.racks {
		if r.Name == name {
			return r, nil
		}
	}
	return inventory.Rack{}, inventory.Errorf(inventory.NotFound, "there is no rack %s", name)
}

// LatestRun implements web.Runs.
func (m *Memory) LatestRun(ctx context.Context, rackID uint) (inventory.Run, error) {
	runs, err := m.Runs(ctx, rackID)
	if err != nil {
		return inventory.Run{}, err
	}
	if len(runs) == 0 {
		return inventory.Run{}, inventory.Errorf(inventory.NotFound, "the rack was never installed")
	}
	return runs[len(runs)-1], nil
}

// Run implements web.Runs.
func (m *Memory) Run(_ context.Context, id uint) (inventory.Run, error) {
	unlock, err := m.lock()
	defer unlock()
	if err != nil {
		return inventory.Run{}, err
	}
	if id == 0 || int(id) > len(m.runs) {
		return inventory.Run{}, inventory.Errorf(inventory.NotFound, "there is no run %d", id)
	}
	return m.runs[id-1], nil
}

// Runs implements web.Runs.
func (m *Memory) Runs(_ context.Context, rackID uint) ([]inventory.Run, error) {
	unlock, err := m.lock()
	defer unlock()
	var out []inventory.Run
	for _, r := range m.runs {
		if r.RackID == rackID {
			out = append(out, r)
		}
	}
	return out, err
}

// Steps implements web.Runs.
func (m *Memory) Steps(_ context.Context, runID uint) ([]inventory.Step, error) {
	unlock, err := m.lock()
	defer unlock()
	return append([]inventory.Step(nil), m.steps[runID]...), err
}

// Step implements web.Runs.
func (m *Memory) Step(ctx context.Context, runID uint, key string) (inventory.Step, error) {
	steps, err := m.Steps(ctx, runID)
	if err != nil {
		return inventory.Step{}, err
	}
	for _, s := range steps {
		if s.Key == key {
			return s, nil
		}
	}
	return inventory.Step{}, inventory.Errorf(inventory.NotFound, "run %d has no step %s", runID, key)
}

// Events implements web.Events.
func (m *Memory) Events(_ context.Context, after uint, limit int) ([]inventory.Event, error) {
	unlock, err := m.lock()
	defer unlock()
	if err != nil || int(after) >= len(m.events) {
		return nil, err
	}
	evs := m.events[after:]
	return append([]inventory.Event(nil), evs[:min(limit, len(evs))]...), nil
}

// Subscribe implements web.Events.
func (m *Memory) Subscribe() (<-chan struct{}, func()) {
	c := make(chan struct{}, 1)
	m.mu.Lock()
	m.subs[c] = true
	m.mu.Unlock()
	return c, func() {
		m.mu.Lock()
		delete(m.subs, c)
		m.mu.Unlock()
	}
}

// Subscribers counts who listens.
func (m *Memory) Subscribers() int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return len(m.subs)
}

// PowerState implements web.Power.
func (m *Memory) PowerState(_ context.Context, rack, node string) (string, error) {
	unlock, err := m.lock()
	defer unlock()
	if m.power[rack+"/"+node] == "" {
		return "off", err
	}
	return m.power[rack+"/"+node], err
}

// SetPower implements web.Power.
func (m *Memory) SetPower(_ context.Context, rack, node, op string) error {
	unlock, err := m.lock()
	defer unlock()
	if op == "soft" || op == "off" {
		m.power[rack+"/"+node] = "off"
	} else {
		m.power[rack+"/"+node] = "on"
	}
	return err
}
