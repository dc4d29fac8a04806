package installer_test

import (
	"context"
	"testing"

	"sandai/inventory"
)

// TestStray: the system that is being replaced is no sign of life when it starts in
// place of the ramdisk: it is refused, and noted once for the watch.
func TestStray(t *testing.T) {
	tr := installed(t)
	old, err := tr.store.Secret(tr.ctx, tr.rack.ID, "install_nonce/network-1")
	if err != nil {
		t.Fatal(err)
	}
	v := tr.shown("network-1")
	var refused []error
	var before, after inventory.Node
	tr.mu.Lock()
	tr.slowBMC = func(ctx context.Context, node string) {
		if n := tr.node(node); n.State == inventory.Deploying && len(refused) == 0 { // armed, and about to be switched on
			before = n
			for range 2 {
				_, err := tr.engine().Poll(ctx, tr.rack.ID, node, inventory.PollRequest{Stage: inventory.StageInstalled, InstallNonce: old})
				refused = append(refused, err)
			}
			after = tr.node(node)
		}
	}
	tr.mu.Unlock()
	tr.run = tr.ok(tr.engine().Reinstall(tr.ctx, "demo", "network-1", inventory.ReinstallRequest{Confirm: "network-1", PreviewHash: v.Hash}))
	tr.ends(inventory.RunDone)
	if len(refused) != 2 {
		t.Fatalf("it polled %d times", len(refused))
	}
	for _, err := range refused {
		tr.refused(err, inventory.Unauthorised, "runs an older installation")
	}
	if !after.LastSeen.Equal(before.LastSeen) {
		t.Errorf("it counts as heard at %s", after.LastSeen)
	}
	evs, err := tr.store.NodeEvents(tr.ctx, after, []inventory.EventType{inventory.EventStray}, before.Since)
	if err != nil || len(evs) != 1 {
		t.Errorf("%d events tell of it, %v", len(evs), err)
	}
	tr.allActive(3)
}
