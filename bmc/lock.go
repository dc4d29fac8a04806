package bmc

import (
	"context"
	"sync"
	"time"
)

// machine is what all controllers of one BMC in this process share.
type machine struct {
	// op is held through a whole SetPower or SetBootDevice, so that two
	// callers do not undo each other's work while it is checked.
	op chan struct{}
	// wire is held through one command.
	wire chan struct{}

	mu      sync.Mutex
	start   time.Time // when the machine was last started
	cipher  string    // the cipher suite that the BMC takes, once known
	late    time.Time // when it last answered later than a BMC at rest
	console *console  // the one that this process has open, or nil
	// shortConsoles counts consoles in a row that ended soon for want of an
	// answer to ipmitool's keepalive; at 2 it stays.
	shortConsoles int
}

var (
	machinesMu sync.Mutex
	machines   = map[string]*machine{}
)

func machineAt(hostPort string) *machine {
	machinesMu.Lock()
	defer machinesMu.Unlock()
	m := machines[hostPort]
	if m == nil {
		m = &machine{op: make(chan struct{}, 1), wire: make(chan struct{}, 1)}
		machines[hostPort] = m
	}
	return m
}

// hold takes a lock and returns its release.
func hold(ctx context.Context, lock chan struct{}) (func(), error) {
	select {
	case lock <- struct{}{}:
		return func() { <-lock }, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// slow notes that the machine's BMC answered late, or seemed to.
func (m *machine) slow() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.late = time.Now()
}

// waitGap returns when at least gap has passed since the machine was started,
// and notes that it is started now.
func (m *machine) waitGap(ctx context.Context, gap time.Duration) error {
	m.mu.Lock()
	left := gap - time.Since(m.start)
	m.mu.Unlock()
	if err := pause(ctx, left); err != nil {
		return err
	}
	m.mu.Lock()
	m.start = time.Now()
	m.mu.Unlock()
	return nil
}

// pause waits d or until ctx ends.
func pause(ctx context.Context, d time.Duration) error {
	if d <= 0 {
		return ctx.Err()
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
