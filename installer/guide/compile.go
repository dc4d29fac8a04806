package guide

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"sandai/inventory"
)

// timeouts by kind, for a real rack.
var timeouts = map[string]time.Duration{
	"package": 20 * time.Minute,
	"ini":     5 * time.Minute,
	"file":    5 * time.Minute,
	"sql":     5 * time.Minute,
	"command": 10 * time.Minute,
	"service": 10 * time.Minute,
	"wait":    20 * time.Minute,
	"api":     15 * time.Minute,
}

func (s *Step) seconds(slow bool) int {
	d := s.Timeout
	if d == 0 {
		d = timeouts[s.Kind]
	}
	if slow {
		d *= 3
	}
	return int(d / time.Second)
}

// bootKey is the step that the engine makes for each node: its installed system
// has been heard of.
func bootKey(node string) string { return node + "/boot/boot" }

// Compile binds the guide to a rack. It is a pure function: chapter by chapter,
// the steps of each node with that role in the order of the inventory, then the
// rack's. Steps of one chapter on one node need each other in order; all else is
// said by needs. The error says what the rack lacks.
func (g *Guide) Compile(rack inventory.Rack) ([]inventory.Step, error) {
	if err := fit(rack); err != nil {
		return nil, err
	}
	steps, _, err := g.compile(rack)
	if err != nil {
		return nil, err
	}
	return steps, g.resolvable(rack, steps)
}

// fit checks that the rack can become a cloud at all.
func fit(rack inventory.Rack) error {
	for role, most := range map[inventory.Role]int{inventory.Controller: 1, inventory.NetworkRole: 0, inventory.Compute: 0} {
		n := len(rack.ByRole(role))
		if n == 0 {
			return inventory.Errorf(inventory.Invalid, "rack %s has no %s node: give one node the role %s", rack.Name, role, role)
		}
		if most > 0 && n > most {
			return inventory.Errorf(inventory.Invalid, "rack %s has %d %s nodes: the guide knows %d, give the others another role", rack.Name, n, role, most)
		}
	}
	return nil
}

// only says which racks have the chapters that are marked with a word.
var only = map[string]func(inventory.Rack) bool{
	"": func(inventory.Rack) bool { return true },
	"volumes": func(r inventory.Rack) bool { // with a disk for them
		return slices.ContainsFunc(r.ByRole(inventory.Controller), func(n inventory.Node) bool { return n.VolumeDisk != "" })
	},
	"dashboard":    func(r inventory.Rack) bool { return !r.NoDashboard },
	"no-dashboard": func(r inventory.Rack) bool { return r.NoDashboard },
}

// lane is where steps follow each other in order.
type lane struct{ node, chapter string }

// compile also returns where in the guide each step's key comes from.
func (g *Guide) compile(rack inventory.Rack) (steps []inventory.Step, where map[string]string, err error) {
	where = map[string]string{}
	byID := map[string][]string{}  // step id → keys
	last := map[lane]string{}      // the last step so far
	needs := map[string][]string{} // key → needs as written
	lanes := map[string]lane{}     // key → its lane
	add := func(c *Chapter, s *Step, nodeName, laneName string, owner inventory.Owner) {
		l := lane{laneName, c.Name}
		st := inventory.Step{
			Key: laneName + "/" + c.Name + "/" + s.ID, Seq: len(steps) + 1, Node: nodeName, Chapter: c.Name,
			Title: s.Title.EN, Why: s.Why.EN, Kind: s.Kind, Owner: owner, Spec: slices.Clone(s.Spec),
			Notify: slices.Clone(s.Notify), State: inventory.StepPending, Timeout: s.seconds(rack.Slow),
		}
		if prev, ok := last[l]; ok {
			st.Needs = append(st.Needs, prev)
		} else if nodeName != "" {
			st.Needs = append(st.Needs, bootKey(nodeName))
		}
		last[l] = st.Key
		byID[s.ID] = append(byID[s.ID], st.Key)
		needs[st.Key], lanes[st.Key] = s.Needs, l
		where[st.Key] = fmt.Sprintf("%s:%d", c.File, s.Line)
		steps = append(steps, st)
	}
	left := map[string]bool{} // steps of chapters that the rack goes without
	for i := range g.Chapters {
		c := &g.Chapters[i]
		if !only[c.Only](rack) {
			for j := range c.Steps {
				left[c.Steps[j].ID] = true
			}
			continue
		}
		for _, n := range rack.Nodes {
			for j := range c.Steps {
				if s := &c.Steps[j]; n.Role != "" && s.For(n.Role) && s.Bake != OnlyBaked {
					add(c, s, n.Name, n.Name, inventory.OwnerAgent)
				}
			}
		}
		for j := range c.Steps {
			if s := &c.Steps[j]; s.OnRack() {
				add(c, s, "", rackRole, inventory.OwnerAppliance)
			}
		}
	}
	for i := range steps {
		st := &steps[i]
		for _, n := range needs[st.Key] {
			keys := byID[n]
			if chapter, ok := strings.CutPrefix(n, "chapter:"); ok {
				keys = nil
				if k := last[lane{lanes[st.Key].node, chapter}]; k != "" {
					keys = []string{k}
				}
			} else if len(keys) == 0 && !left[n] {
				return nil, nil, fmt.Errorf("%s: step %s needs %s, which no node of the rack has", where[st.Key], st.Key, n)
			}
			for _, k := range keys {
				if !slices.Contains(st.Needs, k) {
					st.Needs = append(st.Needs, k)
				}
			}
		}
	}
	return steps, where, nil
}

// resolvable tries every ${…} with a stand-in for secrets, so that what the
// rack lacks is said before anything is erased. What inspection will find is
// not asked for yet.
func (g *Guide) resolvable(rack inventory.Rack, steps []inventory.Step) error {
	rack.Slow = true // hashing with the full cost would prove nothing more
	nodes := map[string]*inventory.Node{}
	for i := range rack.Nodes {
		n := rack.Nodes[i]
		if n.Hardware == nil {
			n.Hardware = &inventory.Hardware{Cores: 1, MemoryMB: 1024}
		}
		nodes[n.Name] = &n
	}
	for _, s := range steps {
		v := NewValues(rack, nodes[s.Node], func(string) (string, error) { return "stand-in", nil })
		if _, _, err := Resolve(s.Spec, v); err != nil {
			return inventory.Errorf(inventory.Invalid, "step %s cannot be prepared for rack %s: %w", s.Key, rack.Name, err)
		}
	}
	return nil
}
