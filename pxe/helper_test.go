package pxe

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"flag"
	"log/slog"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"sandai/inventory"
)

var update = flag.Bool("update", false, "write the golden files anew")

const testMAC = "52:54:00:77:00:01"

// rack is a rack in memory: the other side of pxe's interfaces. An unknown MAC
// is a newcomer with a pool address and boots from its disk.
type rack struct {
	mu       sync.Mutex
	nodes    map[string]inventory.BootDecision // by MAC
	address  map[string]string                 // by MAC; the newcomers' is made up
	expires  time.Time
	err      error
	spent    map[string]int
	events   []inventory.Event
	machines map[string]inventory.Machine
	images   map[string]inventory.Image
	dir      string
	changed  chan struct{}
}

func newRack(t testing.TB) *rack {
	return &rack{
		nodes: map[string]inventory.BootDecision{testMAC: {
			Action: inventory.BootRamdisk, Reason: "an install is due", Node: "controller-1", RackID: 1, Nonce: "b64d3f1c9a",
		}},
		address: map[string]string{testMAC: "10.77.0.11"},
		spent:   map[string]int{}, images: map[string]inventory.Image{}, machines: map[string]inventory.Machine{},
		dir: t.TempDir(), changed: make(chan struct{}, 1),
	}
}

func (r *rack) Decide(_ context.Context, m inventory.Machine) (inventory.BootDecision, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.machines[m.MAC] = m
	if d, ok := r.nodes[m.MAC]; ok || r.err != nil {
		return d, r.err
	}
	return inventory.BootDecision{Action: inventory.BootDisk, Reason: "it has no role: a machine nobody asked for is never wiped", Node: "new-" + strings.ReplaceAll(m.MAC, ":", ""), RackID: 1}, nil
}

func (r *rack) Spend(ctx context.Context, m inventory.Machine) (inventory.BootDecision, error) {
	d, err := r.Decide(ctx, m)
	r.mu.Lock()
	defer r.mu.Unlock()
	r.spent[m.MAC]++
	return d, err
}

func (r *rack) Lease(_ context.Context, rackID uint, mac string, _ time.Time) (inventory.Lease, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	a, ok := r.address[mac]
	if !ok {
		a = netip.AddrFrom4([4]byte{10, 77, 0, byte(100 + len(r.address))}).String()
		r.address[mac] = a
	}
	return inventory.Lease{RackID: rackID, MAC: mac, Address: a, Expires: r.expires}, r.err
}

func (r *rack) Record(_ context.Context, e inventory.Event) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.events = append(r.events, e)
	select {
	case r.changed <- struct{}{}:
	default:
	}
	return nil
}

func (r *rack) Get(name string) (inventory.Image, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if i, ok := r.images[name]; ok {
		return i, nil
	}
	return inventory.Image{}, inventory.Errorf(inventory.NotFound, "no image %s; build it first", name)
}

func (r *rack) Path(digest string) string { return filepath.Join(r.dir, digest) }

// add puts bytes into the store.
func (r *rack) add(t testing.TB, name string, b []byte) inventory.Image {
	t.Helper()
	sum := sha256.Sum256(b)
	i := inventory.Image{Name: name, Format: "file", Digest: hex.EncodeToString(sum[:]), Size: int64(len(b))}
	if err := os.WriteFile(r.Path(i.Digest), b, 0o600); err != nil {
		t.Fatal(err)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.images[name] = i
	return i
}

// types lists the events so far.
func (r *rack) types() []inventory.EventType {
	r.mu.Lock()
	defer r.mu.Unlock()
	var out []inventory.EventType
	for _, e := range r.events {
		out = append(out, e.Type)
	}
	return out
}

// await waits until an event of a type was recorded.
func (r *rack) await(ctx context.Context, t testing.TB, want inventory.EventType) {
	t.Helper()
	for !slices.Contains(r.types(), want) {
		select {
		case <-r.changed:
		case <-ctx.Done():
			t.Fatalf("no event %q came: %v; there are %v", want, context.Cause(ctx), r.types())
		}
	}
}

// newServer is a Server for the rack on 10.77.0.1/24 that has bound nothing.
func newServer(t testing.TB, r *rack, change func(*Config)) *Server {
	cfg := Config{
		Interface: "prov0", Address: netip.MustParsePrefix("10.77.0.1/24"), RackID: 1,
		CA:     []byte("-----BEGIN CERTIFICATE-----\nc2FuZGFp\n-----END CERTIFICATE-----\n"),
		Logger: slog.New(slog.NewTextHandler(testLog{t}, &slog.HandlerOptions{Level: slog.LevelDebug})),
	}
	if change != nil {
		change(&cfg)
	}
	return New(cfg, r, r, r, r)
}

var quietLog = slog.New(slog.DiscardHandler)

type testLog struct{ t testing.TB }

func (l testLog) Write(p []byte) (int, error) {
	l.t.Log(strings.TrimRight(string(p), "\n"))
	return len(p), nil
}

// golden compares with testdata/NAME.
func golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatalf("%v; run go test -update and look at what it wrote", err)
	}
	if d := cmp.Diff(string(want), got); d != "" {
		t.Errorf("%s (-want +got):\n%s", path, d)
	}
}

// need skips a test that this host cannot run; where CI=true, where it must be
// able to, the test fails instead.
func need(t *testing.T, ok bool, reason string) {
	t.Helper()
	switch {
	case ok:
	case os.Getenv("CI") == "true":
		t.Fatalf("cannot run here: %s", reason)
	default:
		t.Skipf("cannot run here: %s", reason)
	}
}

// isolated runs the calling test once more, as a process in a network namespace
// of its own, and reports true in there. The namespace ends with the process.
func isolated(t *testing.T) bool {
	t.Helper()
	if os.Getenv("SANDAI_TEST_ISOLATED") == t.Name() {
		up(t, "lo")
		return true
	}
	need(t, os.Getuid() == 0, "it makes network namespaces, which needs root")
	name := "^" + strings.ReplaceAll(t.Name(), "/", "$/^") + "$"
	args := []string{"-test.run=" + name, "-test.v", "-test.timeout=5m"}
	if *capture != "" {
		args = append(args, "-capture="+*capture)
	}
	cmd := exec.CommandContext(t.Context(), os.Args[0], args...)
	cmd.Env = append(os.Environ(), "SANDAI_TEST_ISOLATED="+t.Name())
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: unix.CLONE_NEWNET, Pdeathsig: unix.SIGKILL}
	out, err := cmd.CombinedOutput()
	t.Logf("in its own network namespace:\n%s", out)
	switch {
	case err != nil:
		t.Fatalf("failed in its own network namespace: %v", err)
	case bytes.Contains(out, []byte("--- SKIP: "+t.Name())):
		t.Skip("skipped in its own network namespace, see above")
	}
	return false
}
