package rackfile

import (
	"errors"
	"fmt"
	"math"
	"reflect"
	"strconv"
	"strings"

	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/lexer"
	"github.com/goccy/go-yaml/parser"
	"github.com/goccy/go-yaml/token"
)

// reader walks a YAML tree into a file and notes where each field stands. The
// library's own decoder stops at the first mistake; a person wants them all.
type reader struct {
	name   string
	lines  map[string]int // field → line
	broken []string       // fields of a wrong kind
	// unfinished: the rack is being put together, roles may still be missing.
	unfinished bool
	found      Problems
}

// add notes a mistake at a field, or at the nearest field around it that is in
// the file.
func (r *reader) add(field, format string, a ...any) {
	at := field
	for at != "" && r.lines[at] == 0 {
		if i := strings.LastIndexAny(at, ".["); i >= 0 {
			at = at[:i]
		} else {
			at = ""
		}
	}
	r.found = append(r.found, Problem{File: r.name, Line: max(r.lines[at], 1), Field: field, Text: fmt.Sprintf(format, a...)})
}

func (r *reader) read(data []byte, into *file) {
	tokens := lexer.Tokenize(string(data))
	if what, line := limits(tokens); what != "" {
		r.lines[""] = line
		r.add("", "has %s, expected the description of a rack: see docs/rack.example.yaml", what)
		return
	}
	tree, err := parser.Parse(tokens, 0, parser.AllowDuplicateMapKey())
	var ye interface { // of the library's internal package
		error
		GetToken() *token.Token
		GetMessage() string
	}
	if errors.As(err, &ye) && ye.GetToken() != nil {
		r.lines[""] = ye.GetToken().Position.Line
		r.add("", "is not YAML: %s", ye.GetMessage())
		return
	}
	if err != nil {
		r.add("", "is not YAML: %v", err)
		return
	}
	var docs []ast.Node
	for _, d := range tree.Docs {
		if d.Body != nil && d.Body.Type() != ast.CommentType {
			docs = append(docs, d.Body)
		}
	}
	switch len(docs) {
	case 0:
		r.add("", "is empty, expected the description of a rack: see docs/rack.example.yaml")
	case 1:
		r.decode(docs[0], reflect.ValueOf(into).Elem(), "")
	default:
		r.lines[""] = line(docs[1])
		r.add("", "has a second document, expected one rack per file")
	}
}

func line(n ast.Node) int {
	if t := n.GetToken(); t != nil && t.Position != nil {
		return t.Position.Line
	}
	return 0
}

func (r *reader) decode(n ast.Node, v reflect.Value, field string) {
	if r.lines[field] == 0 {
		r.lines[field] = line(n)
	}
	if n.Type() == ast.NullType {
		return // as if it were not there
	}
	switch v.Kind() {
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		r.decode(n, v.Elem(), field)
	case reflect.Struct:
		if m, ok := n.(ast.MapNode); ok && (n.Type() == ast.MappingType || n.Type() == ast.MappingValueType) {
			r.fields(m, v, field)
			return
		}
		r.wrongKind(n, field)
	case reflect.Slice:
		seq, ok := n.(*ast.SequenceNode)
		if !ok {
			r.wrongKind(n, field)
			return
		}
		if len(seq.Values) > maxItems {
			r.broken = append(r.broken, field)
			r.add(field, "has %d entries, expected at most %d", len(seq.Values), maxItems)
			return
		}
		v.Set(reflect.MakeSlice(v.Type(), len(seq.Values), len(seq.Values)))
		for i, item := range seq.Values {
			r.decode(item, v.Index(i), fmt.Sprintf("%s[%d]", field, i))
		}
	default:
		if !scalar(n, v) {
			r.wrongKind(n, field)
		}
	}
}

func (r *reader) fields(m ast.MapNode, v reflect.Value, field string) {
	byName, names := map[string]int{}, []string{}
	for i := range v.NumField() {
		name, _, _ := strings.Cut(v.Type().Field(i).Tag.Get("yaml"), ",")
		byName[name] = i
		names = append(names, name)
	}
	seen := map[string]int{}
	for it := m.MapRange(); it.Next(); {
		key := it.Key().GetToken().Value
		path := key
		if field != "" {
			path = field + "." + key
		}
		i, ok := byName[key]
		switch {
		case it.Key().Type() == ast.MergeKeyType:
			r.lines[path] = line(it.Key())
			r.add(path, "is a YAML merge, expected the fields written out")
		case !ok:
			r.lines[path] = line(it.Key())
			r.add(path, "is not a field here, expected one of %s", strings.Join(names, ", "))
		case seen[key] != 0:
			r.found = append(r.found, Problem{File: r.name, Line: line(it.Key()), Field: path,
				Text: fmt.Sprintf("is given a second time, expected once: it is on line %d already", seen[key])})
		default:
			seen[key] = line(it.Key())
			r.lines[path] = line(it.Key())
			r.decode(it.Value(), v.Field(i), path)
		}
	}
}

// scalar sets v from a single value, as it is written: a release 2025.10 stays
// that text, quoted or not.
func scalar(n ast.Node, v reflect.Value) bool {
	switch v.Kind() {
	case reflect.String:
		switch s := n.(type) {
		case *ast.StringNode:
			v.SetString(s.Value)
		case *ast.LiteralNode:
			v.SetString(strings.TrimSpace(s.Value.Value))
		case *ast.IntegerNode, *ast.FloatNode, *ast.BoolNode:
			v.SetString(n.GetToken().Value)
		default:
			return false
		}
	case reflect.Bool:
		b, ok := n.(*ast.BoolNode)
		if ok {
			v.SetBool(b.Value)
		}
		return ok
	case reflect.Int:
		i, ok := n.(*ast.IntegerNode)
		if !ok {
			return false
		}
		u, err := strconv.ParseUint(i.GetToken().Value, 10, 31)
		if err != nil {
			u = math.MaxInt32 // out of range, which the field's rule tells
		}
		v.SetInt(int64(u))
	default:
		return false
	}
	return true
}

func (r *reader) wrongKind(n ast.Node, field string) {
	kind := map[ast.NodeType]string{
		ast.MappingType: "is a mapping", ast.MappingValueType: "is a mapping", ast.SequenceType: "is a list",
		ast.AnchorType: "has a YAML anchor", ast.AliasType: "is a YAML alias", ast.TagType: "has a YAML tag",
		ast.IntegerType: "is a number", ast.FloatType: "is a number", ast.BoolType: "is true or false", ast.StringType: "is text", ast.LiteralType: "is text",
	}[n.Type()]
	if kind == "" {
		kind = "is " + strings.ToLower(n.Type().YAMLName())
	}
	what := expectation(field)
	if field == "" {
		what = ", expected the fields of a rack: see docs/rack.example.yaml"
	}
	switch n.Type() {
	case ast.AnchorType, ast.AliasType, ast.TagType:
		what += ", written out"
	}
	r.broken = append(r.broken, field)
	r.found = append(r.found, Problem{File: r.name, Line: line(n), Field: field, Text: kind + what})
}
