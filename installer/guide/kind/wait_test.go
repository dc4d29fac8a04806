package kind

import (
	"context"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

func TestWaitHTTP(t *testing.T) {
	var asked atomic.Int32
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		if asked.Add(1) < 3 {
			w.WriteHeader(http.StatusServiceUnavailable)
			return
		}
		w.WriteHeader(http.StatusUnauthorized) // it answers, that is enough
	}))
	defer s.Close()
	effect, err := Do(t.Context(), newHost(t), &Wait{HTTP: s.URL, Interval: "1ms"})
	if err != nil || !effect.Changed || asked.Load() != 3 {
		t.Errorf("changed %v after %d questions: %v", effect.Changed, asked.Load(), err)
	}
}

func TestWaitTCP(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	if effect, err := Do(t.Context(), newHost(t), &Wait{TCP: l.Addr().String()}); effect.Changed || err != nil {
		t.Errorf("%+v, %v", effect, err)
	}
}

func TestWaitPath(t *testing.T) {
	h := newHost(t)
	if err := os.WriteFile(filepath.Join(h.root, "there"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Do(t.Context(), h, &Wait{Path: "/there"}); err != nil {
		t.Error(err)
	}
}

func TestWaitUnit(t *testing.T) {
	h := newHost(t)
	h.answers[" show "] = []Result{show("inactive"), show("activating"), show("failed"), show("activating"), show("active")}
	if effect, err := Do(t.Context(), h, &Wait{Unit: "a", Interval: "1ms"}); err != nil || !effect.Changed {
		t.Errorf("%+v, %v", effect, err)
	}
}

func TestWaitUnitLost(t *testing.T) {
	h := newHost(t)
	h.answers[" show "] = []Result{show("failed")}
	if _, err := Do(t.Context(), h, &Wait{Unit: "a", Interval: "1ms"}); err == nil || !strings.Contains(err.Error(), "a is failed") {
		t.Errorf("error %v", err)
	}
}

func TestWaitSaysLastAnswer(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Millisecond)
	defer cancel()
	_, err := Do(ctx, newHost(t), &Wait{Path: "/never", Interval: "5ms"})
	if err == nil || !strings.Contains(err.Error(), "never: no such file") {
		t.Errorf("error %v", err)
	}
}
