package kind

import (
	"encoding/json"
	"strings"
	"testing"
)

func TestParse(t *testing.T) {
	tests := map[string]struct{ kind, spec, want string }{
		"good package":         {"package", `{"names":["a"]}`, ""},
		"no kind":              {"shell", `{}`, `no step kind "shell"`},
		"unknown field":        {"package", `{"name":["a"]}`, `unknown field "name"`},
		"empty package":        {"package", `{"names":[]}`, "at least one package"},
		"bad debconf":          {"package", `{"names":["a"],"debconf":["a b"]}`, "debconf"},
		"relative ini":         {"ini", `{"path":"a","set":{"a":{"b":"c"}}}`, "absolute"},
		"ini mode":             {"ini", `{"path":"/a","mode":"640","set":{"a":{"b":"c"}}}`, "four octal digits"},
		"ini two lines":        {"ini", `{"path":"/a","set":{"a":{"b":"c\nd"}}}`, "one line each"},
		"ini nothing":          {"ini", `{"path":"/a","set":{}}`, "at least one section"},
		"file both":            {"file", `{"path":"/a","content":"x","link":"/b"}`, "at most one"},
		"absent with mode":     {"file", `{"path":"/a","absent":true,"mode":"0600"}`, "no owner, group or mode"},
		"sql injection":        {"sql", "{\"databases\":[\"a`; drop\"],\"user\":\"a\",\"password\":\"p\"}", "lower-case letters"},
		"sql without password": {"sql", `{"databases":["a"],"user":"a","password":""}`, "password"},
		"sql host":             {"sql", `{"databases":["a"],"user":"a","password":"p","hosts":["'"]}`, "no host"},
		"command never done":   {"command", `{"run":["/bin/true"]}`, "exactly one of creates and unless"},
		"command done twice":   {"command", `{"run":["/bin/true"],"creates":"/a","unless":["/bin/b"]}`, "exactly one"},
		"command by name":      {"command", `{"run":["true"],"creates":"/a"}`, "absolute"},
		"service nothing":      {"service", `{"names":["a"]}`, "one of enabled, masked and state"},
		"service state":        {"service", `{"names":["a"],"state":"running"}`, "wants started"},
		"service contradicts":  {"service", `{"names":["a"],"masked":true,"state":"started"}`, "masked"},
		"wait for nothing":     {"wait", `{}`, "exactly one"},
		"wait for two":         {"wait", `{"tcp":"a:1","unit":"b"}`, "exactly one"},
		"wait interval":        {"wait", `{"tcp":"a:1","interval":"0s"}`, "interval"},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			_, err := Parse(tc.kind, json.RawMessage(tc.spec))
			switch {
			case tc.want == "" && err != nil:
				t.Fatal(err)
			case tc.want != "" && (err == nil || !strings.Contains(err.Error(), tc.want)):
				t.Fatalf("error %v does not say %q", err, tc.want)
			}
		})
	}
}

func TestNamesHaveKinds(t *testing.T) {
	if len(Names()) != 7 {
		t.Errorf("kinds are %v", Names())
	}
	for _, n := range Names() {
		if k, ok := New(n); !ok || k.Validate() == nil {
			t.Errorf("%s: an empty specification must not be valid", n)
		}
	}
}
