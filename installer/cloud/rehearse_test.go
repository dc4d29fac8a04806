package cloud

import (
	"context"
	"slices"
	"strings"
	"testing"

	"sandai/installer/guide/kind"
)

// twoNetworks is a cloud of two network nodes, the first of which serves router r1.
func twoNetworks(t *testing.T) *fakeCloud {
	f := newFakeCloud(t)
	f.services()
	for _, host := range []string{"network-1", "network-2"} {
		f.add("agents", agentOf("l3@"+host, "neutron-l3-agent", host, true))
	}
	f.add("routers", object{"id": "r1", "name": "r1", "external_gateway_info": object{"network_id": "ext"}})
	f.add("ports", object{"id": "gateway", "device_id": "r1", "status": "ACTIVE", "binding:host_id": "network-1"},
		object{"id": "never-up", "device_id": "r1", "status": "N/A", "binding:host_id": ""})
	f.add("scheduled", object{"agent": "l3@network-1", "thing": "r1"})
	return f
}

// TestRehearse: an agent that has served no router serves one of no use before a router
// is taken from the node; afterwards that is gone, and the moved one is served.
func TestRehearse(t *testing.T) {
	f := twoNetworks(t)
	f.add("routers", object{"id": "left", "name": rehearsal + "left", "external_gateway_info": object{"network_id": "ext"}}) // by a try that was ended
	do := func(ctx context.Context, progress func(string)) (Result, error) {
		return f.client().Do(ctx, kind.API{Reschedule: &kind.APIReschedule{Node: "network-1"}}, progress)
	}
	ctx, end := context.WithCancel(t.Context())
	_, err := do(ctx, func(string) { end() }) // at the first sight of a port that is not served
	if err == nil || !strings.Contains(err.Error(), rehearsal+"network-2") || !strings.Contains(err.Error(), "0 of 1 ports up") {
		t.Errorf("an agent that does not serve yet: %v", err)
	}
	if f.get("ports", "gateway")["binding:host_id"] != "network-1" {
		t.Error("the router was moved before the rehearsal's end")
	}
	r, err := do(t.Context(), nil)
	if err != nil || !strings.Contains(r.Summary, "1 routers") {
		t.Fatalf("%v, %+v", err, r)
	}
	if p := f.get("ports", "gateway"); p["binding:host_id"] != "network-2" || p["status"] != "ACTIVE" {
		t.Errorf("it was not waited for: %v", p)
	}
	if rs := f.kinds["routers"]; len(rs) != 1 || rs[0]["id"] != "r1" {
		t.Errorf("the routers are %v", rs)
	}
	asked := len(f.log)
	if r, err := do(t.Context(), nil); err != nil || r.Changed || slices.ContainsFunc(f.log[asked:], func(l string) bool { return strings.HasPrefix(l, "POST /network") }) {
		t.Errorf("a second time: %v, %+v, %v", err, r, f.log[asked:])
	}
}

// TestNoRehearsal: where no address is left for the rehearsal, the router moves without.
func TestNoRehearsal(t *testing.T) {
	f := twoNetworks(t)
	f.fail(failure{method: "POST", path: "routers", status: 409, times: 1})
	var said []string
	_, err := f.client().Do(t.Context(), kind.API{Reschedule: &kind.APIReschedule{Node: "network-1"}}, func(l string) { said = append(said, l) })
	if p := f.get("ports", "gateway"); err != nil || p["binding:host_id"] != "network-2" || p["status"] != "ACTIVE" {
		t.Errorf("%v, %v", err, p)
	}
	if all := strings.Join(said, "\n"); !strings.Contains(all, "without it traffic may stop for longer") {
		t.Errorf("it said %s", all)
	}
}
