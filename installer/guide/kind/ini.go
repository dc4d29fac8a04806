package kind

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// INI is a configuration file of sections, keys and values. The whole file is
// ours: what a package put there is replaced.
type INI struct {
	Path  string `json:"path" yaml:"path"`
	Owner string `json:"owner,omitempty" yaml:"owner,omitempty"` // root when empty
	Group string `json:"group,omitempty" yaml:"group,omitempty"` // root when empty
	Mode  string `json:"mode,omitempty" yaml:"mode,omitempty"`   // "0644" when empty
	// Set is section → key → value. The section "" stands before all others.
	Set map[string]map[string]string `json:"set" yaml:"set"`
}

// Validate checks path, mode and that no value spans lines.
func (i *INI) Validate() error {
	if err := absolute(i.Path); err != nil {
		return err
	}
	if len(i.Set) == 0 {
		return errors.New("set: wants at least one section")
	}
	for section, keys := range i.Set {
		if strings.ContainsAny(section, "[]\n") {
			return fmt.Errorf("set: %q cannot be a section's name", section)
		}
		for k, v := range keys {
			if k == "" || strings.ContainsAny(k, "=\n") || strings.Contains(v, "\n") {
				return fmt.Errorf("set: %s.%s: keys and values are one line each", section, k)
			}
		}
	}
	return i.attrs().validate()
}

func (i *INI) attrs() attrs { return attrs{i.Owner, i.Group, i.Mode} }

// Render returns the file's text: "" first, DEFAULT next, then the sections
// and the keys in them sorted, so that the same settings are the same bytes.
func (i *INI) Render() []byte {
	sections := slices.SortedFunc(maps.Keys(i.Set), func(a, b string) int {
		rank := func(s string) int { return slices.Index([]string{"", "DEFAULT"}, s) }
		if ra, rb := rank(a), rank(b); ra != rb {
			if ra < 0 {
				return 1
			}
			if rb < 0 {
				return -1
			}
			return ra - rb
		}
		return strings.Compare(a, b)
	})
	var b strings.Builder
	b.WriteString("# Written by Sandai; changes are overwritten.\n")
	for _, s := range sections {
		if s != "" {
			fmt.Fprintf(&b, "\n[%s]\n", s)
		}
		for _, k := range slices.Sorted(maps.Keys(i.Set[s])) {
			fmt.Fprintln(&b, strings.TrimRight(k+" = "+i.Set[s][k], " "))
		}
	}
	return []byte(b.String())
}

// Check compares content, owner and mode.
func (i *INI) Check(_ context.Context, h Host) (bool, error) {
	ok, _, err := same(h, i.Path, i.Render(), i.attrs(), 0o644)
	return ok, err
}

// Apply writes the file whole.
func (i *INI) Apply(_ context.Context, h Host) error {
	return write(h, i.Path, i.Render(), i.attrs(), 0o644)
}

// Verify compares again.
func (i *INI) Verify(_ context.Context, h Host) error {
	ok, why, err := same(h, i.Path, i.Render(), i.attrs(), 0o644)
	if err == nil && !ok {
		err = fmt.Errorf("%s %s", i.Path, why)
	}
	return err
}
