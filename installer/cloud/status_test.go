package cloud

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"sandai/inventory"
)

func statusCloud(t *testing.T) (*fakeCloud, *Cloud) {
	f := newFakeCloud(t)
	f.ready()
	f.services()
	f.withPlacement()
	f.add("networks", object{"id": "n-ext", "name": "provider", "router:external": true}, object{"id": "n-own", "name": "selfservice", "router:external": false})
	f.add("servers", object{"id": "s1", "status": "ACTIVE"}, object{"id": "s2", "status": "ACTIVE"}, object{"id": "s3", "status": "ERROR"})
	f.add("volumes", object{"id": "v1", "status": "in-use"})
	return f, f.client()
}

func TestStatus(t *testing.T) {
	f, c := statusCloud(t)
	f.mu.Lock()
	for _, v := range f.kinds["nova_services"] {
		if v["binary"] == "nova-compute" {
			v["state"], v["updated_at"] = "down", "2025-01-01T10:20:30.000000"
		}
		if v["binary"] == "nova-conductor" {
			v["status"], v["disabled_reason"] = "disabled", "being looked at"
		}
	}
	f.kinds["agents"] = slices.DeleteFunc(f.kinds["agents"], func(o object) bool { return o["binary"] == "neutron-l3-agent" })
	f.mu.Unlock()
	got := c.Status(t.Context())
	if len(got.Errors) != 0 {
		t.Fatalf("errors: %+v", got.Errors)
	}
	find := func(binary, host string) inventory.ServiceStatus {
		i := slices.IndexFunc(got.Services, func(v inventory.ServiceStatus) bool { return v.Binary == binary && v.Host == host })
		if i < 0 {
			t.Fatalf("%s on %s is not in %+v", binary, host, got.Services)
		}
		return got.Services[i]
	}
	if v := find("nova-compute", "compute-1"); v.Up || !v.Enabled || v.Since == nil || !v.Since.Equal(time.Date(2025, 1, 1, 10, 20, 30, 0, time.UTC)) {
		t.Errorf("a service that is down: %+v", v)
	}
	if v := find("nova-conductor", "controller-1"); !v.Up || v.Enabled || v.Reason != "being looked at" || v.Since != nil {
		t.Errorf("a service that is disabled: %+v", v)
	}
	if v := find("neutron-dhcp-agent", "network-1"); !v.Up || v.Since == nil || v.Kind != inventory.PartNetwork {
		t.Errorf("an agent: %+v", v)
	}
	if v := find("neutron-l3-agent", "network-1"); v.Up || v.Reason == "" {
		t.Errorf("an agent that never reported: %+v", v)
	}
	if v := find("cinder-volume", "controller-1@lvm"); !v.Up || v.Zone != "nova" {
		t.Errorf("a volume service: %+v", v)
	}
	if len(got.Services) != 10 {
		t.Errorf("%d services: %+v", len(got.Services), got.Services)
	}
	n, v := 3, 1
	node := func(name string) inventory.NodeCapacity {
		return inventory.NodeCapacity{Node: name, VCPUs: inventory.Amount{Used: 1, Total: 16, Ratio: 4}, MemoryMB: inventory.Amount{Used: 192, Total: 3388, Ratio: 1}, DiskGB: inventory.Amount{Used: 1, Total: 19, Ratio: 1}}
	}
	want := inventory.Capacity{VCPUs: &inventory.Amount{Used: 2, Total: 32, Ratio: 4}, MemoryMB: &inventory.Amount{Used: 384, Total: 6776, Ratio: 1}, DiskGB: &inventory.Amount{Used: 2, Total: 38, Ratio: 1},
		FloatingIPs: &inventory.Amount{Used: 2, Total: 100}, VolumeGB: &inventory.Amount{Used: 1.5, Total: 20}, Volumes: &v, Instances: &n,
		ByStatus: map[string]int{"ACTIVE": 2, "ERROR": 1}, ComputeNodes: []inventory.NodeCapacity{node("compute-1"), node("compute-2")}}
	if diff := cmp.Diff(want, got.Capacity); diff != "" {
		t.Error(diff)
	}
	for _, e := range got.Endpoints {
		if !e.Up || e.Status == 0 || e.Error != "" || e.Milliseconds <= 0 {
			t.Errorf("endpoint %+v", e)
		}
	}
	if len(got.Endpoints) != 5 {
		t.Errorf("%d endpoints", len(got.Endpoints))
	}
}

// TestStatusParts: what does not answer is named, and the rest stands.
func TestStatusParts(t *testing.T) {
	f, c := statusCloud(t)
	if got := c.Status(t.Context()); len(got.Errors) != 0 {
		t.Fatalf("errors: %+v", got.Errors)
	}
	f.fail(failure{method: "GET", path: "os-services", status: 503, times: 2}) // Nova's and Cinder's
	f.fail(failure{method: "GET", path: "inventories", status: 500, times: 1})
	f.fail(failure{method: "GET", path: "/image/", status: 502, times: 1})
	got := c.Status(t.Context())
	var parts []string
	for _, e := range got.Errors {
		parts = append(parts, e.Part)
		if !strings.Contains(e.Text, "answered 50") || !strings.Contains(e.Text, "a reason out of the service") {
			t.Errorf("%s: %s", e.Part, e.Text)
		}
	}
	if want := []string{"compute", "placement", "volume"}; !slices.Equal(parts, want) {
		t.Errorf("the parts in error are %v, want %v", parts, want)
	}
	if len(got.Services) != 5 || got.Capacity.Instances == nil || got.Capacity.VCPUs != nil || got.Capacity.FloatingIPs == nil {
		t.Errorf("what still stands: %+v", got)
	}
	if i := slices.IndexFunc(got.Endpoints, func(e inventory.EndpointStatus) bool { return !e.Up }); i < 0 || got.Endpoints[i].Service != "image" || got.Endpoints[i].Status != 502 {
		t.Errorf("endpoints: %+v", got.Endpoints)
	}
}

func TestStatusLogin(t *testing.T) {
	f, _ := statusCloud(t)
	cfg := f.config()
	cfg.Password = "no"
	got := New(cfg).Status(t.Context())
	if len(got.Errors) != 1 || got.Errors[0].Part != inventory.PartLogin || !strings.Contains(got.Errors[0].Text, "refuses user admin") {
		t.Errorf("errors: %+v", got.Errors)
	}
}
