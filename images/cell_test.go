package images

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func needRoot(t *testing.T) {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("needs root, for namespaces and mounts")
	}
}

var quiet = slog.New(slog.NewTextHandler(io.Discard, nil))

// hostLayer is a root that is enough to run this host's shell in: the host's
// /usr, bound into a cell.
func hostLayer(t *testing.T) (string, []mount) {
	t.Helper()
	dir := t.TempDir()
	for _, d := range []string{"usr", "proc", "sys", "dev", "run", "tmp", "mnt", "media", "etc"} {
		if err := os.Mkdir(filepath.Join(dir, d), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	for _, l := range []string{"bin", "sbin", "lib", "lib64"} {
		if err := os.Symlink("usr/"+l, filepath.Join(dir, l)); err != nil {
			t.Fatal(err)
		}
	}
	return dir, []mount{{"/usr", "/usr"}}
}

func testJournal(t *testing.T) *journal {
	t.Helper()
	j, err := newJournal(t.TempDir(), "test")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { j.Close() })
	return j
}

func TestCellKeepsTheHostOut(t *testing.T) {
	needRoot(t)
	base, mounts := hostLayer(t)
	if err := os.WriteFile(filepath.Join(base, "etc/base"), []byte("base\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	upper, j := filepath.Join(t.TempDir(), "upper"), testJournal(t)
	c := cell{layers: []string{base, upper}, work: t.TempDir(), mounts: mounts}
	err := c.run(t.Context(), quiet, j, "look around", "sh", "-ec", `
		[ "$(hostname)" = localhost ]
		[ "$$" = 1 ]                              # a process namespace of its own
		[ -c /dev/null ] && [ -d /dev/pts ] && [ -d /run/lock ]
		[ -z "${HOST_SECRET-}" ]                  # none of the host's environment
		rm /etc/base; echo new >/etc/new
		! curl -s -m 5 -o /dev/null http://127.0.0.1:8080/
		sleep 1000 &                              # must end with the cell
	`)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(filepath.Join(base, "etc/base")); err != nil {
		t.Errorf("the lower layer was written to: %v", err)
	}
	if _, err := os.Stat(filepath.Join(upper, "etc/new")); err != nil {
		t.Errorf("what was written is not in the upper layer: %v", err)
	}
	mountsNow, err := os.ReadFile("/proc/self/mounts")
	if err != nil || strings.Contains(string(mountsNow), c.work) {
		t.Errorf("something is still mounted below %s, %v", c.work, err)
	}
	// The layers seen from another cell, read-only, with the deletion.
	over := cell{layers: []string{base}, work: t.TempDir(), mounts: mounts, image: []string{base, upper}}
	err = over.run(t.Context(), quiet, j, "look at the image", "sh", "-ec", `
		[ "$(cat /mnt/etc/new)" = new ] && [ ! -e /mnt/etc/base ] && ! touch /mnt/etc/x 2>/dev/null`)
	if err != nil {
		t.Error(err)
	}
}

func TestCommandFailureSaysWhere(t *testing.T) {
	j := testJournal(t)
	err := run(t.Context(), quiet, j, command{name: "do the thing", argv: []string{"sh", "-c", "echo first; echo the reason >&2; exit 3"}})
	for _, want := range []string{"do the thing", "exit status 3", "the reason", j.file.Name()} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("the error does not say %q: %v", want, err)
		}
	}
}

func TestCommandEndsWithItsContext(t *testing.T) {
	needRoot(t)
	base, mounts := hostLayer(t)
	ctx, cancel := context.WithCancel(t.Context())
	j := testJournal(t)
	pid := filepath.Join(t.TempDir(), "pid")
	c := cell{layers: []string{base}, work: t.TempDir(), mounts: append(mounts, mount{filepath.Dir(pid), "/media"})}
	done := make(chan error, 1)
	go func() {
		done <- c.run(ctx, quiet, j, "wait", "sh", "-c", "echo up >/media/pid; sleep 1000 & wait")
	}()
	for deadline := time.Now().Add(20 * time.Second); ; {
		if _, err := os.Stat(pid); err == nil {
			break
		}
		if time.Now().After(deadline) {
			t.Fatal("the command did not start: " + j.tail())
		}
		time.Sleep(10 * time.Millisecond)
	}
	cancel()
	select {
	case err := <-done:
		if !errors.Is(err, context.Canceled) {
			t.Errorf("got %v, want canceled", err)
		}
	case <-time.After(20 * time.Second):
		t.Fatal("the command outlives its context")
	}
}

func TestGateway(t *testing.T) {
	needRoot(t)
	if _, err := exec.LookPath("curl"); err != nil {
		t.Skip("needs curl")
	}
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.WriteString(w, "hello from "+r.Host+r.URL.Path)
	}))
	defer srv.Close()
	g, err := newGateway(t.Context(), quiet, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer g.Close()
	base, mounts := hostLayer(t)
	c := cell{layers: []string{base}, work: t.TempDir(), mounts: mounts, net: g}
	j := testJournal(t)
	if err := c.run(t.Context(), quiet, j, "fetch", "curl", "-sf", "-m", "20", "--noproxy", "", "-x", "http://"+gatewayAddress, srv.URL+"/pool/x.deb"); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(j.tail(), "/pool/x.deb") || !strings.Contains(j.tail(), "hello from") {
		t.Errorf("got %q", j.tail())
	}
	if err := c.run(t.Context(), quiet, j, "go past the proxy", "curl", "-sf", "-m", "5", "--noproxy", "*", srv.URL); err == nil {
		t.Error("the host can be reached without the proxy")
	}
	// Two builds do not meet: the same address again, at the same time.
	other, err := newGateway(t.Context(), quiet, &url.URL{Scheme: "http", Host: "127.0.0.1:9"})
	if err != nil {
		t.Fatal(err)
	}
	other.Close()
}
