package agent_test

import (
	"encoding/pem"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/iotest"

	"sandai/installer/agent"
	"sandai/inventory"
)

// TestSaved: an item goes out and comes back as a stream; what breaks off on either
// way is never taken for whole.
func TestSaved(t *testing.T) {
	items := map[string]string{}
	cut := false
	srv := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		name := strings.TrimPrefix(r.URL.Path, "/agent/v1/saved/")
		switch text, ok := items[name]; {
		case r.Method == http.MethodPut:
			b, err := io.ReadAll(r.Body)
			if err != nil {
				return
			}
			items[name] = string(b)
		case !ok:
			w.WriteHeader(http.StatusNotFound)
			_, _ = io.WriteString(w, `{"code":"not found","text":"nothing was saved"}`)
		default:
			w.Header().Set("Trailer", inventory.SavedBytes)
			if cut {
				text = text[:2]
			}
			_, _ = io.WriteString(w, text)
			if !cut {
				w.Header().Set(inventory.SavedBytes, "5")
			}
		}
	}))
	t.Cleanup(srv.Close)
	ca := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: srv.Certificate().Raw})
	c, err := agent.NewClient(agent.ClientConfig{URL: srv.URL, CA: ca})
	if err != nil {
		t.Fatal(err)
	}
	there := func() bool {
		t.Helper()
		ok, err := c.IsSaved(t.Context(), "files")
		if err != nil {
			t.Fatal(err)
		}
		return ok
	}
	read := func() (string, error) {
		r, err := c.Saved(t.Context(), "files")
		if err != nil {
			return "", err
		}
		defer r.Close()
		b, err := io.ReadAll(r)
		return string(b), err
	}
	if there() {
		t.Error("it is there before it was saved")
	}
	if _, err := read(); inventory.CodeOf(err) != inventory.NotFound || !strings.Contains(err.Error(), "nothing was saved") {
		t.Errorf("nothing: %v", err)
	}
	boo := errors.New("boo")
	if err := c.Save(t.Context(), "files", io.MultiReader(strings.NewReader("wh"), iotest.ErrReader(boo))); !errors.Is(err, boo) || there() {
		t.Errorf("broken off on the way out: %v", err)
	}
	if err := c.Save(t.Context(), "files", strings.NewReader("whole")); err != nil || !there() {
		t.Errorf("saved: %v", err)
	}
	if text, err := read(); err != nil || text != "whole" {
		t.Errorf("read %q, %v", text, err)
	}
	cut = true
	if text, err := read(); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("broken off on the way back: %q, %v", text, err)
	}
	srv.Close()
	if _, err := c.IsSaved(t.Context(), "files"); inventory.CodeOf(err) != inventory.Unavailable {
		t.Errorf("nobody there: %v", err)
	}
}
