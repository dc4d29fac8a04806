package guide

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// Values answers what a ${…} stands for. Secret values are reported so that
// they can be masked wherever they show up.
type Values interface {
	Lookup(expr string) (value string, secret bool, err error)
}

// expand replaces every ${…} of a text; $${ stands for ${ itself.
func expand(text string, f func(expr string) (string, error)) (string, error) {
	var b strings.Builder
	for {
		i := strings.Index(text, "${")
		if i < 0 {
			b.WriteString(text)
			return b.String(), nil
		}
		if i > 0 && text[i-1] == '$' {
			b.WriteString(text[:i-1] + "${")
			text = text[i+2:]
			continue
		}
		end := strings.IndexByte(text[i:], '}')
		if end < 0 {
			return "", fmt.Errorf("%q has no closing }", text[i:])
		}
		v, err := f(text[i+2 : i+end])
		if err != nil {
			return "", err
		}
		b.WriteString(text[:i] + v)
		text = text[i+end+1:]
	}
}

// exprsIn lists the ${…} of one text; an unclosed one as it stands.
func exprsIn(text string) []string {
	var out []string
	_, err := expand(text, func(e string) (string, error) {
		out = append(out, e)
		return "", nil
	})
	if err != nil {
		out = append(out, err.Error())
	}
	return out
}

// walk calls f for every string value of a decoded JSON document and puts its
// answer in the place. Keys stay as they are.
func walk(v any, f func(string) (string, error)) (any, error) {
	var err error
	switch t := v.(type) {
	case string:
		return f(t)
	case []any:
		for i := range t {
			if t[i], err = walk(t[i], f); err != nil {
				return nil, err
			}
		}
	case map[string]any:
		for k := range t {
			if t[k], err = walk(t[k], f); err != nil {
				return nil, err
			}
		}
	}
	return v, nil
}

func decodeSpec(spec json.RawMessage) (any, error) {
	d := json.NewDecoder(bytes.NewReader(spec))
	d.UseNumber()
	var v any
	if err := d.Decode(&v); err != nil {
		return nil, fmt.Errorf("decode specification: %w", err)
	}
	return v, nil
}

// Exprs lists every expression of a specification once, sorted. A specification
// that is no JSON has none.
func Exprs(spec json.RawMessage) []string {
	v, err := decodeSpec(spec)
	if err != nil {
		return nil
	}
	var out []string
	_, _ = walk(v, func(s string) (string, error) { // the callback does not fail
		out = append(out, exprsIn(s)...)
		return s, nil
	})
	slices.Sort(out)
	return slices.Compact(out)
}

// Resolve replaces every ${…} inside the strings of a specification; what is put
// in is escaped as JSON wants it. Mask lists the secret values that went in, the
// longest first, so that masking one never uncovers a part of another.
func Resolve(spec json.RawMessage, v Values) (out json.RawMessage, mask []string, err error) {
	if len(spec) == 0 {
		return spec, []string{}, nil
	}
	doc, err := decodeSpec(spec)
	if err != nil {
		return nil, nil, err
	}
	mask = []string{}
	var errs []error
	doc, err = walk(doc, func(s string) (string, error) {
		return expand(s, func(e string) (string, error) {
			value, secret, err := v.Lookup(e)
			if err != nil {
				errs = append(errs, fmt.Errorf("${%s}: %w", e, err))
			}
			if secret && value != "" && !slices.Contains(mask, value) {
				mask = append(mask, value)
			}
			return value, nil
		})
	})
	if err = errors.Join(append(errs, err)...); err != nil {
		return nil, nil, err
	}
	slices.SortFunc(mask, func(a, b string) int { return len(b) - len(a) })
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(doc); err != nil {
		return nil, nil, err
	}
	return bytes.TrimSpace(b.Bytes()), mask, nil
}
