package webtest

import (
	"context"

	"sandai/inventory"
)

// Host is what the appliance's own network is like.
type Host struct {
	Interfaces []inventory.HostInterface
	DHCP       map[string]*inventory.DHCPServer // by interface
	// Hold, where it is not nil, keeps a look for DHCP servers until it is closed.
	Hold chan struct{}
	Wire string // why no machine is heard
}

// Interfaces implements web.Interfaces.
func (m *Memory) Interfaces(context.Context) ([]inventory.HostInterface, error) {
	unlock, err := m.lock()
	defer unlock()
	return append([]inventory.HostInterface(nil), m.Host.Interfaces...), err
}

// FindDHCP implements web.Interfaces.
func (m *Memory) FindDHCP(_ context.Context, name string) (*inventory.DHCPServer, error) {
	unlock, err := m.lock()
	hold, found := m.Host.Hold, m.Host.DHCP[name]
	unlock()
	if hold != nil {
		<-hold
	}
	return found, err
}

// WireProblem implements web.Wires.
func (m *Memory) WireProblem(string) string {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.Host.Wire
}
