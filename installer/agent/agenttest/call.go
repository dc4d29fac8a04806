package agenttest

import (
	"encoding/json"
	"net/http"
	"slices"
	"testing"
	"time"

	"sandai/inventory"
)

func (a *Appliance) answer(w http.ResponseWriter, r *http.Request) {
	var ans inventory.CallAnswer
	if !a.known(w, r) || json.NewDecoder(r.Body).Decode(&ans) != nil {
		return
	}
	a.change(func() { a.answers = append(a.answers, ans) })
	w.WriteHeader(http.StatusNoContent)
}

// Call hands a call out, once.
func (a *Appliance) Call(c inventory.Call) { a.change(func() { a.calls = append(a.calls, c) }) }

// Answers returns the answers that arrived so far, in order.
func (a *Appliance) Answers() []inventory.CallAnswer {
	a.mu.Lock()
	defer a.mu.Unlock()
	return slices.Clone(a.answers)
}

// Ask hands a call out and waits for its answer.
func (a *Appliance) Ask(t testing.TB, c inventory.Call, limit time.Duration) inventory.CallAnswer {
	t.Helper()
	a.Call(c)
	var ans inventory.CallAnswer
	a.Until(t, "the answer to "+c.ID, limit, func([]inventory.StepReport, []inventory.PollRequest) bool {
		i := slices.IndexFunc(a.answers, func(x inventory.CallAnswer) bool { return x.ID == c.ID })
		if i >= 0 {
			ans = a.answers[i]
		}
		return i >= 0
	})
	return ans
}
