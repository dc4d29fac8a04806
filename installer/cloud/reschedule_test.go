package cloud

import (
	"strings"
	"testing"

	"sandai/installer/guide/kind"
)

func agentOf(id, binary, host string, alive bool) object {
	return object{"id": id, "binary": binary, "host": host, "alive": alive, "admin_state_up": true, "agent_type": "x",
		"created_at": "2025-01-01 00:00:00", "started_at": "2025-01-01 00:00:00", "heartbeat_timestamp": "2025-01-01 00:00:00"}
}

// TestReschedule: what one network node serves is spread over the others that are up,
// what only others serve stays, and a try that was ended half-way is gone on with.
func TestReschedule(t *testing.T) {
	f := newFakeCloud(t)
	f.services()
	agent := func(binary, host string, alive bool) {
		f.add("agents", agentOf(binary+"@"+host, "neutron-"+binary+"-agent", host, alive))
	}
	for _, host := range []string{"network-1", "network-2", "network-3", "network-4"} {
		agent("l3", host, host != "network-4")
		agent("dhcp", host, host != "network-4")
	}
	for _, r := range []string{"r1", "r2", "r3", "r-far", "r-ha", "r-nobody"} {
		f.add("routers", object{"id": r, "name": r})
	}
	for _, n := range []string{"n1", "n2", "n-both"} {
		f.add("networks", object{"id": n, "name": n})
	}
	for _, s := range [][2]string{{"l3@network-1", "r1"}, {"l3@network-1", "r2"}, {"l3@network-1", "r3"}, {"l3@network-2", "r-far"}, {"l3@network-1", "r-ha"}, {"l3@network-3", "r-ha"},
		{"dhcp@network-1", "n1"}, {"dhcp@network-1", "n2"}, {"dhcp@network-1", "n-both"}, {"dhcp@network-2", "n-both"}} {
		f.add("scheduled", object{"agent": s[0], "thing": s[1]})
	}
	r, err := f.client().Do(t.Context(), kind.API{Reschedule: &kind.APIReschedule{Node: "network-1"}}, nil)
	if err != nil || !r.Changed || !strings.Contains(r.Summary, "4 routers and DHCP of 3 networks") {
		t.Fatalf("%v, %+v", err, r)
	}
	has := func() map[string]string {
		out := map[string]string{}
		f.mu.Lock()
		defer f.mu.Unlock()
		for _, s := range f.kinds["scheduled"] {
			out[s["thing"].(string)] += s["agent"].(string) + " "
		}
		return out
	}
	load := map[string]int{}
	now := has()
	for thing, on := range now {
		if strings.Contains(on, "network-4") || strings.Contains(on, "network-1") && thing != "r-ha" { // which fails over by itself
			t.Errorf("%s is on %s", thing, on)
		}
		for _, a := range strings.Fields(on) {
			load[a]++
		}
	}
	if len(now) != 9 || load["l3@network-2"] != 3 || load["l3@network-3"] != 3 || load["dhcp@network-2"] != 2 || load["dhcp@network-3"] != 1 {
		t.Errorf("scheduled are %v, so many each: %v", now, load)
	}
	if r, err = f.client().Do(t.Context(), kind.API{Reschedule: &kind.APIReschedule{Node: "network-1"}}, nil); err != nil || r.Changed {
		t.Errorf("a second time: %v, %+v", err, r)
	}
}

// TestRescheduleAlone: where nobody could take them, nothing is taken from the node.
func TestRescheduleAlone(t *testing.T) {
	f := newFakeCloud(t)
	f.services()
	f.add("agents", agentOf("l3", "neutron-l3-agent", "network-1", true), agentOf("far", "neutron-l3-agent", "network-2", false))
	f.add("routers", object{"id": "r1", "name": "r1"})
	f.add("scheduled", object{"agent": "l3", "thing": "r1"})
	_, err := f.client().Do(t.Context(), kind.API{Reschedule: &kind.APIReschedule{Node: "network-1"}}, nil)
	if err == nil || !strings.Contains(err.Error(), "no other network node is up that could take the routers of network-1 over") || len(f.kinds["scheduled"]) != 1 {
		t.Errorf("%v; scheduled are %v", err, f.kinds["scheduled"])
	}
}
