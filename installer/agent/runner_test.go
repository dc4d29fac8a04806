package agent_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"sandai/installer/agent"
	"sandai/installer/agent/agenttest"
	"sandai/inventory"
)

const limit = 20 * time.Second

// start runs an agent with a journal at path ("" is in memory) until the test or
// the returned function ends it.
func start(t *testing.T, a *agenttest.Appliance, path string, work agent.Work) (stop func()) {
	t.Helper()
	return startWith(t, a, path, work, nil)
}

func startWith(t *testing.T, a *agenttest.Appliance, path string, work agent.Work, calls agent.Calls) (stop func()) {
	t.Helper()
	id, _, err := agent.Enroll(t.Context(), quiet, a.URL, a.CA.Certificate(), "n1", a.Nonce)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := id.Certificate()
	if err != nil {
		t.Fatal(err)
	}
	c, err := agent.NewClient(agent.ClientConfig{URL: a.URL, CA: id.CA, Cert: cert})
	if err != nil {
		t.Fatal(err)
	}
	j := agent.NewJournal()
	if path != "" {
		if j, err = agent.OpenJournal(path); err != nil {
			t.Fatal(err)
		}
	}
	r := &agent.Runner{Appliance: c, Work: work, Calls: calls, Journal: j, Stage: inventory.StageInstalled, InstallNonce: "proof", BootID: "b", Log: quiet,
		RetryFirst: 5 * time.Millisecond, RetryMost: 50 * time.Millisecond, Every: 20 * time.Millisecond}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func() { _ = r.Run(ctx); close(ended) }()
	stop = func() { cancel(); <-ended; j.Close() }
	t.Cleanup(stop)
	return stop
}

var quiet = slog.New(slog.DiscardHandler)

func task(key string) inventory.Task {
	return inventory.Task{Run: 1, Key: key, Attempt: 1, Kind: "k", Spec: json.RawMessage(`{}`), Timeout: 60}
}

func TestEnrollSaysWhyAndTriesAgain(t *testing.T) {
	a := agenttest.New(t, "127.0.0.1:0")
	var tries atomic.Int32
	a.Fault = func(path string) (int, bool) {
		if tries.Add(1) < 2 {
			return http.StatusBadGateway, false
		}
		return 0, false
	}
	id, now, err := agent.Enroll(t.Context(), quiet, a.URL, a.CA.Certificate(), "n1", a.Nonce)
	if err != nil || tries.Load() != 2 || time.Since(now) > time.Minute {
		t.Fatalf("Enroll: %v after %d tries, the appliance's clock %s", err, tries.Load(), now)
	}
	if _, err := id.Certificate(); err != nil {
		t.Error(err)
	}
}

func TestEnrollRefusals(t *testing.T) {
	a := agenttest.New(t, "127.0.0.1:0")
	other := agenttest.New(t, "127.0.0.1:0")
	for name, tt := range map[string]struct {
		ca    []byte
		nonce string
	}{
		"wrong nonce": {a.CA.Certificate(), "guess"},
		"wrong CA":    {other.CA.Certificate(), a.Nonce},
	} {
		t.Run(name, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
			defer cancel()
			if _, _, err := agent.Enroll(ctx, quiet, a.URL, tt.ca, "n1", tt.nonce); err == nil {
				t.Error("the agent enrolled")
			}
		})
	}
	// An address that the certificate is not for must be refused too, whatever the clock.
	b := agenttest.New(t, "127.0.0.2:0", net.IPv4(10, 0, 0, 1))
	ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	if _, _, err := agent.Enroll(ctx, quiet, b.URL, b.CA.Certificate(), "n1", b.Nonce); err == nil {
		t.Error("the agent believed a certificate of another address")
	}
}

