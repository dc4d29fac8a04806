// Package progress sums up how far a run is, what is in hand and how long it
// will take, for the page, the API and the command line.
package progress

import (
	"strings"
	"time"

	"sandai/inventory"
)

// Progress is how far a run is.
type Progress struct {
	Run     inventory.Run `json:"run"`
	Done    int           `json:"done"` // steps done or skipped
	Total   int           `json:"total"`
	Elapsed float64       `json:"elapsed"` // seconds since the run was made, to its end
	// Remaining is the length in seconds of the longest chain of steps still to
	// come, by the times of this rack's last good run; nil on a first run.
	Remaining *float64         `json:"remaining,omitempty"`
	Nodes     []NodeProgress   `json:"nodes"`
	Failed    []inventory.Step `json:"failed,omitempty"` // with their outputs
}

// NodeProgress is one node's part of a run; Node is "" for the steps of the
// whole rack (cloud objects and the proof).
type NodeProgress struct {
	Node    string              `json:"node"`
	Role    inventory.Role      `json:"role,omitempty"`
	State   inventory.NodeState `json:"state,omitempty"`
	Reason  string              `json:"reason,omitempty"`
	Done    int                 `json:"done"`
	Total   int                 `json:"total"`
	Now     []StepNow           `json:"now,omitempty"`     // the steps in hand, and those that failed
	Waiting string              `json:"waiting,omitempty"` // the step that the node waits for, where none is in hand
}

// StepNow is a step in hand.
type StepNow struct {
	Key      string              `json:"key"`
	Chapter  string              `json:"chapter"`
	Title    string              `json:"title"`
	State    inventory.StepState `json:"state"` // ready, running or failed
	Seconds  float64             `json:"seconds"`
	Expected float64             `json:"expected,omitempty"` // seconds it took in the last good run
	Progress float64             `json:"progress,omitempty"` // 0 to 1 where known
}

// Expected returns how long each step of an earlier run took, in seconds by key.
// What was left out took no time that says anything.
func Expected(steps []inventory.Step) map[string]float64 {
	out := map[string]float64{}
	for _, s := range steps {
		if s.State == inventory.StepDone && s.StartedAt != nil && s.EndedAt != nil {
			out[s.Key] = s.EndedAt.Sub(*s.StartedAt).Seconds()
		}
	}
	return out
}

// Of sums a run up. It is pure; expected, by step key, comes from Expected and is
// nil on a first run.
func Of(r inventory.Rack, run inventory.Run, steps []inventory.Step, expected map[string]float64, now time.Time) Progress {
	end := now
	if run.Ended != nil {
		end = *run.Ended
	}
	p := Progress{Run: run, Total: len(steps), Elapsed: end.Sub(run.Created).Seconds()}
	states := map[string]inventory.StepState{}
	for _, s := range steps {
		states[s.Key] = s.State
		if s.State == inventory.StepDone || s.State == inventory.StepSkipped {
			p.Done++
		}
		if s.State == inventory.StepFailed {
			s.Spec = nil
			p.Failed = append(p.Failed, s)
		}
	}
	for _, n := range append(r.Nodes[:len(r.Nodes):len(r.Nodes)], inventory.Node{}) {
		np := nodeProgress(n, steps, states, expected, now)
		if np.Total > 0 || n.Name != "" {
			p.Nodes = append(p.Nodes, np)
		}
	}
	if expected != nil {
		left := remaining(Schedule(steps, expected, now), now)
		p.Remaining = &left
	}
	return p
}

func nodeProgress(n inventory.Node, steps []inventory.Step, states map[string]inventory.StepState, expected map[string]float64, now time.Time) NodeProgress {
	np := NodeProgress{Node: n.Name, Role: n.Role, State: n.State, Reason: n.Reason}
	var next *inventory.Step
	for i, s := range steps {
		if s.Node != n.Name {
			continue
		}
		np.Total++
		switch s.State {
		case inventory.StepDone, inventory.StepSkipped:
			np.Done++
		case inventory.StepReady, inventory.StepRunning, inventory.StepFailed:
			np.Now = append(np.Now, StepNow{Key: s.Key, Chapter: s.Chapter, Title: s.Title, State: s.State,
				Seconds: Seconds(s, now), Expected: expected[s.Key], Progress: s.Progress})
		case inventory.StepPending:
			if next == nil {
				next = &steps[i]
			}
		}
	}
	if len(np.Now) == 0 && next != nil {
		np.Waiting = heldBy(*next, states)
	}
	return np
}

// heldBy returns the first unfinished need of a step, preferring one in hand.
func heldBy(s inventory.Step, states map[string]inventory.StepState) string {
	first := ""
	for _, k := range s.Needs {
		switch states[k] {
		case inventory.StepRunning, inventory.StepReady, inventory.StepFailed:
			return k
		case inventory.StepPending:
			if first == "" {
				first = k
			}
		}
	}
	return first
}

// Seconds is how long a step took or has taken so far.
func Seconds(s inventory.Step, now time.Time) float64 {
	from := s.StartedAt
	if from == nil {
		from = s.ReadyAt
	}
	if from == nil {
		return 0
	}
	if s.EndedAt != nil {
		now = *s.EndedAt
	}
	return max(0, now.Sub(*from).Seconds())
}

// remaining is how many seconds lie between now and the end of the last step.
func remaining(slots []Slot, now time.Time) float64 {
	end := now
	for i := range slots {
		end = later(end, slots[i].End())
	}
	return end.Sub(now).Seconds()
}

// ShortStep is a step's name within its node and chapter, "keystone.conf"; a
// phase, whose name is its chapter's, goes by its title.
func ShortStep(s inventory.Step) string {
	parts := strings.SplitN(s.Key, "/", 3)
	if len(parts) < 3 || parts[2] == s.Chapter {
		return s.Title
	}
	return parts[2]
}
