package e2e

import (
	"fmt"
	"net"
	"net/http"
	"strings"
)

// roles: an administrator makes a viewer, who may look and nothing else.
func (s *story) roles(b *browser) {
	b.open("/settings/users")
	b.fill(`form[action="/settings/users"] input[name="name"]`, "eve")
	b.choose(`form[action="/settings/users"] select[name="role"]`, "viewer")
	b.fill(`form[action="/settings/users"] input[name="password"]`, password)
	if there, _ := eval[bool](b, `!!document.querySelector('form[action="/settings/users"] input[name="again"]')`); there {
		b.fill(`form[action="/settings/users"] input[name="again"]`, password)
	}
	b.click(`form[action="/settings/users"] button`, "")
	b.has("main", "eve")

	eve := b.another()
	eve.open(s.url())
	eve.at("/login.*") // nobody sees the rack unasked
	eve.accessible("sign-in")
	eve.excuse(`4\d\d.*/login`)
	eve.signIn("eve", "a wrong password, surely")
	eve.has("[role=alert]", "wrong")
	eve.accessible("sign-in, refused")
	eve.signIn("eve", password)
	eve.at("/racks/.*")
	eve.has("[data-units] li", "compute-1")
	eve.see("installing wants the role operator")
	eve.hasNot("a.button", "nstall")
	eve.accessible("the rack as a viewer sees it")
	for _, path := range []string{"/settings/users", "/settings/audit"} {
		eve.excuse(`403.*` + path)
		eve.open(path)
		eve.hasNot("main table", "admin")
		eve.accessible(path + " as a viewer sees it")
	}
	// What her page does not offer her she is refused, too.
	eve.excuse(`403.*/power`)
	status, err := eval[int](eve, fmt.Sprintf(`fetch(%s, {method: "POST", body: new URLSearchParams({node: "compute-1", op: "off", confirm: "compute-1"})}).then((r) => r.status)`, quote(s.url()+"/power")))
	if err != nil || status != http.StatusForbidden {
		b.Errorf("a viewer switches a server off: %d, %v", status, err)
	}

	// She leaves, and is a stranger again.
	eve.open(s.url())
	eve.click("header details summary", "eve")
	eve.click("header button", "Sign out")
	eve.at("/login.*")
	eve.open(s.url())
	eve.at("/login.*")

	b.open("/settings/audit")
	b.see("eve")
	b.accessible("the audit log")
}

// foreignPage: a page of another origin, in the browser of who is signed in,
// can change nothing.
func (s *story) foreignPage(b *browser) {
	before := s.powered("compute-1")
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	page := fmt.Sprintf(`<!doctype html><title>foreign</title><form method="post" action="%s%s/power"><input name="node" value="compute-1"><input name="op" value="off"><input name="confirm" value="compute-1"><button>win a server</button></form>`, b.base, s.url())
	srv := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/html")
		if strings.HasSuffix(r.URL.Path, ".ico") {
			w.WriteHeader(http.StatusNoContent)
			return
		}
		fmt.Fprint(w, page)
	})}
	go srv.Serve(l) //nolint:errcheck // ends with the test
	defer srv.Close()

	base := b.base
	defer func() { b.base = base }()
	b.base = "http://" + l.Addr().String()
	b.excuse(`403.*/power`)
	b.open("/")
	b.click("button", "win a server")
	b.until("the appliance has answered", `location.pathname.endsWith("/power")`)
	b.hasNot("[data-units] li", "")
	if after := s.powered("compute-1"); after != before {
		b.Errorf("a foreign page's click switched compute-1: it was on: %t, and is now: %t", before, after)
	}
}

// powered reports whether a machine is on, as it is itself.
func (s *story) powered(machine string) bool {
	s.Helper()
	for _, m := range s.rack.Status().Machines {
		if m.Name == machine {
			return m.Power
		}
	}
	s.Fatalf("the rack has no machine %s", machine)
	return false
}

// gone: with the appliance down the page says so, and comes back by itself.
func (s *story) gone(b *browser) {
	b.open(s.url())
	b.excuse(`ERR_CONNECTION|ERR_INCOMPLETE|ERR_EMPTY|502|/live|EventStream|ERR_HTTP2|ERR_SSL|ERR_NETWORK`)
	s.kill()
	b.has(".gone-note", "does not answer")
	b.accessible("the page without an appliance")
	s.serve()
	b.hasNot(".gone-note", "")
	b.has("[data-units] li", "compute-1")
}