func TestRunner(t *testing.T) {
	a := agenttest.New(t, "127.0.0.1:0")
	start(t, a, "", func(ctx context.Context, t inventory.Task, say func(agent.Progress)) agent.Outcome {
		switch t.Key {
		case "bad":
			return agent.Outcome{Changed: true, Err: errors.New("the password hunter2 is wrong"), Stderr: "tried hunter2-longer, hunter2"}
		case "panics":
			panic("oh")
		case "endless":
			<-ctx.Done()
			return agent.Outcome{Err: fmt.Errorf("left with MustStop %t", agent.MustStop(ctx))}
		}
		return agent.Outcome{Changed: true, Stdout: strings.Repeat("x", 20<<10) + "end", Command: "do -p hunter2"}
	})
	with := func(key string, f func(*inventory.Task)) inventory.StepReport {
		tk := task(key)
		tk.Mask = []string{"hunter2", "", "hunter2-longer"}
		if f != nil {
			f(&tk)
		}
		return a.Do(t, tk, limit)
	}
	r := with("good", nil)
	if r.State != inventory.StepDone || !r.Changed || len(r.Stdout) != 16<<10 || !strings.HasSuffix(r.Stdout, "end") || r.Command != "do -p ***" || r.Ended.Before(r.Started) {
		t.Errorf("good: %s %t %d %q", r.State, r.Changed, len(r.Stdout), r.Command)
	}
	if r := with("bad", nil); r.State != inventory.StepFailed || r.Reason != "the password *** is wrong" || r.Stderr != "tried ***, ***" {
		t.Errorf("bad: %+v", r)
	}
	if r := with("panics", nil); r.State != inventory.StepFailed || !strings.Contains(r.Reason, "oh") {
		t.Errorf("panics: %+v", r)
	}
	if r := with("endless", func(t *inventory.Task) { t.Timeout = 1 }); r.State != inventory.StepFailed || r.Reason != "it did not end within 1s: left with MustStop true" {
		t.Errorf("endless: %+v", r)
	}
}

func TestTasksRunSideBySideAndSayProgress(t *testing.T) {
	a := agenttest.New(t, "127.0.0.1:0")
	met := make(chan string)
	start(t, a, "", func(ctx context.Context, t inventory.Task, say func(agent.Progress)) agent.Outcome {
		say(agent.Progress{Fraction: 0.5, Stdout: "half of s3cret"})
		select { // ends only if both are in work at once
		case met <- t.Key:
		case <-met:
		case <-ctx.Done():
		}
		return agent.Outcome{Stdout: "all"}
	})
	one, two := task("one"), task("two")
	one.Mask = []string{"s3cret"}
	a.Give(one)
	a.Until(t, "progress", limit, func(r []inventory.StepReport, _ []inventory.PollRequest) bool {
		return slices.ContainsFunc(r, func(r inventory.StepReport) bool {
			return r.State == inventory.StepRunning && r.Progress == 0.5 && r.Stdout == "half of ***"
		})
	})
	a.Until(t, "a poll that names what runs", limit, func(_ []inventory.StepReport, p []inventory.PollRequest) bool {
		last := p[len(p)-1]
		return slices.Equal(last.Running, []string{"one"}) && last.InstallNonce == "proof" && last.BootID == "b"
	})
	if r := a.Do(t, two, limit); r.State != inventory.StepDone {
		t.Errorf("two: %+v", r)
	}
	a.Until(t, "one", limit, func(r []inventory.StepReport, _ []inventory.PollRequest) bool {
		i := slices.IndexFunc(r, func(r inventory.StepReport) bool { return r.Key == "one" && r.State == inventory.StepDone })
		j := slices.IndexFunc(r, func(r inventory.StepReport) bool { return r.Key == "one" && r.State == inventory.StepRunning })
		return i >= 0 && j >= 0 && j < i
	})
}

func TestReportsSurviveAnAbsentAppliance(t *testing.T) {
	a := agenttest.New(t, "127.0.0.1:0")
	var ran, lost atomic.Int32
	release := make(chan struct{})
	start(t, a, "", func(context.Context, inventory.Task, func(agent.Progress)) agent.Outcome {
		ran.Add(1)
		<-release
		return agent.Outcome{Stdout: "result"}
	})
	a.Give(task("one"))
	a.Until(t, "the start", limit, func(r []inventory.StepReport, _ []inventory.PollRequest) bool { return len(r) > 0 })
	a.Stop()
	close(release) // the work goes on and ends while nobody listens
	a.Fault = func(path string) (int, bool) {
		// The first answers to reports get lost after they were taken.
		if path == "/agent/v1/report" && lost.Add(1) <= 2 {
			return http.StatusServiceUnavailable, true
		}
		return 0, false
	}
	a.Restart(t)
	a.Until(t, "the report, three times", limit, func(r []inventory.StepReport, _ []inventory.PollRequest) bool {
		n := 0
		for _, r := range r {
			if r.State == inventory.StepDone && r.Stdout == "result" {
				n++
			}
		}
		return n == 3
	})
	if ran.Load() != 1 {
		t.Errorf("the task ran %d times", ran.Load())
	}
}

