package rackfile

import (
	"regexp"
	"strconv"

	"sandai/inventory"
)

// Check holds a rack that is put together without a file to the rules of
// rack.yaml, with the BMCs' passwords by node as far as they are new. Nodes of
// some roles may still be missing, and newcomers are left out. The error is as
// Parse's, with nodes called by their names; it has no lines.
func Check(r inventory.Rack, passwords map[string]string) error {
	f, _, err := wrote(r)
	if err != nil {
		return err
	}
	for i := range f.Nodes {
		if b := f.Nodes[i].BMC; b != nil {
			b.Password = passwords[f.Nodes[i].Name]
		}
	}
	rd := &reader{lines: map[string]int{}, unfinished: true}
	rd.values(&f)
	rd.relations(&f)
	if len(rd.found) == 0 {
		return nil
	}
	for i := range rd.found {
		p := &rd.found[i]
		p.Line, p.Field, p.Text = 0, f.called(p.Field), f.called(p.Text)
	}
	return &inventory.Error{Code: inventory.Invalid, Text: rd.found.Error(), Err: rd.found}
}

var nodeField = regexp.MustCompile(`nodes\[(\d+)\]\.?`)

// called puts the nodes' names where a text counts them.
func (f *file) called(text string) string {
	return nodeField.ReplaceAllStringFunc(text, func(m string) string {
		i, err := strconv.Atoi(nodeField.FindStringSubmatch(m)[1])
		if err != nil || i >= len(f.Nodes) {
			return m
		}
		return f.Nodes[i].Name + "'s "
	})
}
