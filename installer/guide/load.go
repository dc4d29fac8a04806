package guide

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"

	"sandai/installer/guide/kind"
)

// node keeps a part of the YAML tree for a later look, with its line.
type node struct{ ast.Node }

func (n *node) UnmarshalYAML(v ast.Node) error { n.Node = v; return nil }

func line(n ast.Node) int {
	if n == nil || n.GetToken() == nil || n.GetToken().Position == nil {
		return 1
	}
	return n.GetToken().Position.Line
}

// loader collects mistakes, so that a person sees all of them at once.
type loader struct {
	file string
	errs []error
}

func (l *loader) fail(at int, format string, a ...any) {
	l.errs = append(l.errs, fmt.Errorf("%s:%d: %s", l.file, at, fmt.Sprintf(format, a...)))
}

// wrong notes an error of the YAML library, which knows its own position.
func (l *loader) wrong(at int, err error) {
	var ye yaml.Error
	if errors.As(err, &ye) {
		if t := ye.GetToken(); t != nil && t.Position != nil {
			at = t.Position.Line
		}
		l.fail(at, "%s", ye.GetMessage())
		return
	}
	l.fail(at, "%s", err)
}

func (l *loader) decode(n ast.Node, v any) bool {
	if err := yaml.NodeToValue(n, v, yaml.Strict()); err != nil {
		l.wrong(line(n), err)
		return false
	}
	return true
}

// load reads all chapters of a release in the order of their file names.
func load(fsys fs.FS) (*Guide, error) {
	names, err := fs.Glob(fsys, "*.yaml")
	if err != nil {
		return nil, err
	}
	if len(names) == 0 {
		return nil, errors.New("no chapters (*.yaml)")
	}
	g := &Guide{}
	var errs []error
	for _, name := range names {
		src, err := fs.ReadFile(fsys, name)
		if err != nil {
			return nil, err
		}
		l := &loader{file: name}
		g.Chapters = append(g.Chapters, l.chapter(src))
		errs = append(errs, l.errs...)
	}
	if len(errs) == 0 {
		errs = check(g)
	}
	return g, errors.Join(errs...)
}

var idRule = regexp.MustCompile(`^[a-z0-9]+([.-][a-z0-9]+)*$`)

func (l *loader) chapter(src []byte) Chapter {
	c := Chapter{File: l.file}
	file, err := parser.ParseBytes(src, 0)
	if err != nil {
		l.wrong(1, err)
		return c
	}
	if len(file.Docs) != 1 || file.Docs[0].Body == nil {
		l.fail(1, "wants exactly one document")
		return c
	}
	var top struct {
		Chapter string            `yaml:"chapter"`
		Source  string            `yaml:"source"`
		Only    string            `yaml:"only"`
		Title   Text              `yaml:"title"`
		Why     Text              `yaml:"why"`
		Secrets map[string]string `yaml:"secrets"`
		Steps   []node            `yaml:"steps"`
	}
	if !l.decode(file.Docs[0].Body, &top) {
		return c
	}
	c.Name, c.Source, c.Title, c.Why, c.Only = top.Chapter, top.Source, top.Title, top.Why, top.Only
	if only[c.Only] == nil {
		l.fail(1, "only: wants volumes, dashboard, no-dashboard or nothing, not %q", c.Only)
	}
	if !idRule.MatchString(c.Name) {
		l.fail(1, "chapter: %q is no name", c.Name)
	}
	if c.Source == "" {
		l.fail(1, "source: wants what the chapter follows")
	}
	l.texts(1, "the chapter", c.Title, c.Why)
	for name, gen := range top.Secrets {
		s := SecretSpec{Name: name, Generator: gen}
		if !s.known() {
			l.fail(1, "secrets: %s: there is no generator %q", name, gen)
		}
		c.Secrets = append(c.Secrets, s)
	}
	slices.SortFunc(c.Secrets, func(a, b SecretSpec) int { return strings.Compare(a.Name, b.Name) })
	if len(top.Steps) == 0 {
		l.fail(1, "steps: wants at least one")
	}
	for _, n := range top.Steps {
		c.Steps = append(c.Steps, l.step(n.Node))
	}
	return c
}

func (l *loader) texts(at int, what string, title, why Text) {
	for name, t := range map[string]Text{"title": title, "why": why} {
		if t.EN == "" || t.JA == "" {
			l.fail(at, "%s: %s wants both en and ja", what, name)
		}
	}
}

