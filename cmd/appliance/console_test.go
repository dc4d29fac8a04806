package main

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http/httptest"
	"strings"
	"testing"

	"sandai/inventory"
	"sandai/web"
	"sandai/web/webtest"
)

func TestConsole(t *testing.T) {
	m := webtest.New()
	m.AddRack(webtest.Rack("demo"))
	s := httptest.NewServer(m.As(inventory.Operator, web.NewAPI(web.Config{Racks: m, Runs: m, Events: m, Installer: m, Power: m, Access: m, Consoles: m.Consoles()})))
	defer s.Close()
	c := &client{base: s.URL}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var out lockedBuffer
	ended := make(chan error, 1)
	go func() {
		ended <- c.console(ctx, "/nodes/compute-1/console", strings.NewReader("root\n"), &out, io.Discard)
	}()
	// The end of the input does not end the session: the echo still comes.
	waitFor(t, "greeting and echo", func() bool { return strings.HasSuffix(out.String(), "compute-1 login: root\n") })
	cancel()
	if err := <-ended; err != nil {
		t.Error(err)
	}
	if err := c.console(t.Context(), "/nodes/nobody/console", strings.NewReader(""), &out, io.Discard); err == nil || !strings.Contains(err.Error(), "there is no node nobody") {
		t.Errorf("a node that is not there: %v", err)
	}
}

func TestUntilEscape(t *testing.T) {
	var got bytes.Buffer
	_, err := io.Copy(&got, &untilEscape{in: strings.NewReader("ls\n\x1dnot sent")})
	if got.String() != "ls\n" || !errors.Is(err, errEscape) {
		t.Errorf("got %q, %v", got.String(), err)
	}
}
