// Package guide holds the OpenStack install guide as data: one YAML file a
// chapter, embedded. It loads and checks the chapters, compiles them for a rack
// into steps, and for a role into what is baked into its image, and renders them
// as a document to follow by hand.
package guide

import (
	"embed"
	"encoding/json"
	"fmt"
	"io/fs"
	"slices"
	"strings"
	"time"

	"sandai/inventory"
)

//go:embed 2025.1/*.yaml
var releases embed.FS

// Guide is the install guide of one OpenStack release.
type Guide struct {
	Release  string
	Chapters []Chapter
}

// Text is written in each language, not translated word for word.
type Text struct {
	EN string `yaml:"en"`
	JA string `yaml:"ja"`
}

// In returns the text in a language, "en" or "ja"; English for any other.
func (t Text) In(lang string) string {
	if lang == "ja" && t.JA != "" {
		return t.JA
	}
	return t.EN
}

// Chapter is one file of the guide.
type Chapter struct {
	Name    string
	Source  string // what it follows
	Title   Text
	Why     Text
	Only    string       // which racks have it: "volumes", "dashboard", "no-dashboard" (see only), "" for every rack
	Secrets []SecretSpec // that the chapter introduces
	Steps   []Step
	File    string // "20-identity.yaml"
}

// Step is one record of the guide, not yet bound to a node.
type Step struct {
	ID      string
	Roles   []string // roles of nodes, or "all", or "rack" alone for an api step
	Bake    Bake
	Needs   []string
	Notify  []string
	Timeout time.Duration
	Title   Text
	Why     Text
	Kind    string
	Spec    json.RawMessage // with ${…} unresolved
	Line    int             // in the chapter's file
}

// Bake says whether a step is done while the image is built.
type Bake string

// Baked steps are done in the image and checked on the node; OnlyBaked ones
// have no place on a node at all.
const (
	NotBaked  Bake = ""
	Baked     Bake = "true"
	OnlyBaked Bake = "only"
)

// rackRole is the role of steps that run on the appliance.
const rackRole = "rack"

// For reports whether nodes with the role have the step.
func (s *Step) For(role inventory.Role) bool {
	return slices.Contains(s.Roles, "all") || slices.Contains(s.Roles, string(role))
}

// OnRack reports whether the appliance carries the step out, once for the rack.
func (s *Step) OnRack() bool { return slices.Contains(s.Roles, rackRole) }

// Load reads an embedded release, such as "2025.1". The error lists every
// mistake with file and line.
func Load(release string) (*Guide, error) {
	sub, err := fs.Sub(releases, release)
	if err == nil {
		_, err = fs.Stat(sub, ".")
	}
	if err != nil {
		return nil, inventory.Errorf(inventory.NotFound, "there is no install guide for release %q; there is: %s", release, strings.Join(Releases(), ", "))
	}
	g, err := load(sub)
	if err != nil {
		return nil, fmt.Errorf("install guide %s: %w", release, err)
	}
	g.Release = release
	return g, nil
}

// Releases lists the embedded releases.
func Releases() []string {
	var out []string
	entries, _ := releases.ReadDir(".") // an embedded file system does not fail
	for _, e := range entries {
		out = append(out, e.Name())
	}
	return out
}
