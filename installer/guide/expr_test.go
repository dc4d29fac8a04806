package guide

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

type fixed map[string]string

func (f fixed) Lookup(e string) (string, bool, error) {
	v, ok := f[e]
	if !ok {
		return "", false, errors.New("unknown expression")
	}
	return v, strings.HasPrefix(e, "secret:"), nil
}

func TestResolve(t *testing.T) {
	v := fixed{"a": "A", "quote": `"}` + "\n\\", "secret:s": "pass", "secret:long": "password", "empty": "", "html": "<&>"}
	tests := map[string]struct {
		in, want string
		mask     []string
	}{
		"nothing":     {`{"x":1.50,"y":[true,null,"z"]}`, `{"x":1.50,"y":[true,null,"z"]}`, nil},
		"in a string": {`{"x":"<${a}${a}>"}`, `{"x":"<AA>"}`, nil},
		"escaped":     {`{"x":["${quote}"]}`, `{"x":["\"}\n\\"]}`, nil},
		"no html":     {`{"x":"${html}"}`, `{"x":"<&>"}`, nil},
		"secrets":     {`{"x":"${secret:s} ${secret:long}","y":"${secret:s}"}`, `{"x":"pass password","y":"pass"}`, []string{"password", "pass"}},
		"keys stay":   {`{"${a}":"${a}"}`, `{"${a}":"A"}`, nil},
		"literal":     {`{"x":"$${a} $a {a}"}`, `{"x":"${a} $a {a}"}`, nil},
		"empty value": {`{"x":"${empty}"}`, `{"x":""}`, nil},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			got, mask, err := Resolve(json.RawMessage(tc.in), v)
			if err != nil {
				t.Fatal(err)
			}
			if d := cmp.Diff(tc.want, string(got)); d != "" {
				t.Error(d)
			}
			if tc.mask == nil {
				tc.mask = []string{}
			}
			if d := cmp.Diff(tc.mask, mask); d != "" {
				t.Error(d)
			}
		})
	}
	for in, want := range map[string]string{`{"x":"${b} ${c}"}`: "${c}: unknown", `{"x":"${a"}`: "no closing", `{`: "decode"} {
		if _, _, err := Resolve(json.RawMessage(in), v); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: error %v does not say %q", in, err, want)
		}
	}
}

func TestExprs(t *testing.T) {
	got := Exprs(json.RawMessage(`{"x":"${b} ${a}","y":["${a}"],"${no}":1,"z":"$${no}"}`))
	if d := cmp.Diff([]string{"a", "b"}, got); d != "" {
		t.Error(d)
	}
}

// FuzzResolve: whatever goes into a string, JSON comes out.
func FuzzResolve(f *testing.F) {
	f.Add(`{"x":"a ${a} $${b}"}`, `"quoted"`)
	f.Add(`["${a}"]`, "\x00\u2028\xff")
	f.Fuzz(func(t *testing.T, spec, value string) {
		out, _, err := Resolve(json.RawMessage(spec), fixed{"a": value})
		if err == nil && len(out) > 0 && !json.Valid(out) {
			t.Errorf("%q with %q became %q", spec, value, out)
		}
	})
}
