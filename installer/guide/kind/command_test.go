package kind

import (
	"strings"
	"testing"
)

func TestCommandUnless(t *testing.T) {
	h := newHost(t)
	h.answers = map[string][]Result{"/bin/test": {{Code: 1}, {Code: 0}}, "/bin/make": {{}}}
	twice(t, h, &Command{Run: []string{"/bin/make"}, As: "svc", Env: map[string]string{"A": "b"}, Stdin: "in", Unless: []string{"/bin/test"}})
	c := h.calls[1]
	if c.User != "svc" || c.Stdin != "in" || len(c.Env) != 1 || c.Env[0] != "A=b" {
		t.Errorf("ran as %+v", c)
	}
	if len(h.long) != 1 {
		t.Errorf("main command not by RunLong: %v", h.long)
	}
}

func TestCommandCreates(t *testing.T) {
	h := newHost(t)
	h.put("/done", "")
	if effect, err := Do(t.Context(), h, &Command{Run: []string{"/bin/make"}, Creates: "/done"}); effect.Changed || err != nil {
		t.Errorf("%+v, %v", effect, err)
	}
}

func TestCommandLies(t *testing.T) {
	h := newHost(t)
	h.answers["/bin/make"] = []Result{{}}
	_, err := Do(t.Context(), h, &Command{Run: []string{"/bin/make"}, Creates: "/never"})
	if err == nil || !strings.Contains(err.Error(), "/never does not exist") {
		t.Errorf("error %v", err)
	}
}

func TestCommandFails(t *testing.T) {
	h := newHost(t)
	h.answers["/bin/make"] = []Result{{Code: 3, Stderr: "one\ntwo\n"}}
	_, err := Do(t.Context(), h, &Command{Run: []string{"/bin/make"}, Stdin: "hidden", Creates: "/never"})
	if err == nil || !strings.Contains(err.Error(), "exit status 3: one\ntwo") || strings.Contains(err.Error(), "hidden") {
		t.Errorf("error %v", err)
	}
}
