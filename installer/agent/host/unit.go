package host

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"time"

	"sandai/installer/agent"
	"sandai/installer/guide/kind"
)

// Units are transient systemd units; systemd itself is the real one.
type Units interface {
	// Start starts a oneshot unit that stays after its end.
	Start(ctx context.Context, unit, description string, command []string) error
	// State tells how a unit fares; State.Exists is false for an unknown one.
	State(ctx context.Context, unit string) (UnitState, error)
	// Stop ends a unit and forgets its result.
	Stop(ctx context.Context, unit string) error
}

// UnitState is how a unit fares.
type UnitState struct {
	Exists bool
	Ended  bool
	Code   int    // exit status, 128 and the signal's number for a killed one
	Broken string // why systemd could not even start the command
}

var notInUnit = regexp.MustCompile(`[^a-zA-Z0-9._]+`)

// unitName is the same for the same command in the same attempt of a step, so
// that an agent which was restarted finds what it began before.
func (h *nodeHost) unitName(c kind.Cmd) string {
	b, _ := json.Marshal(c) // strings alone: cannot fail
	sum := sha256.Sum256(b)
	id := hex.EncodeToString(sum[:4])
	h.calls[id]++
	key := notInUnit.ReplaceAllString(h.task.Key, "-")
	return fmt.Sprintf("sandai-%d-%d-%s-%s-%d.service", h.task.Run, h.task.Attempt, key[:min(len(key), 120)], id, h.calls[id])
}

// RunLong runs a main command as a transient unit, or finds the one that an
// earlier agent started, and waits for its end.
func (h *nodeHost) RunLong(ctx context.Context, c kind.Cmd) (kind.Result, error) {
	unit := h.unitName(c)
	h.units = append(h.units, unit)
	base := h.base(unit)
	st, err := h.node.Units.State(ctx, unit)
	if err == nil && !st.Exists {
		if err = writeOrder(base, c); err == nil {
			err = h.node.Units.Start(ctx, unit, "Sandai step "+h.task.Key, []string{h.node.Self, "exec", base + ".json"})
		}
	}
	if err == nil {
		st, err = h.wait(ctx, unit, c)
	}
	res := kind.Result{Stdout: readTail(base + ".out"), Stderr: readTail(base + ".err"), Code: st.Code}
	h.rec.add(c, res, true)
	if err == nil && st.Broken != "" {
		err = fmt.Errorf("systemd could not start it: %s; see journalctl -u %s", st.Broken, unit)
	}
	return res, err
}

func (h *nodeHost) base(unit string) string {
	return filepath.Join(h.node.Dir, strings.TrimSuffix(unit, ".service"))
}

// How often a unit is looked at: soon at first, as most commands are short.
const (
	lookFirst = 50 * time.Millisecond
	lookMost  = time.Second
	// silence is how long systemd may not answer, as while it is upgraded.
	silence = time.Minute
)

// wait looks at the unit until it has ended. An agent that is being stopped
// leaves it running; at the end of the step's time it is stopped.
func (h *nodeHost) wait(ctx context.Context, unit string, c kind.Cmd) (UnitState, error) {
	every, answered := lookFirst, time.Now()
	for {
		st, err := h.node.Units.State(ctx, unit)
		switch {
		case err == nil && !st.Exists:
			return st, errors.New("its unit has vanished: somebody stopped it, or the node was restarted")
		case err == nil && st.Ended:
			return st, nil
		case err == nil:
			answered = time.Now()
		case time.Since(answered) > silence && ctx.Err() == nil:
			return st, err
		}
		t := time.NewTimer(every)
		select {
		case <-t.C:
			every = min(every*3/2, lookMost)
		case <-ctx.Done():
			t.Stop()
			return UnitState{Code: -1}, context.Cause(ctx)
		}
		if every == lookMost {
			h.say(agent.Progress{Command: commandLine(c), Stdout: readTail(h.base(unit) + ".out")})
		}
	}
}

// release forgets the step's units and removes their files, which may hold
// secrets. It is called only when the step's end is about to be reported.
func (h *nodeHost) release(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, silence)
	defer cancel()
	for _, u := range h.units {
		_ = h.node.Units.Stop(ctx, u) // gone already, or to be seen in systemctl
		for _, end := range []string{".json", ".out", ".err"} {
			os.Remove(h.base(u) + end)
		}
	}
}

// readTail returns the end of an output file, "" where there is none.
func readTail(path string) string {
	f, err := os.Open(path)
	if err != nil {
		return ""
	}
	defer f.Close()
	if st, err := f.Stat(); err == nil && st.Size() > most {
		_, _ = f.Seek(-most, 2)
	}
	b := make([]byte, most)
	n := 0
	for n < len(b) {
		k, err := f.Read(b[n:])
		n += k
		if err != nil {
			break
		}
	}
	return string(b[:n])
}
