package main

import (
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"sandai/backup"
	"sandai/inventory"
	"sandai/web"
)

const (
	copiesSecret = "copies"       // the appliance's own; "" while none are made
	copyEvery    = 24 * time.Hour // at least
	copyLook     = time.Minute    // how often it is looked whether copies are due
)

// copies are the sealed copies of the appliance's state that its nodes keep.
type copies struct {
	mu       sync.Mutex // of one round
	file     []byte     // what nodes fetch in this round
	reading  sync.RWMutex
	patience time.Duration // with one node, where it is less than the engine's
}

// sealing is how copies are sealed, nil where none are made.
func (a *appliance) sealing(ctx context.Context) (*backup.Sealing, error) {
	text, err := a.store.Secret(ctx, 0, copiesSecret)
	if inventory.CodeOf(err) == inventory.NotFound && err != nil || text == "" && err == nil {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	s := &backup.Sealing{}
	if err := json.Unmarshal([]byte(text), s); err != nil {
		return nil, fmt.Errorf("read how the copies are sealed: %w", err)
	}
	return s, nil
}

// Copies implements web.Backups.
func (a *appliance) Copies(ctx context.Context) (inventory.Copies, error) {
	s, err := a.sealing(ctx)
	if err != nil {
		return inventory.Copies{}, err
	}
	c := inventory.Copies{On: s != nil}
	last, err := a.lastCopies(ctx)
	for _, ev := range last {
		if c.Last == nil || ev.Time.After(*c.Last) {
			c.Last = &ev.Time
		}
		c.Text = strings.TrimPrefix(c.Text+"\n"+ev.Text, "\n")
	}
	return c, err
}

// SealCopies implements web.Backups.
func (a *appliance) SealCopies(ctx context.Context, passphrase string) error {
	if passphrase == "" {
		return a.store.PutSecret(ctx, 0, copiesSecret, "")
	}
	s, err := backup.NewSealing(passphrase)
	if err != nil {
		return err
	}
	text, err := json.Marshal(s)
	if err != nil {
		return err
	}
	return a.store.PutSecret(ctx, 0, copiesSecret, string(text))
}

// CopyNow implements web.Backups.
func (a *appliance) CopyNow(ctx context.Context) (inventory.Copies, error) {
	racks, err := a.store.Racks(ctx)
	if err != nil {
		return inventory.Copies{}, err
	}
	if err := a.copyTo(ctx, racks); err != nil {
		return inventory.Copies{}, err
	}
	return a.Copies(ctx)
}

// keepCopies makes copies whenever they are due, until ctx ends.
func (a *appliance) keepCopies(ctx context.Context) error {
	t := time.NewTicker(copyLook)
	defer t.Stop()
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-t.C:
		}
		racks, err := a.racksDue(ctx)
		if err == nil && len(racks) > 0 {
			err = a.copyTo(ctx, racks)
		}
		if err != nil && ctx.Err() == nil {
			a.log.Error("no sealed copy of the appliance could be made; it is tried again", "err", err)
		}
	}
}

// racksDue are the installed racks that changed since their last copies, or whose
// copies are a day old.
func (a *appliance) racksDue(ctx context.Context) (due []inventory.Rack, err error) {
	s, err := a.sealing(ctx)
	if err != nil || s == nil {
		return nil, err
	}
	racks, err := a.store.Racks(ctx)
	if err != nil {
		return nil, err
	}
	last, err := a.lastCopies(ctx)
	if err != nil {
		return nil, err
	}
	for _, r := range racks {
		run, err := a.store.LatestOf(ctx, r.ID, inventory.ChangingKinds...)
		if inventory.CodeOf(err) == inventory.NotFound && err != nil {
			continue
		}
		if err != nil {
			return nil, err
		}
		at := last[r.Name].Time
		if run.State == inventory.RunDone && (run.Ended.After(at) || time.Since(at) > copyEvery) {
			due = append(due, r)
		}
	}
	return due, nil
}

// lastCopies are the newest events that tell of copies, by rack.
func (a *appliance) lastCopies(ctx context.Context) (map[string]inventory.Event, error) {
	out := map[string]inventory.Event{}
	racks, err := a.store.Racks(ctx)
	if err != nil {
		return nil, err
	}
	for _, r := range racks {
		evs, err := a.store.FindEvents(ctx, inventory.EventQuery{Type: inventory.EventCopy, Text: copyText(r.Name), Limit: 1})
		if err != nil {
			return nil, err
		}
		if len(evs) > 0 {
			out[r.Name] = evs[0]
		}
	}
	return out, nil
}

func copyText(rack string) string { return "rack " + rack + " keeps a sealed copy of the appliance" }

// copyTo makes one copy and has the nodes of the racks fetch it.
func (a *appliance) copyTo(ctx context.Context, racks []inventory.Rack) error {
	s, err := a.sealing(ctx)
	if err != nil {
		return err
	}
	if s == nil {
		return inventory.Errorf(inventory.Conflict, "no copies are made yet: say by which passphrase they are opened first (appliance copies on)")
	}
	a.copies.mu.Lock()
	defer a.copies.mu.Unlock()
	var b bytes.Buffer
	if err := backup.WriteSealed(ctx, &b, a.store, filepath.Join(a.state, backup.Keyset), web.Version(), *s); err != nil {
		return err
	}
	a.offer(b.Bytes())
	defer a.offer(nil)
	sum := sha256.Sum256(b.Bytes())
	for _, r := range racks {
		all, kept := 0, 0
		var left []string
		for _, n := range r.Nodes {
			if n.State != inventory.Active {
				continue
			}
			all++
			one, cancel := context.WithTimeout(ctx, cmp.Or(a.copies.patience, copyEvery))
			err := a.engine.HandCopy(one, r, n.Name, hex.EncodeToString(sum[:]))
			cancel()
			if err != nil {
				left = append(left, err.Error())
				continue
			}
			kept++
		}
		if all == 0 {
			continue
		}
		text := fmt.Sprintf("%s on %d of %d nodes", copyText(r.Name), kept, all)
		if len(left) > 0 {
			text += ": " + strings.Join(left, "; ")
		}
		a.tell(ctx, inventory.EventCopy, text)
	}
	return ctx.Err()
}

// offer is what nodes may fetch from now on; nil: nothing.
func (a *appliance) offer(file []byte) {
	a.copies.reading.Lock()
	defer a.copies.reading.Unlock()
	a.copies.file = file
}

// offered opens the copy that nodes are told of just now.
func (a *appliance) offered() (io.ReadCloser, error) {
	a.copies.reading.RLock()
	defer a.copies.reading.RUnlock()
	if a.copies.file == nil {
		return nil, inventory.Errorf(inventory.NotFound, "no copy of the appliance is handed out just now")
	}
	return io.NopCloser(bytes.NewReader(a.copies.file)), nil
}