func TestJournalAnswersAfterARestart(t *testing.T) {
	a := agenttest.New(t, "127.0.0.1:0")
	path := filepath.Join(t.TempDir(), "state", "journal.jsonl")
	var ran atomic.Int32
	work := func(context.Context, inventory.Task, func(agent.Progress)) agent.Outcome {
		ran.Add(1)
		return agent.Outcome{Changed: true, Stdout: "once"}
	}
	stop := start(t, a, path, work)
	first := a.Do(t, task("one"), limit)
	stop()
	a.Forget("one") // the appliance was restored from a backup
	start(t, a, path, work)
	var again inventory.StepReport
	a.Until(t, "the report again", limit, func(r []inventory.StepReport, _ []inventory.PollRequest) bool {
		for _, r := range r {
			if r.State == inventory.StepDone {
				again = r
				return true
			}
		}
		return false
	})
	if ran.Load() != 1 || !again.Ended.Equal(first.Ended) || again.Stdout != "once" {
		t.Errorf("ran %d times; %+v", ran.Load(), again)
	}
	two := task("one")
	two.Attempt = 2
	if a.Do(t, two, limit); ran.Load() != 2 {
		t.Errorf("a new attempt ran %d times in all, want 2", ran.Load())
	}
}

func TestRestartInTheMiddleLeavesNoReport(t *testing.T) {
	a := agenttest.New(t, "127.0.0.1:0")
	path := filepath.Join(t.TempDir(), "journal.jsonl")
	began, stopped := make(chan struct{}, 1), make(chan bool, 1)
	stop := start(t, a, path, func(ctx context.Context, _ inventory.Task, _ func(agent.Progress)) agent.Outcome {
		began <- struct{}{}
		<-ctx.Done()
		stopped <- agent.MustStop(ctx)
		return agent.Outcome{Err: ctx.Err()}
	})
	a.Give(task("one"))
	<-began
	stop()
	if <-stopped {
		t.Error("an agent that is only restarted tells its step to stop what it started")
	}
	start(t, a, path, func(context.Context, inventory.Task, func(agent.Progress)) agent.Outcome {
		return agent.Outcome{Stdout: "second life"}
	})
	a.Until(t, "the end", limit, func(r []inventory.StepReport, _ []inventory.PollRequest) bool {
		i := slices.IndexFunc(r, func(r inventory.StepReport) bool { return r.State != inventory.StepRunning })
		return i >= 0 && r[i].State == inventory.StepDone && r[i].Stdout == "second life"
	})
}

func TestNewAttemptEndsTheOldOne(t *testing.T) {
	a := agenttest.New(t, "127.0.0.1:0")
	began := make(chan struct{}, 1)
	start(t, a, "", func(ctx context.Context, t inventory.Task, _ func(agent.Progress)) agent.Outcome {
		if t.Attempt == 1 {
			began <- struct{}{}
			<-ctx.Done()
			return agent.Outcome{Err: ctx.Err()}
		}
		return agent.Outcome{}
	})
	a.Give(task("one"))
	<-began
	// An appliance that was away hands out attempt 2 in answer to a poll that did
	// not yet name what runs.
	two := task("one")
	two.Attempt = 2
	a.HandOut(two)
	a.Until(t, "attempt 2", limit, func(r []inventory.StepReport, _ []inventory.PollRequest) bool {
		return slices.ContainsFunc(r, func(r inventory.StepReport) bool { return r.Attempt == 2 && r.State == inventory.StepDone })
	})
	for _, r := range a.Reports() {
		if r.Attempt == 1 && r.State != inventory.StepRunning {
			t.Errorf("the old attempt reported its end: %+v", r)
		}
	}
}

func TestThenComesAfterTheReport(t *testing.T) {
	a := agenttest.New(t, "127.0.0.1:0")
	seen := make(chan int, 1)
	start(t, a, "", func(context.Context, inventory.Task, func(agent.Progress)) agent.Outcome {
		return agent.Outcome{Then: func() {
			n := 0
			for _, r := range a.Reports() {
				if r.State == inventory.StepDone {
					n++
				}
			}
			seen <- n
		}}
	})
	a.Do(t, task("handover"), limit)
	select {
	case n := <-seen:
		if n == 0 {
			t.Error("the machine would have gone before its report")
		}
	case <-time.After(limit):
		t.Error("nothing came after the report")
	}
}
