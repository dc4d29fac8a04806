package host

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"sandai/installer/agent"
	"sandai/installer/guide/kind"
	"sandai/inventory"
)

// TestMain lets this test's program stand for the agent in its units.
func TestMain(m *testing.M) {
	if len(os.Args) == 3 && os.Args[1] == "exec" {
		fmt.Fprintln(os.Stderr, Exec(os.Args[2]))
		os.Exit(1)
	}
	os.Exit(m.Run())
}

// children are Units that are plain children of the test.
type children struct {
	mu      sync.Mutex
	units   map[string]*exec.Cmd
	ended   map[string]bool
	started int
	stopped []string
	argv    [][]string
}

func newChildren() *children {
	return &children{units: map[string]*exec.Cmd{}, ended: map[string]bool{}}
}

func (c *children) Open(context.Context) (Manager, error) { return c, nil }

func (c *children) Close() {}

func (c *children) Start(_ context.Context, unit, _ string, command []string) (<-chan string, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.units[unit] != nil {
		return nil, errUnitExists
	}
	cmd := exec.Command(command[0], command[1:]...)
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	end := make(chan string, 1)
	c.units[unit], c.argv = cmd, append(c.argv, command)
	c.started++
	go func() {
		_ = cmd.Wait()
		c.mu.Lock()
		defer c.mu.Unlock()
		c.ended[unit] = true
		end <- "done"
	}()
	return end, nil
}

func (c *children) State(_ context.Context, unit string) (UnitState, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	cmd, ok := c.units[unit]
	st := UnitState{Exists: ok, Ended: c.ended[unit]}
	if st.Ended {
		st.Code = cmd.ProcessState.ExitCode()
	}
	return st, nil
}

func (c *children) Stop(_ context.Context, unit string) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if cmd := c.units[unit]; cmd != nil && !c.ended[unit] {
		_ = cmd.Process.Kill()
	}
	delete(c.units, unit)
	c.stopped = append(c.stopped, unit)
	return nil
}

func newNode(t *testing.T) (*Node, *children) {
	c := newChildren()
	return &Node{Self: os.Args[0], Dir: filepath.Join(t.TempDir(), "steps"), Units: c}, c
}

func command(t *testing.T, run, creates string) inventory.Task {
	t.Helper()
	spec, err := json.Marshal(kind.Command{Run: []string{"/bin/sh", "-c", run}, Creates: creates, Stdin: "from the step\n", Env: map[string]string{"SECRET": "pa$s 'word"}})
	if err != nil {
		t.Fatal(err)
	}
	return inventory.Task{Run: 4, Key: "n1/ch apter/id", Attempt: 2, Kind: "command", Spec: spec, Timeout: 60}
}

func silent(agent.Progress) {}

func TestNodeRunsMainCommandsAsUnits(t *testing.T) {
	n, units := newNode(t)
	made := filepath.Join(t.TempDir(), "made")
	out := n.Work(t.Context(), command(t, "cat; echo $SECRET >&2; echo '$5 %n'; touch "+made, made), silent)
	if out.Err != nil || !out.Changed {
		t.Fatalf("%+v", out)
	}
	if out.Stdout != "from the step\n$5 %n\n" || out.Stderr != "pa$s 'word\n" || !strings.HasPrefix(out.Command, "/bin/sh -c 'cat;") {
		t.Errorf("output %q %q of %q", out.Stdout, out.Stderr, out.Command)
	}
	for _, a := range units.argv {
		if strings.Contains(strings.Join(a, " "), "pa$s") || len(a) != 3 {
			t.Errorf("the unit's command line is %q", a)
		}
	}
	if len(units.stopped) != 1 || !strings.HasPrefix(units.stopped[0], "sandai-4-2-n1-ch-apter-id-") {
		t.Errorf("stopped %q", units.stopped)
	}
	if left, err := os.ReadDir(n.Dir); err != nil || len(left) > 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
	if out := n.Work(t.Context(), command(t, "exit 1", made), silent); out.Err != nil || out.Changed {
		t.Errorf("what is done was done again: %+v", out)
	}
	out = n.Work(t.Context(), command(t, "echo because >&2; exit 7", made+"2"), silent)
	if out.Err == nil || !strings.Contains(out.Err.Error(), "exit status 7: because") {
		t.Errorf("failing command: %v", out.Err)
	}
}

