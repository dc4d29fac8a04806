package web

import (
	"bufio"
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sync/errgroup"

	"sandai/inventory"
	"sandai/inventory/db"
	"sandai/web/webtest"
)

// bigRack is a stored rack of so many nodes.
func bigRack(tb testing.TB, nodes int) *db.Store {
	tb.Helper()
	dir := tb.TempDir()
	store, err := db.Open(tb.Context(), filepath.Join(dir, "sandai.db"), filepath.Join(dir, "keyset.json"))
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { store.Close() })
	r := webtest.Rack("big")
	r.Nodes = nil
	for i := range nodes {
		mac := fmt.Sprintf("52:54:00:%02x:%02x:%02x", i>>16&255, i>>8&255, i&255)
		role := inventory.Compute
		if i == 0 {
			role = inventory.Controller
		}
		r.Nodes = append(r.Nodes, inventory.Node{
			Name: fmt.Sprintf("node-%d", i), Role: role, Firmware: inventory.BIOS, State: inventory.Ready, Since: webtest.T0,
			NICs: []inventory.NIC{{Network: inventory.Provisioning, MAC: mac}},
			BMC:  &inventory.BMC{Kind: "ipmi", Address: fmt.Sprintf("10.1.%d.%d", i>>8&255, i&255), Port: 623, User: "admin"},
		})
	}
	if err := store.PutRack(tb.Context(), r, nil); err != nil {
		tb.Fatal(err)
	}
	return store
}

// TestManyStreams: fifty pages and fifty readers of events at once, each of which
// hears of one change.
func TestManyStreams(t *testing.T) {
	store, m := bigRack(t, 10), webtest.New()
	srv := httptest.NewServer(m.As(inventory.Viewer, NewAPI(Config{Racks: store, Runs: store, Events: store, Installer: m, Power: m, Access: m})))
	defer srv.Close()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	open := func(path, until string) func() error {
		req, err := http.NewRequestWithContext(ctx, "GET", srv.URL+path, nil)
		if err != nil {
			t.Fatal(err)
		}
		res, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		lines := bufio.NewScanner(res.Body)
		next := func(want string) error {
			for lines.Scan() {
				if strings.Contains(lines.Text(), want) {
					return nil
				}
			}
			return fmt.Errorf("%s ended before %q: %w", path, want, lines.Err())
		}
		if err := next("event: "); err != nil { // its first word: it listens
			t.Fatal(err)
		}
		return func() error { defer res.Body.Close(); return next(until) }
	}
	var readers []func() error
	for range 50 {
		readers = append(readers, open("/live", "event: change"), open("/api/v1/events/stream", "a lamp"))
	}
	if _, err := store.AppendEvent(ctx, inventory.Event{Type: inventory.EventPower, Text: "a lamp went on"}); err != nil {
		t.Fatal(err)
	}
	var g errgroup.Group
	for _, r := range readers {
		g.Go(r)
	}
	if err := g.Wait(); err != nil {
		t.Fatal(err)
	}
}

// BenchmarkThousandNodes asks for the racks and for the page of a rack of 1000
// nodes. The floor is the same list read from the store and left at that.
func BenchmarkThousandNodes(b *testing.B) {
	store := bigRack(b, 1000)
	m := webtest.New()
	h := m.As(inventory.Viewer, NewAPI(Config{Racks: store, Runs: store, Events: store, Installer: m, Power: m, Access: m}))
	b.Run("floor", func(b *testing.B) {
		for b.Loop() {
			if _, err := store.Racks(b.Context()); err != nil {
				b.Fatal(err)
			}
		}
	})
	for name, path := range map[string]string{"api": "/api/v1/racks", "page": "/racks/big"} {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				w := httptest.NewRecorder()
				h.ServeHTTP(w, httptest.NewRequest("GET", "http://127.0.0.1"+path, nil))
				if w.Code != 200 {
					b.Fatalf("%d %s", w.Code, w.Body)
				}
			}
		})
	}
}
