package images

import (
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

const inRelease = "-----BEGIN PGP SIGNED MESSAGE-----\nHash: SHA256\n\nOrigin: Debian\nCodename: trixie\nDate: Sat, 21 Nov 2026 09:15:44 UTC\nSHA256:\n"

func TestAskMirror(t *testing.T) {
	body := inRelease
	status := http.StatusOK
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/debian/dists/trixie/InRelease" {
			t.Errorf("asked for %s", r.URL.Path)
		}
		w.WriteHeader(status)
		_, _ = w.Write([]byte(body))
	}))
	defer srv.Close()
	old := archives
	defer func() { archives = old }()
	archives = []archive{{srv.URL + "/debian", "trixie"}}
	file := filepath.Join(t.TempDir(), "apt", "mirror.json")

	first, online, err := askMirror(t.Context(), file)
	if err != nil || !online {
		t.Fatalf("online %v, %v", online, err)
	}
	if want := time.Date(2026, 11, 21, 9, 15, 44, 0, time.UTC).Unix(); first.epoch() != want {
		t.Errorf("published at %d, want %d", first.epoch(), want)
	}
	body += "more\n"
	changed, _, err := askMirror(t.Context(), file)
	if err != nil || changed[0].Digest == first[0].Digest {
		t.Errorf("a changed file has the same digest, %v", err)
	}
	// An error page is no state of the mirror, and neither is silence.
	for name, breakIt := range map[string]func(){
		"error status": func() { status = http.StatusBadGateway },
		"error page":   func() { status, body = http.StatusOK, "<html>Sign in" },
		"no server":    func() { srv.Close() },
	} {
		t.Run(name, func(t *testing.T) {
			breakIt()
			got, online, err := askMirror(t.Context(), file)
			if err != nil || online {
				t.Fatalf("online %v, %v", online, err)
			}
			if d := cmp.Diff(changed, got); d != "" {
				t.Error("not the remembered state:", d)
			}
			if _, _, err := askMirror(t.Context(), file+".none"); err == nil {
				t.Error("offline with nothing remembered is no error")
			}
		})
	}
}
