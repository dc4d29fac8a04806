package guide

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"sandai/installer/guide/kind"
	"sandai/inventory"
)

// unheard finds the notified units that nothing would restart: on each node that has a
// step which starts such a unit, one must come after the step that notifies it; and
// there must be such a node.
func unheard(steps []inventory.Step, where map[string]string) (found []error) {
	before := ancestors(steps)
	type call struct{ step, unit string } // the step without its node, as it may be of several roles
	heard, from := map[call]bool{}, map[call]inventory.Step{}
	for _, s := range steps {
		for _, unit := range s.Notify {
			c := call{strings.TrimPrefix(s.Key, s.Node+"/"), unit}
			from[c] = s
			starts, after := false, false
			for _, other := range steps {
				if other.Node == s.Node && startsUnit(other, unit) {
					starts, after = true, after || before[other.Key][s.Key]
				}
			}
			heard[c] = heard[c] || after
			if starts && !after {
				found = append(found, fmt.Errorf("%s: step %s notifies %s, which the node's service steps start only before it", where[s.Key], s.Key, unit))
				heard[c] = true
			}
		}
	}
	for c, s := range from {
		if !heard[c] {
			found = append(found, fmt.Errorf("%s: step %s notifies %s, which no service step starts", where[s.Key], s.Key, c.unit))
		}
	}
	slices.SortFunc(found, func(a, b error) int { return strings.Compare(a.Error(), b.Error()) })
	return found
}

// startsUnit reports whether a step would restart a unit that is due to be.
func startsUnit(s inventory.Step, unit string) bool {
	if s.Kind != "service" {
		return false
	}
	var v kind.Service
	if json.Unmarshal(s.Spec, &v) != nil { // a loaded guide's can be read
		return false
	}
	return v.State == "started" && slices.ContainsFunc(v.Names, func(n string) bool { return kind.FullName(n) == kind.FullName(unit) })
}

// ancestors are, by key, the steps that are done before a step. The needs lead in no circle.
func ancestors(steps []inventory.Step) map[string]map[string]bool {
	byKey := map[string]inventory.Step{}
	for _, s := range steps {
		byKey[s.Key] = s
	}
	of := map[string]map[string]bool{}
	var walk func(key string) map[string]bool
	walk = func(key string) map[string]bool {
		if set, ok := of[key]; ok {
			return set
		}
		set := map[string]bool{}
		for _, n := range byKey[key].Needs {
			set[n] = true
			for k := range walk(n) {
				set[k] = true
			}
		}
		of[key] = set
		return set
	}
	for _, s := range steps {
		walk(s.Key)
	}
	return of
}
