package kind

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
)

// makers holds the closed set of kinds that run on a node.
var makers = map[string]func() Kind{
	"package": func() Kind { return &Package{} },
	"ini":     func() Kind { return &INI{} },
	"file":    func() Kind { return &File{} },
	"sql":     func() Kind { return &SQL{} },
	"command": func() Kind { return &Command{} },
	"service": func() Kind { return &Service{} },
	"wait":    func() Kind { return &Wait{} },
}

// Names lists the kinds that run on a node, sorted. The api kind is not among
// them: it has no Check, Apply and Verify of its own.
func Names() []string {
	out := make([]string, 0, len(makers))
	for name := range makers {
		out = append(out, name)
	}
	slices.Sort(out)
	return out
}

// New returns an empty specification of the named kind, to be decoded into;
// false when there is no such kind.
func New(name string) (Kind, bool) {
	m, ok := makers[name]
	if !ok {
		return nil, false
	}
	return m(), true
}

// Parse decodes a specification strictly and validates it.
func Parse(name string, spec json.RawMessage) (Kind, error) {
	k, ok := New(name)
	if !ok {
		return nil, fmt.Errorf("there is no step kind %q; there are %v", name, Names())
	}
	d := json.NewDecoder(bytes.NewReader(spec))
	d.DisallowUnknownFields()
	if err := d.Decode(k); err != nil {
		return nil, fmt.Errorf("decode %s step: %w", name, err)
	}
	if err := k.Validate(); err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return k, nil
}
