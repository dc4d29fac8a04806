package e2e

import (
	"errors"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"

	"sandai/inventory"
)

// settings changes rack.yaml of the rack that is up: the dashboard goes. What a look
// shows is what an apply changes; afterwards a look finds nothing, and nobody serves
// the dashboard.
func (l *nodeLife) settings(t *testing.T) {
	if l.rackState().NoDashboard {
		t.Skip("an earlier run did it")
	}
	file := filepath.Join(t.TempDir(), "rack.yaml")
	if err := os.WriteFile(file, []byte(l.cli("rack", "export")+"dashboard: false\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	l.cli("rack", "import", file)
	shown := l.differs(t)
	for key, s := range shown {
		t.Logf("it would change %s (%s)\n%s", key, s.Title, s.Diff)
	}
	if shown["controller-1/dashboard-off/horizon.off"].Key == "" {
		t.Error("the look does not show that the dashboard would be stopped")
	}
	l.cli("rack", "apply")
	changed := changedBy(l.stepsOf(l.ran(t, inventory.RunApply)))
	for key := range shown {
		if _, ok := changed[key]; !ok {
			t.Errorf("%s was shown, and not changed", key)
		}
	}
	if again := l.differs(t); len(again) > 0 {
		t.Errorf("after the apply there still differ %v", slices.Sorted(maps.Keys(again)))
	}
	for _, n := range l.rackState().Nodes {
		if n.Role != inventory.Controller {
			continue
		}
		if c, err := l.rack.Dial(t.Context(), "tcp", n.Address+":80"); err == nil {
			c.Close()
			t.Errorf("%s still serves at %s", n.Name, c.RemoteAddr())
		}
	}
}

// differs is what a look at the rack finds not to be as its plan says.
func (l *nodeLife) differs(t *testing.T) steps {
	t.Helper()
	out, err := l.command("rack", "check").CombinedOutput()
	if exit := (*exec.ExitError)(nil); err != nil && (!errors.As(err, &exit) || exit.ExitCode() != 1) {
		t.Fatalf("rack check: %v\n%s", err, out)
	}
	return changedBy(l.stepsOf(l.ran(t, inventory.RunCheck)))
}

// changedBy are the steps that changed something.
func changedBy(all steps) steps {
	maps.DeleteFunc(all, func(_ string, s inventory.Step) bool { return !s.Changed })
	return all
}
