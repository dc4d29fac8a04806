package webtest

import (
	"context"
	"slices"
	"strings"

	"sandai/inventory"
)

// FindEvents implements web.Events.
func (m *Memory) FindEvents(_ context.Context, q inventory.EventQuery) ([]inventory.Event, error) {
	unlock, err := m.lock()
	defer unlock()
	if q.Limit <= 0 {
		q.Limit = 100
	}
	var out []inventory.Event
	for _, e := range slices.Backward(m.events) {
		all := strings.ToLower(strings.Join([]string{e.Text, e.Node, e.MAC, e.Step}, "\n"))
		if len(out) < q.Limit && strings.Contains(all, strings.ToLower(q.Text)) && (q.Node == "" || e.Node == q.Node) &&
			(q.Type == "" || e.Type == q.Type) && (q.Before == 0 || e.ID < q.Before) {
			out = append(out, e)
		}
	}
	return out, err
}
