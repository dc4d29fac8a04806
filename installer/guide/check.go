package guide

import (
	"fmt"
	"slices"
	"strings"

	"sandai/inventory"
)

// check looks at what only all chapters together show: names that are used twice or
// not there, and, for one node of each role, needs that lead in a circle and notified
// units that nothing restarts.
func check(g *Guide) []error {
	var errs []error
	seen := map[string]string{}
	name := func(c *Chapter, at int, what, n string) {
		where := fmt.Sprintf("%s:%d", c.File, at)
		if other, ok := seen[what+n]; ok {
			errs = append(errs, fmt.Errorf("%s: %s%s is already at %s", where, what, n, other))
		}
		seen[what+n] = where
	}
	for i := range g.Chapters {
		c := &g.Chapters[i]
		name(c, 1, "chapter ", c.Name)
		for _, s := range c.Secrets {
			name(c, 1, "secret ", s.Name)
		}
		for j := range c.Steps {
			name(c, c.Steps[j].Line, "step ", c.Steps[j].ID)
		}
	}
	for i := range g.Chapters {
		c := &g.Chapters[i]
		for j := range c.Steps {
			s := &c.Steps[j]
			fail := func(format string, a ...any) {
				errs = append(errs, fmt.Errorf("%s:%d: step %s: %s", c.File, s.Line, s.ID, fmt.Sprintf(format, a...)))
			}
			for _, n := range s.Needs {
				if _, chapter := strings.CutPrefix(n, "chapter:"); chapter && seen["chapter "+n[len("chapter:"):]] == "" || !chapter && seen["step "+n] == "" {
					fail("needs %q, which is not in the guide", n)
				}
			}
			for _, e := range Exprs(s.Spec) {
				if n, ok := secretName(e); ok && seen["secret "+n] == "" {
					fail("secret %q is declared by no chapter", n)
				}
			}
		}
	}
	if len(errs) > 0 {
		return errs
	}
	steps, where, err := g.compile(exampleRack("127.0.0.1"))
	if err != nil {
		return []error{err}
	}
	if errs = circles(steps, where); len(errs) > 0 {
		return errs
	}
	return unheard(steps, where)
}

// circles follows the needs.
func circles(steps []inventory.Step, where map[string]string) []error {
	needs := map[string][]string{}
	for _, s := range steps {
		needs[s.Key] = s.Needs
	}
	const (
		open = 1
		done = 2
	)
	state := map[string]int{}
	var path []string
	var found []error
	var walk func(key string)
	walk = func(key string) {
		switch state[key] {
		case done:
			return
		case open:
			circle := append(slices.Clone(path[slices.Index(path, key):]), key)
			found = append(found, fmt.Errorf("%s: step %s needs itself: %s", where[key], key, strings.Join(circle, " → ")))
			return
		}
		state[key] = open
		path = append(path, key)
		for _, n := range needs[key] {
			walk(n)
		}
		path = path[:len(path)-1]
		state[key] = done
	}
	for _, s := range steps {
		walk(s.Key)
	}
	return found
}

// exampleRack has one node of each role; every address is the given one.
func exampleRack(address string) inventory.Rack {
	r := inventory.Rack{
		Name: "example", Region: "RegionOne", Address: address + "/8",
		Networks: []inventory.Network{
			{Kind: inventory.Provider, CIDR: "198.51.100.0/24", Gateway: "198.51.100.1", PoolStart: "198.51.100.100", PoolEnd: "198.51.100.200", MTU: 1500},
			{Kind: inventory.Tenant, CIDR: "192.0.2.0/24", MTU: 1450},
		},
	}
	for _, role := range []inventory.Role{inventory.Controller, inventory.NetworkRole, inventory.Compute} {
		r.Nodes = append(r.Nodes, inventory.Node{
			Name: string(role) + "-1", Role: role, Address: address, VolumeDisk: "volumes",
			Hardware: &inventory.Hardware{Cores: 2, MemoryMB: 4096},
		})
	}
	return r
}
