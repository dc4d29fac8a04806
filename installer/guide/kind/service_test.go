package kind

import (
	"context"
	"slices"
	"strings"
	"testing"
	"time"
)

func show(states ...string) Result {
	var b strings.Builder
	for _, s := range states {
		active, job, _ := strings.Cut(s, "/")
		b.WriteString("Result=success\nLoadState=loaded\nSubState=x\nActiveState=" + active + "\n")
		if job != "" {
			b.WriteString("Job=" + job + "\n")
		}
		b.WriteString("\n")
	}
	return Result{Stdout: b.String()}
}

func TestServiceStarts(t *testing.T) {
	tests := map[string]struct {
		block   bool
		before  []Result
		enabled []Result
		changed bool
	}{
		"nothing to do":           {true, []Result{show("active", "active")}, []Result{{Stdout: "enabled\nenabled\n"}}, false},
		"starts and waits":        {true, []Result{show("inactive", "active"), show("activating", "active"), show("active", "active")}, []Result{{Stdout: "disabled\nenabled\n", Code: 1}, {Stdout: "enabled\nenabled\n"}}, true},
		"is on its way":           {false, []Result{show("activating", "reloading")}, []Result{{Stdout: "enabled\nenabled\n"}}, false},
		"waits for another unit":  {false, []Result{show("inactive/7", "active")}, []Result{{Stdout: "enabled\nenabled\n"}}, false},
		"static units are enough": {true, []Result{show("active", "active")}, []Result{{Stdout: "static\nalias\n"}}, false},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			h := newHost(t)
			h.answers = map[string][]Result{" show ": tc.before, " is-enabled ": tc.enabled, " start ": {{}}, " enable ": {{}}}
			yes := true
			effect, err := Do(t.Context(), h, &Service{Names: []string{"a", "b"}, Enabled: &yes, State: "started", Block: &tc.block})
			if err != nil || effect.Changed != tc.changed || effect.Changed != (effect.Diff != "") {
				t.Fatalf("%+v, %v", effect, err)
			}
			if tc.changed && len(h.ran("start --no-block a b")) != 1 {
				t.Errorf("ran %v", h.calls)
			}
			for _, c := range h.calls {
				if !slices.Contains(c.Env, "SYSTEMCTL_SKIP_SYSV=1") {
					t.Errorf("%v would call the SysV helpers", c.Args)
				}
			}
		})
	}
}

func TestServiceGivesUp(t *testing.T) {
	for name, state := range map[string]string{"failed": "failed", "ended": "inactive"} {
		t.Run(name, func(t *testing.T) {
			h := newHost(t)
			h.answers = map[string][]Result{" show ": {show(state)}, " start ": {{}}}
			_, err := Do(t.Context(), h, &Service{Names: []string{"a"}, State: "started"})
			if err == nil || !strings.Contains(err.Error(), "a is "+state) || !strings.Contains(err.Error(), "journalctl -u a") {
				t.Errorf("error %v", err)
			}
		})
	}
}

func TestServiceHonoursContext(t *testing.T) {
	h := newHost(t)
	h.answers = map[string][]Result{" show ": {show("activating")}, " start ": {{}}}
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	_, err := Do(ctx, h, &Service{Names: []string{"a"}, State: "started"})
	if err == nil || !strings.Contains(err.Error(), "a is activating") {
		t.Errorf("error %v", err)
	}
}

func TestServiceInAnImage(t *testing.T) {
	yes, no := true, false
	tests := map[string]struct {
		k       *Service
		enabled []Result
		want    string
	}{
		"mask":           {&Service{Names: []string{"a.timer"}, Masked: &yes}, []Result{{Stdout: "enabled\n"}, {Stdout: "masked\n"}}, "mask --no-reload a.timer"},
		"disable":        {&Service{Names: []string{"a", "b"}, Enabled: &no}, []Result{{Stdout: "enabled\nnot-found\n"}, {Stdout: "enabled\nnot-found\n"}, {Stdout: "disabled\nnot-found\n"}}, "disable --no-reload a"},
		"not start":      {&Service{Names: []string{"a"}, Enabled: &yes, State: "started"}, []Result{{Stdout: "disabled\n"}, {Stdout: "enabled\n"}}, "enable --no-reload a"},
		"already masked": {&Service{Names: []string{"a"}, Masked: &yes}, []Result{{Stdout: "masked\n"}}, ""},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			h := newHost(t)
			h.booted = false
			h.answers = map[string][]Result{" is-enabled ": tc.enabled, "able --no-reload": {{}}, " mask ": {{}}}
			effect, err := Do(t.Context(), h, tc.k)
			if err != nil {
				t.Fatal(err)
			}
			if effect.Changed != (tc.want != "") {
				t.Errorf("%+v", effect)
			}
			if tc.want != "" && len(h.ran(tc.want)) != 1 {
				t.Errorf("ran %v, not %q", h.calls, tc.want)
			}
			if len(h.ran("start"))+len(h.ran("daemon-reload")) > 0 {
				t.Error("there is no systemd in an image")
			}
		})
	}
}
