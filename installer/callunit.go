package installer

import (
	"context"
	"encoding/json"
	"slices"
	"strings"

	"sandai/installer/guide/kind"
	"sandai/inventory"
)

// agentUnit is the unit of the agent itself: to be seen, not to be restarted,
// since it would take the answer with it.
const agentUnit = "sandai-agent.service"

// unitsOf lists the units that the guide starts on a node, in its order.
func unitsOf(steps []inventory.Step, node string) []inventory.Unit {
	var out []inventory.Unit
	add := func(name, chapter string) {
		if !slices.ContainsFunc(out, func(u inventory.Unit) bool { return u.Name == name }) {
			out = append(out, inventory.Unit{Name: name, Chapter: chapter, Restartable: true})
		}
	}
	for _, s := range steps {
		var v kind.Service
		if s.Node != node || s.Kind != "service" || json.Unmarshal(s.Spec, &v) != nil {
			continue
		}
		if v.State == "started" || v.State == "restarted" {
			for _, n := range v.Names {
				add(kind.FullName(n), s.Chapter)
			}
		}
	}
	return append(out, inventory.Unit{Name: agentUnit})
}

// unitsOn finds a rack, and the units of one of its nodes.
func (e *Engine) unitsOn(ctx context.Context, rack, node string) (inventory.Rack, []inventory.Unit, error) {
	r, err := e.store.Rack(ctx, rack)
	if err != nil {
		return r, nil, err
	}
	if _, err := e.store.Node(ctx, r.ID, node); err != nil {
		return r, nil, err
	}
	var steps []inventory.Step
	if r.Release != inventory.ReleaseDebian {
		if steps, err = e.Guide.Compile(r); err != nil {
			return r, nil, err
		}
	}
	return r, unitsOf(steps, node), nil
}

// Units tells how the guide's units fare on a node.
func (e *Engine) Units(ctx context.Context, rack, node string) ([]inventory.Unit, error) {
	r, units, err := e.unitsOn(ctx, rack, node)
	if err != nil {
		return nil, err
	}
	c := inventory.Call{Kind: inventory.CallUnits}
	for _, u := range units {
		c.Units = append(c.Units, u.Name)
	}
	a, err := e.call(ctx, r, node, c)
	if err != nil {
		return nil, err
	}
	return merged(units, a.Units), nil
}

// merged keeps our own list: a node says how its units fare, and nothing else.
func merged(ours, said []inventory.Unit) []inventory.Unit {
	out := []inventory.Unit{}
	for _, u := range ours {
		if i := slices.IndexFunc(said, func(s inventory.Unit) bool { return s.Name == u.Name }); i >= 0 {
			s := said[i]
			s.Chapter, s.Restartable = u.Chapter, u.Restartable
			u = s
		}
		out = append(out, u)
	}
	return out
}

// unit finds one unit of a node by its name, with or without ".service".
func (e *Engine) unit(ctx context.Context, rack, node, name string) (inventory.Rack, inventory.Unit, error) {
	r, units, err := e.unitsOn(ctx, rack, node)
	if err != nil {
		return r, inventory.Unit{}, err
	}
	var names []string
	for _, u := range units {
		if u.Name == name || u.Name == name+".service" {
			return r, u, nil
		}
		names = append(names, u.Name)
	}
	return r, inventory.Unit{}, inventory.Errorf(inventory.Invalid, "%q is not a unit that the guide starts on %s; there: %s", name, node, strings.Join(names, ", "))
}

// Journal gives the last lines of a unit's journal and log files, the rack's
// secrets masked.
func (e *Engine) Journal(ctx context.Context, rack, node, unit string, lines int) (inventory.Journal, error) {
	r, u, err := e.unit(ctx, rack, node, unit)
	if err != nil {
		return inventory.Journal{}, err
	}
	mask, err := e.masker(ctx, r.ID)
	if err != nil {
		return inventory.Journal{}, err
	}
	a, err := e.call(ctx, r, node, inventory.Call{Kind: inventory.CallJournal, Units: []string{u.Name}, Lines: lines})
	if err != nil {
		return inventory.Journal{}, err
	}
	out := inventory.Journal{Node: node, Unit: u.Name, Logs: []inventory.LogText{}, Now: a.Now}
	for _, l := range a.Logs {
		l.Text, l.Error = mask.Replace(l.Text), mask.Replace(l.Error)
		out.Logs = append(out.Logs, l)
	}
	return out, nil
}

// Restart restarts one of the guide's units on a node and tells how it fares then.
func (e *Engine) Restart(ctx context.Context, rack, node, unit string) (inventory.Unit, error) {
	r, u, err := e.unit(ctx, rack, node, unit)
	if err != nil {
		return inventory.Unit{}, err
	}
	if !u.Restartable {
		return inventory.Unit{}, inventory.Errorf(inventory.Invalid, "%s is the node's agent itself: whoever answers cannot be restarted; it restarts by itself when it fails", u.Name)
	}
	a, err := e.call(ctx, r, node, inventory.Call{Kind: inventory.CallRestart, Units: []string{u.Name}})
	if err != nil {
		return inventory.Unit{}, err
	}
	return merged([]inventory.Unit{u}, a.Units)[0], nil
}

// masker replaces every secret of a rack. A key of several lines is replaced
// line by line, as a log would print it.
func (e *Engine) masker(ctx context.Context, rackID uint) (*strings.Replacer, error) {
	names, err := e.store.SecretNames(ctx, rackID)
	if err != nil {
		return nil, err
	}
	var values []string
	for _, name := range names {
		v, err := e.store.Secret(ctx, rackID, name)
		if inventory.CodeOf(err) == inventory.NotFound {
			continue // removed meanwhile
		}
		if err != nil {
			return nil, err
		}
		values = append(values, v)
		if lines := strings.Fields(v); len(lines) > 1 {
			for _, l := range lines {
				if len(l) >= 16 {
					values = append(values, l)
				}
			}
		}
	}
	return replacer(values), nil
}

// replacer masks values, longer ones first, because one may hold another.
func replacer(values []string) *strings.Replacer {
	values = slices.DeleteFunc(values, func(v string) bool { return v == "" })
	slices.SortFunc(values, func(a, b string) int { return len(b) - len(a) })
	var pairs []string
	for _, v := range values {
		pairs = append(pairs, v, "***")
	}
	return strings.NewReplacer(pairs...)
}

// HandCopy has a node fetch and keep the sealed copy of the appliance that is
// offered just now; digest is its SHA-256 in hexadecimal.
func (e *Engine) HandCopy(ctx context.Context, rack inventory.Rack, node, digest string) error {
	_, err := e.call(ctx, rack, node, inventory.Call{Kind: inventory.CallCopy, Digest: digest})
	return err
}