func (l *loader) step(n ast.Node) Step {
	s := Step{Line: line(n)}
	m, ok := n.(*ast.MappingNode)
	if !ok {
		l.fail(s.Line, "a step is a mapping")
		return s
	}
	if len(m.Values) > 0 {
		s.Line = line(m.Values[0].Key)
	}
	for _, kv := range m.Values {
		key := kv.Key.GetToken().Value
		switch key {
		case "id":
			l.decode(kv.Value, &s.ID)
		case "role":
			s.Roles = l.list(kv.Value)
		case "bake":
			l.bake(kv.Value, &s.Bake)
		case "needs":
			l.decode(kv.Value, &s.Needs)
		case "notify":
			l.decode(kv.Value, &s.Notify)
		case "timeout":
			s.Timeout = l.duration(kv.Value)
		case "title":
			l.decode(kv.Value, &s.Title)
		case "why":
			l.decode(kv.Value, &s.Why)
		default:
			l.kind(&s, key, kv)
		}
	}
	l.complete(&s)
	return s
}

func (l *loader) bake(n ast.Node, to *Bake) {
	var text string
	if l.decode(n, &text) {
		*to = Bake(text)
	}
	if text != string(Baked) && text != string(OnlyBaked) {
		l.fail(line(n), "bake: wants true or only, not %q", text)
	}
}

// list takes one word or a list of words.
func (l *loader) list(n ast.Node) []string {
	var out []string
	if _, ok := n.(*ast.SequenceNode); ok {
		l.decode(n, &out)
		return out
	}
	var one string
	l.decode(n, &one)
	return []string{one}
}

func (l *loader) duration(n ast.Node) time.Duration {
	var text string
	if !l.decode(n, &text) {
		return 0
	}
	d, err := time.ParseDuration(text)
	if err != nil || d < time.Second {
		l.fail(line(n), "timeout: %q is no duration of a second or more, such as 10m", text)
	}
	return d
}

// kind decodes the part of a step that says what it does.
func (l *loader) kind(s *Step, name string, kv *ast.MappingValueNode) {
	at := line(kv.Key)
	var v interface{ Validate() error }
	if name == "api" {
		v = &kind.API{}
	} else if k, ok := kind.New(name); ok {
		v = k
	} else {
		l.fail(at, "unknown key %q; the kinds are api and %s", name, strings.Join(kind.Names(), ", "))
		return
	}
	if s.Kind != "" {
		l.fail(at, "a step does one thing: %s and %s", s.Kind, name)
		return
	}
	s.Kind = name
	if !l.decode(kv.Value, v) {
		return
	}
	if err := v.Validate(); err != nil {
		l.fail(at, "%s: %s", name, err)
		return
	}
	spec, err := json.Marshal(v)
	if err != nil {
		l.fail(at, "%s: %s", name, err)
		return
	}
	s.Spec = spec
	ast.Walk(exprCheck{l}, kv.Value)
}

// exprCheck looks at every string of a specification for unknown ${…}.
type exprCheck struct{ l *loader }

func (c exprCheck) Visit(n ast.Node) ast.Visitor {
	str, ok := n.(*ast.StringNode)
	if !ok {
		return c
	}
	for _, e := range exprsIn(str.Value) {
		if !knownExpr(e) {
			c.l.fail(line(n), "unknown ${%s}", e)
		}
	}
	return c
}

func (l *loader) complete(s *Step) {
	what := "step " + s.ID
	if !idRule.MatchString(s.ID) {
		l.fail(s.Line, "id: %q is no step's name", s.ID)
	}
	if s.Kind == "" {
		l.fail(s.Line, "%s: does nothing; the kinds are api and %s", what, strings.Join(kind.Names(), ", "))
	}
	l.texts(s.Line, what, s.Title, s.Why)
	for _, r := range s.Roles {
		if !slices.Contains([]string{"controller", "compute", "network", "all", rackRole}, r) {
			l.fail(s.Line, "%s: there is no role %q", what, r)
		}
	}
	switch {
	case len(s.Roles) == 0:
		l.fail(s.Line, "%s: wants a role", what)
	case s.OnRack() != (s.Kind == "api") && s.Kind != "":
		l.fail(s.Line, "%s: api steps have the role rack, and no others do", what)
	case s.OnRack() && (len(s.Roles) > 1 || s.Bake != NotBaked || len(s.Notify) > 0):
		l.fail(s.Line, "%s: an api step has the role rack alone, and neither bake nor notify", what)
	case s.Bake != NotBaked && s.Kind == "wait":
		l.fail(s.Line, "%s: nothing runs in an image that could be waited for", what)
	case s.Bake == OnlyBaked && (len(s.Needs) > 0 || len(s.Notify) > 0):
		l.fail(s.Line, "%s: a step that is only baked has no needs and no notify", what)
	}
}
