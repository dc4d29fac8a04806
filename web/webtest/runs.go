package webtest

import (
	"context"

	"sandai/inventory"
)

// CountSteps implements web.Runs.
func (m *Memory) CountSteps(_ context.Context, rackID uint) (map[uint]inventory.StepCount, error) {
	unlock, err := m.lock()
	defer unlock()
	out := map[uint]inventory.StepCount{}
	for _, r := range m.runs {
		if r.RackID != rackID {
			continue
		}
		n := inventory.StepCount{Total: len(m.steps[r.ID])}
		for _, s := range m.steps[r.ID] {
			if s.State == inventory.StepDone || s.State == inventory.StepSkipped {
				n.Done++
			}
		}
		out[r.ID] = n
	}
	return out, err
}
