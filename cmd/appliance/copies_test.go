package main

import (
	"log/slog"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"sandai/backup"
	"sandai/installer"
	"sandai/inventory"
	"sandai/inventory/db"
)

// TestCopiesAreDue: after a run that changed the rack, once a day, and never while
// they are off; what became of them is told, and the passphrase is kept nowhere.
func TestCopiesAreDue(t *testing.T) {
	const phrase = "three machines, one cloud"
	ctx, dir := t.Context(), t.TempDir()
	store, err := db.Open(ctx, filepath.Join(dir, backup.Database), filepath.Join(dir, backup.Keyset))
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	rack := inventory.Rack{Name: "demo", Nodes: []inventory.Node{{Name: "controller-1", Role: inventory.Controller, State: inventory.Active, Since: time.Now()}, {Name: "compute-1", Role: inventory.Compute}}}
	if err := store.PutRack(ctx, rack, nil); err != nil {
		t.Fatal(err)
	}
	if rack, err = store.Rack(ctx, "demo"); err != nil {
		t.Fatal(err)
	}
	ended := time.Now().Add(-time.Hour)
	run := inventory.Run{RackID: rack.ID, Rack: "demo", Kind: inventory.RunInstall, State: inventory.RunDone, Created: ended, Ended: &ended, Attempt: 1}
	if err := store.CreateRun(ctx, &run, nil); err != nil {
		t.Fatal(err)
	}
	log := slog.New(slog.DiscardHandler)
	a := &appliance{log: log, state: dir, store: store, engine: installer.New(installer.Config{Store: store, Log: log})}
	a.copies.patience = 100 * time.Millisecond
	due := func(want int) {
		t.Helper()
		if got, err := a.racksDue(ctx); err != nil || len(got) != want {
			t.Errorf("copies of %d racks are due, want %d; %v", len(got), want, err)
		}
	}
	due(0)
	if _, err := a.CopyNow(ctx); inventory.CodeOf(err) != inventory.Conflict {
		t.Errorf("copies that nobody can open: %v", err)
	}
	if err := a.SealCopies(ctx, "short"); inventory.CodeOf(err) != inventory.Invalid {
		t.Errorf("a short passphrase: %v", err)
	}
	if err := a.SealCopies(ctx, phrase); err != nil {
		t.Fatal(err)
	}
	if kept, err := store.Secret(ctx, 0, copiesSecret); err != nil || strings.Contains(kept, phrase) || strings.Contains(kept, "AGE-SECRET-KEY") {
		t.Errorf("kept is %q, %v", kept, err)
	}
	due(1)
	v, err := a.CopyNow(ctx)
	if err != nil || !v.On || v.Last == nil || !strings.HasPrefix(v.Text, "rack demo keeps a sealed copy of the appliance on 0 of 1 nodes: the agent of controller-1 was never heard") {
		t.Errorf("%+v, %v", v, err)
	}
	due(0)
	if _, err := a.offered(); inventory.CodeOf(err) != inventory.NotFound {
		t.Errorf("a copy is handed out to whoever asks: %v", err)
	}
	later := time.Now().Add(time.Second)
	if _, err := store.UpdateRun(ctx, run.ID, func(r *inventory.Run) error { r.Ended = &later; return nil }); err != nil {
		t.Fatal(err)
	}
	due(1)
	if err := a.SealCopies(ctx, ""); err != nil {
		t.Fatal(err)
	}
	due(0)
	if v, err := a.Copies(ctx); err != nil || v.On || v.Last == nil {
		t.Errorf("off: %+v, %v", v, err)
	}
}
