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

// Units opens the system's service manager; Systemd is the real one.
type Units interface {
	Open(ctx context.Context) (Manager, error)
}

// Manager is a connection to the service manager.
type Manager interface {
	// Start starts a oneshot unit that stays after its end, which ended tells of;
	// errUnitExists when there is one of that name.
	Start(ctx context.Context, unit, description string, command []string) (ended <-chan string, err error)
	// State tells how a unit fares.
	State(ctx context.Context, unit string) (UnitState, error)
	// Stop ends a unit and forgets its result. It waits for the end of one in work.
	Stop(ctx context.Context, unit string) error
	Close()
}

var errUnitExists = errors.New("there is a unit of that name")

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
	st, err := h.runUnit(ctx, unit, base, c)
	res := kind.Result{Stdout: readTail(base + ".out"), Stderr: readTail(base + ".err"), Code: st.Code}
	h.rec.add(c, res, true)
	if err == nil && st.Broken != "" {
		err = fmt.Errorf("systemd could not start it: %s; see journalctl -u %s", st.Broken, unit)
	}
	return res, err
}

func (h *nodeHost) runUnit(ctx context.Context, unit, base string, c kind.Cmd) (UnitState, error) {
	m, err := h.node.Units.Open(ctx)
	if err != nil {
		return UnitState{Code: -1}, err
	}
	defer func() { m.Close() }()
	// An earlier agent's unit reads the order it was given: do not replace it.
	if _, err := os.Stat(base + ".json"); err != nil {
		if err := writeOrder(base, c); err != nil {
			return UnitState{Code: -1}, err
		}
	}
	ended, err := m.Start(ctx, unit, "Sandai step "+h.task.Key, []string{h.node.Self, "exec", base + ".json"})
	if err != nil && !errors.Is(err, errUnitExists) {
		return UnitState{Code: -1}, err
	}
	return h.wait(ctx, &m, unit, c, ended)
}

func (h *nodeHost) base(unit string) string {
	return filepath.Join(h.node.Dir, strings.TrimSuffix(unit, ".service"))
}

const (
	// lookEvery is how often a unit is looked at: for its output, and for its end
	// should the message of that get lost or should an earlier agent have started it.
	lookEvery = 2 * time.Second
	// silence is how long systemd may not answer, as while it is upgraded.
	silence = time.Minute
)

// wait waits until the unit has ended. An agent that is being stopped leaves it
// running; at the end of the step's time release stops it.
func (h *nodeHost) wait(ctx context.Context, m *Manager, unit string, c kind.Cmd, ended <-chan string) (UnitState, error) {
	answered := time.Now()
	tick := time.NewTicker(lookEvery)
	defer tick.Stop()
	if ended == nil { // found, perhaps at its end
		now := make(chan string)
		close(now)
		ended = now
	}
	for {
		select {
		case <-ended:
			ended = nil
		case <-tick.C:
			h.say(agent.Progress{Command: commandLine(c), Stdout: readTail(h.base(unit) + ".out")})
		case <-ctx.Done():
			return UnitState{Code: -1}, context.Cause(ctx)
		}
		st, err := (*m).State(ctx, unit)
		switch {
		case err == nil && !st.Exists:
			return UnitState{Code: -1}, errors.New("its unit has vanished: somebody stopped it")
		case err == nil && st.Ended:
			return st, nil
		case err == nil:
			answered = time.Now()
		case time.Since(answered) > silence && ctx.Err() == nil:
			return st, err
		default: // systemd closes its connections when it replaces itself
			if again, err := h.node.Units.Open(ctx); err == nil {
				(*m).Close()
				*m = again
			}
		}
	}
}

// release forgets the step's units and removes their files, which may hold
// secrets. It is called only when the step's end is about to be reported.
func (h *nodeHost) release(ctx context.Context) {
	if len(h.units) == 0 {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, silence)
	defer cancel()
	m, err := h.node.Units.Open(ctx)
	if err == nil {
		defer m.Close()
	}
	for _, u := range h.units {
		if err == nil {
			_ = m.Stop(ctx, u) // gone already, or to be seen in systemctl
		}
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