// TestRestartedAgentFindsItsUnit stops waiting in the middle and comes back with
// a new Node, as a restarted agent does.
func TestRestartedAgentFindsItsUnit(t *testing.T) {
	n, units := newNode(t)
	dir := t.TempDir()
	made, gate := filepath.Join(dir, "made"), filepath.Join(dir, "gate")
	tk := command(t, fmt.Sprintf("echo begun; until test -e %s; do sleep 0.05; done; echo ended; touch %s", gate, made), made)
	ctx, restart := context.WithCancel(t.Context())
	said := make(chan struct{})
	var once sync.Once
	go func() {
		<-said
		restart()
	}()
	out := n.Work(ctx, tk, func(p agent.Progress) {
		if p.Stdout == "begun\n" {
			once.Do(func() { close(said) })
		}
	})
	if !errors.Is(out.Err, context.Canceled) || len(units.stopped) > 0 {
		t.Fatalf("%v; stopped %q", out.Err, units.stopped)
	}
	if err := os.WriteFile(gate, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	again := &Node{Self: n.Self, Dir: n.Dir, Units: units}
	out = again.Work(t.Context(), tk, silent)
	if out.Err != nil || units.started != 1 {
		t.Errorf("%v; %d units were started", out.Err, units.started)
	}
	// Check sees the file when the unit was quicker than the new agent; else its
	// whole output is found.
	if out.Changed && out.Stdout != "begun\nended\n" {
		t.Errorf("output %q", out.Stdout)
	}
}

func TestSameCommandTwiceIsTwoUnits(t *testing.T) {
	h := &nodeHost{task: inventory.Task{Run: 1, Attempt: 1, Key: "k"}, calls: map[string]int{}}
	c := kind.Cmd{Args: []string{"true"}}
	one, two, other := h.unitName(c), h.unitName(c), h.unitName(kind.Cmd{Args: []string{"true"}, Stdin: "x"})
	if one == two || other == one || len(h.unitName(kind.Cmd{})) > 255 {
		t.Errorf("%s %s %s", one, two, other)
	}
	h = &nodeHost{task: h.task, calls: map[string]int{}}
	if again := h.unitName(c); again != one {
		t.Errorf("a restarted agent looks for %s, not %s", again, one)
	}
}

func TestExecute(t *testing.T) {
	for name, tt := range map[string]struct {
		cmd  kind.Cmd
		want kind.Result
	}{
		"code":      {kind.Cmd{Args: []string{"sh", "-c", "echo o; echo e >&2; exit 3"}}, kind.Result{Stdout: "o\n", Stderr: "e\n", Code: 3}},
		"stdin":     {kind.Cmd{Args: []string{"cat"}, Stdin: "text"}, kind.Result{Stdout: "text"}},
		"env":       {kind.Cmd{Args: []string{"sh", "-c", "echo $A $HOME $USER $LC_ALL"}, Env: []string{"A=b"}}, kind.Result{Stdout: "b /root root C.UTF-8\n"}},
		"signal":    {kind.Cmd{Args: []string{"sh", "-c", "kill -TERM $$"}}, kind.Result{Code: 143}},
		"user":      {kind.Cmd{Args: []string{"sh", "-c", "id -un; id -gn; echo $HOME"}, User: "games"}, kind.Result{Stdout: "games\ngames\n/usr/games\n"}},
		"no stdout": {kind.Cmd{Args: []string{"true"}}, kind.Result{}},
	} {
		t.Run(name, func(t *testing.T) {
			if tt.cmd.User != "" && os.Getuid() != 0 {
				t.Skip("only root becomes another user")
			}
			got, err := execute(t.Context(), tt.cmd)
			if diff := cmp.Diff(tt.want, got); diff != "" || err != nil {
				t.Errorf("%v %s", err, diff)
			}
		})
	}
	for name, c := range map[string]kind.Cmd{"no program": {Args: []string{"no-such-program"}}, "no path": {Args: []string{"/no/such"}}, "no user": {Args: []string{"true"}, User: "no-such-user"}, "nothing": {}} {
		if _, err := execute(t.Context(), c); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

func TestExecuteEndsTheWholeGroup(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	began := time.Now()
	// The grandchild holds the output open.
	_, err := execute(ctx, kind.Cmd{Args: []string{"sh", "-c", "sleep 60 & sleep 60"}})
	if !errors.Is(err, context.DeadlineExceeded) || time.Since(began) > 4*time.Second {
		t.Errorf("%v after %s", err, time.Since(began))
	}
}

func TestTailBuffer(t *testing.T) {
	var b tailBuffer
	for range 5 {
		_, _ = b.Write([]byte(strings.Repeat("x", most)))
	}
	_, _ = b.Write([]byte("end"))
	if s := b.String(); len(s) > 2*most+3 || !strings.HasSuffix(s, "xend") {
		t.Errorf("%d bytes kept", len(s))
	}
}

func TestEndState(t *testing.T) {
	for name, tt := range map[string]struct {
		how, status int32
		result      string
		want        UnitState
	}{
		"well":      {1, 0, "success", UnitState{Exists: true, Ended: true}},
		"exit 3":    {1, 3, "exit-code", UnitState{Exists: true, Ended: true, Code: 3}},
		"killed":    {2, 9, "signal", UnitState{Exists: true, Ended: true, Code: 137}},
		"dumped":    {3, 11, "core-dump", UnitState{Exists: true, Ended: true, Code: 139}},
		"resources": {0, 0, "resources", UnitState{Exists: true, Ended: true, Code: -1, Broken: "resources"}},
	} {
		if diff := cmp.Diff(tt.want, endState(tt.how, tt.status, tt.result)); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
}
