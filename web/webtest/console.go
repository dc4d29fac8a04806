package webtest

import (
	"context"
	"io"
	"net"

	"sandai/inventory"
	"sandai/web/console"
)

// Console implements console.Lines: a line that greets and then echoes.
func (m *Memory) Console(ctx context.Context, _, node string) (io.ReadWriteCloser, error) {
	unlock, err := m.lock()
	slow := m.SlowConsole
	unlock()
	if err != nil {
		return nil, err
	}
	if slow != nil {
		select {
		case <-slow:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
	here, there := net.Pipe()
	go func() {
		defer there.Close()
		if _, err := io.WriteString(there, node+" login: "); err == nil {
			_, _ = io.Copy(there, there) // ends when the client hangs up
		}
	}()
	return here, nil
}

// Consoles is a hub over this inventory, and the same one each time. It is the
// real one; only the lines behind it are made up.
func (m *Memory) Consoles() *console.Hub {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.hub == nil {
		m.hub = console.New(console.Config{Lines: m, Inventory: m})
	}
	return m.hub
}

// Node implements console.Inventory.
func (m *Memory) Node(_ context.Context, rackID uint, name string) (inventory.Node, error) {
	unlock, err := m.lock()
	defer unlock()
	if err != nil {
		return inventory.Node{}, err
	}
	for _, r := range m.racks {
		for _, n := range r.Nodes {
			if r.ID == rackID && n.Name == name {
				return n, nil
			}
		}
	}
	return inventory.Node{}, inventory.Errorf(inventory.NotFound, "there is no node %s", name)
}

// SetNode changes a node, and fn its copy of it.
func (m *Memory) SetNode(rack, node string, fn func(*inventory.Node)) {
	m.change(func() {
		for i := range m.racks {
			if m.racks[i].Name != rack {
				continue
			}
			nodes := append([]inventory.Node(nil), m.racks[i].Nodes...)
			for j := range nodes {
				if nodes[j].Name == node {
					fn(&nodes[j])
				}
			}
			m.racks[i].Nodes = nodes
		}
	})
}

// ActiveRuns implements console.Inventory.
func (m *Memory) ActiveRuns(context.Context) ([]inventory.Run, error) {
	unlock, err := m.lock()
	defer unlock()
	var out []inventory.Run
	for _, r := range m.runs {
		if r.State == inventory.RunActive {
			out = append(out, r)
		}
	}
	return out, err
}
