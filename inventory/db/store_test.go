package db

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"sandai/inventory"
)

// t0 has nanoseconds, so that a test sees it when they get lost.
var t0 = time.Date(2025, 11, 24, 1, 2, 3, 456789012, time.UTC)

func files(t testing.TB) (database, keyset string) {
	dir := t.TempDir()
	return filepath.Join(dir, "a b#?%.db"), filepath.Join(dir, "keyset.json")
}

func openSQLite(t testing.TB) *Store {
	t.Helper()
	database, keyset := files(t)
	s, err := Open(context.Background(), database, keyset)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

func demo() inventory.Rack {
	return inventory.Rack{
		Name: "demo", Release: "2025.1", Region: "RegionOne", Interface: "br-mgmt", Address: "10.77.0.1/24", Slow: true, InspectNewcomers: true,
		SSHKeys: []string{"ssh-ed25519 AAAA <me@here>"}, Created: t0,
		Networks: []inventory.Network{
			{Kind: inventory.Provisioning, CIDR: "10.77.0.0/24", PoolStart: "10.77.0.100", PoolEnd: "10.77.0.102", MTU: 1500},
			{Kind: inventory.Provider, CIDR: "203.0.113.0/24", Gateway: "203.0.113.1", PoolStart: "203.0.113.100", PoolEnd: "203.0.113.199", MTU: 1400},
		},
		Nodes: []inventory.Node{
			node("controller-1", inventory.Controller, 11), node("network-1", inventory.NetworkRole, 12), node("compute-1", inventory.Compute, 13),
		},
	}
}

func mac(network, n int) string { return fmt.Sprintf("52:54:00:77:%02x:%02x", network, n) }

func node(name string, role inventory.Role, n int) inventory.Node {
	return inventory.Node{
		Name: name, Role: role, Firmware: inventory.BIOS, Address: fmt.Sprintf("10.77.0.%d", n), State: inventory.Ready, Since: t0,
		NICs: []inventory.NIC{{Network: inventory.Provisioning, MAC: mac(0, n)}, {Network: inventory.Provider, MAC: mac(1, n)}},
		BMC:  &inventory.BMC{Kind: "ipmi", Address: fmt.Sprintf("10.77.1.%d", n), Port: 623, User: "admin"},
	}
}

// withDemo stores the demo rack and returns it as read back.
func withDemo(t testing.TB, s *Store) inventory.Rack {
	t.Helper()
	must(t, s.PutRack(t.Context(), demo(), map[string]string{"controller-1": "hunter2"}))
	return ok(s.Rack(t.Context(), "demo"))
}

func steps(n int) []inventory.Step {
	list := make([]inventory.Step, n)
	for i := range list {
		list[i] = inventory.Step{
			Key: fmt.Sprintf("controller-1/chapter/step-%d", i), Seq: n - i, Node: "controller-1", Chapter: "chapter", Kind: "file",
			Owner: inventory.OwnerAgent, State: inventory.StepPending, Timeout: 60, Spec: json.RawMessage(`{ "path":"<&>" }`), Needs: []string{"a", "b"},
		}
	}
	return list
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// ok unwraps a value whose error would make the rest of the test pointless.
func ok[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

func want(t testing.TB, err error, code inventory.Code) {
	t.Helper()
	var e *inventory.Error
	if !errors.As(err, &e) {
		t.Fatalf("got %v, want an *inventory.Error (%s)", err, code)
	}
	if e.Code != code || e.Text == "" {
		t.Fatalf("got %q with code %q, want code %q", e.Text, e.Code, code)
	}
}

func same(t testing.TB, what string, got, want any, opts ...cmp.Option) {
	t.Helper()
	if d := cmp.Diff(want, got, append(opts, cmpopts.EquateEmpty())...); d != "" {
		t.Errorf("%s (-want +got):\n%s", what, d)
	}
}

// noIDs leaves out what the database assigns.
var noIDs = cmp.FilterPath(func(p cmp.Path) bool {
	switch p.Last().String() {
	case ".ID", ".RackID", ".NodeID", ".RunID":
		return true
	}
	return false
}, cmp.Ignore())
