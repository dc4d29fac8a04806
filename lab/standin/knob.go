package standin

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"hash/fnv"
	"io/fs"
	"math/rand/v2"
	"os"
	"path"
	"path/filepath"
	"sync"
	"time"
)

// Knobs make a stand-in misbehave, or take its time. It reads them anew at every
// step, so they may be turned while it runs.
type Knobs struct {
	// Pace is added to every step, in milliseconds.
	Pace  int    `json:"pace_ms,omitempty"`
	Steps []Knob `json:"steps,omitempty"`
	// Wire is a bad cable, read at power-on.
	Wire *Wire `json:"wire,omitempty"`
	// ROM "pxe" is a NIC without iPXE of its own: it fetches a loader over TFTP
	// first. Read when the machine boots from the network.
	ROM string `json:"rom,omitempty"`
}

// Knob changes the steps whose key matches. The phases that no agent carries out
// (firmware, dhcp, loader, kernel, agent, boot) can hang and be slow, not fail.
type Knob struct {
	Step   string `json:"step"`             // the step's key, "compute-1/write/write", or a pattern as in path.Match
	Fail   int    `json:"fail,omitempty"`   // how often it fails before it goes well
	Reason string `json:"reason,omitempty"` // what the failure says
	Hang   bool   `json:"hang,omitempty"`   // it does not end before this knob is gone
	Slow   int    `json:"slow_ms,omitempty"`
}

// Check says what is wrong with a knob.
func (k Knobs) Check() error {
	if k.Wire != nil {
		if err := k.Wire.check(); err != nil {
			return err
		}
	}
	if k.ROM != "" && k.ROM != "pxe" {
		return fmt.Errorf("there is no ROM %q: say pxe, or nothing for iPXE", k.ROM)
	}
	for _, s := range k.Steps {
		if _, err := path.Match(s.Step, ""); err != nil || s.Step == "" {
			return fmt.Errorf("the knob's step %q is no pattern", s.Step)
		}
	}
	return nil
}

func (k Knobs) of(step string) Knob {
	for _, s := range k.Steps {
		if ok, _ := path.Match(s.Step, step); ok {
			return s
		}
	}
	return Knob{}
}

// KnobsFile is where a stand-in reads its knobs, in its Dir.
const KnobsFile = "knobs.json"

// failedFile counts, for each knob, how often it has failed a step: a failure is
// not forgotten when the machine is switched off.
const failedFile = "failed.json"

type knobs struct {
	dir, node string

	mu     sync.Mutex
	failed map[string]int // by the knob's pattern
}

func openKnobs(dir, node string) (*knobs, error) {
	k := &knobs{dir: dir, node: node, failed: map[string]int{}}
	if err := readJSON(filepath.Join(dir, failedFile), &k.failed); err != nil {
		return nil, err
	}
	return k, nil
}

// read returns the knobs as they are now; those that cannot be read are none.
func (k *knobs) read() Knobs {
	var out Knobs
	_ = readJSON(filepath.Join(k.dir, KnobsFile), &out)
	return out
}

// fails reports whether a knob makes this try fail, and counts it.
func (k *knobs) fails(n Knob) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.failed[n.Step] >= n.Fail {
		return nil
	}
	k.failed[n.Step]++
	if err := writeJSON(filepath.Join(k.dir, failedFile), k.failed); err != nil {
		return err
	}
	if n.Reason != "" {
		return errors.New(n.Reason)
	}
	return fmt.Errorf("a knob makes this step fail, %d of %d times", k.failed[n.Step], n.Fail)
}

// The pause that each step takes of itself, so that a person sees them go by in
// an order and tests do not meet always the same interleaving.
const (
	pauseLeast = 2 * time.Millisecond
	pauseMost  = 20 * time.Millisecond
)

// pauseOf is the same for the same step of the same machine in every run.
func pauseOf(key string, attempt int) time.Duration {
	h := fnv.New64a()
	fmt.Fprintf(h, "%s#%d", key, attempt)
	r := rand.New(rand.NewPCG(h.Sum64(), 0))
	return pauseLeast + time.Duration(r.Int64N(int64(pauseMost-pauseLeast)))
}

// hold waits as long as a step takes: its own pause, what the knobs add, and for
// ever while one says to hang.
func (k *knobs) hold(ctx context.Context, key string, attempt int) error {
	now := k.read()
	n := now.of(key)
	if err := pause(ctx, pauseOf(key, attempt)+time.Duration(now.Pace+n.Slow)*time.Millisecond); err != nil {
		return err
	}
	for k.read().of(key).Hang {
		if err := pause(ctx, 20*time.Millisecond); err != nil {
			return err
		}
	}
	return nil
}

// at is a phase of the boot that no agent reports.
func (m *machine) at(ctx context.Context, phase string) error {
	return m.knobs.hold(ctx, m.Name+"/"+phase+"/"+phase, 1)
}

// readJSON reads a file into v; one that is not there changes nothing.
func readJSON(path string, v any) error {
	b, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err == nil {
		err = json.Unmarshal(b, v)
	}
	if err != nil {
		return fmt.Errorf("read %s: %w", path, err)
	}
	return nil
}

// writeJSON replaces a file in one step.
func writeJSON(path string, v any) error {
	b, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		return err
	}
	if err := os.WriteFile(path+".new", append(b, '\n'), 0o600); err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	return os.Rename(path+".new", path)
}
