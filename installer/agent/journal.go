package agent

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"

	"sandai/inventory"
)

// Journal remembers the final report of each task, so that one which is handed
// out again is answered instead of repeated. On the disk it is one JSON object a
// line, flushed before the report is sent.
type Journal struct {
	mu   sync.Mutex
	file *os.File // nil: in memory alone
	done map[taskID]inventory.StepReport
}

type taskID struct {
	run     uint
	key     string
	attempt int
}

func idOf(t inventory.Task) taskID { return taskID{t.Run, t.Key, t.Attempt} }

// NewJournal returns a journal in memory, for a system that does not outlive its agent.
func NewJournal() *Journal { return &Journal{done: map[taskID]inventory.StepReport{}} }

// OpenJournal reads the journal at path, which is made where it does not exist.
// A torn last line, left by a power cut, is dropped; so are earlier runs.
func OpenJournal(path string) (*Journal, error) {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return nil, fmt.Errorf("open the journal: %w", err)
	}
	data, err := os.ReadFile(path)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, fmt.Errorf("read the journal: %w", err)
	}
	j := NewJournal()
	var all []inventory.StepReport
	var last uint
	for line := range bytes.Lines(data) {
		var r inventory.StepReport
		if json.Unmarshal(line, &r) != nil || r.Key == "" {
			continue
		}
		all, last = append(all, r), max(last, r.Run)
	}
	tmp := path + ".new"
	j.file, err = os.OpenFile(tmp, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, fmt.Errorf("open the journal: %w", err)
	}
	w := bufio.NewWriter(j.file)
	enc := json.NewEncoder(w)
	for _, r := range all {
		if r.Run == last {
			j.done[taskID{r.Run, r.Key, r.Attempt}] = r
			err = errors.Join(err, enc.Encode(r))
		}
	}
	if err := errors.Join(err, w.Flush(), j.file.Sync(), os.Rename(tmp, path), syncDir(filepath.Dir(path))); err != nil {
		j.file.Close()
		return nil, fmt.Errorf("write the journal: %w", err)
	}
	return j, nil
}

// Find returns the final report of a task that has ended.
func (j *Journal) Find(t inventory.Task) (inventory.StepReport, bool) {
	j.mu.Lock()
	defer j.mu.Unlock()
	r, ok := j.done[idOf(t)]
	return r, ok
}

// Add remembers a final report; it is on the disk when Add returns.
func (j *Journal) Add(r inventory.StepReport) error {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.done[taskID{r.Run, r.Key, r.Attempt}] = r
	if j.file == nil {
		return nil
	}
	line, err := json.Marshal(r)
	if err != nil {
		return fmt.Errorf("write the journal: %w", err)
	}
	if _, err := j.file.Write(append(line, '\n')); err != nil {
		return fmt.Errorf("write the journal: %w", err)
	}
	if err := j.file.Sync(); err != nil {
		return fmt.Errorf("write the journal: %w", err)
	}
	return nil
}

// Close closes the file.
func (j *Journal) Close() error {
	if j.file == nil {
		return nil
	}
	return j.file.Close()
}

// syncDir makes a rename in a directory last through a power cut.
func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
