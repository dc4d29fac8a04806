package cloud

import (
	"slices"
	"strings"
	"testing"
	"time"

	"sandai/installer/guide/kind"
)

// TestEvacuateAndLeave: the servers of a node that is off are made anew on another,
// those that ran run again, and nothing of the cloud waits for the node afterwards.
func TestEvacuateAndLeave(t *testing.T) {
	f, c := drainable(t)
	f.withPlacement()
	f.remove("servers", "id-old")
	f.holds("id-web", "rp-1", "rp-2") // as Nova leaves it after an evacuation
	f.holds("id-far", "rp-2")
	d := kind.APIDrain{Node: "compute-1", Since: time.Now().Add(-time.Minute), Servers: []kind.DrainServer{
		{ID: "id-web", Name: "web", Start: true}, {ID: "id-db", Name: "db", Start: true}, {ID: "id-off", Name: "off"}, {ID: "id-nobody", Name: "nobody", Start: true}}}
	if _, err := c.Do(t.Context(), kind.API{Drain: &d}, nil); err != nil {
		t.Fatal(err)
	}
	_, err := c.Do(t.Context(), kind.API{Leave: &kind.APILeave{Node: "compute-1"}}, nil)
	if err == nil || !strings.Contains(err.Error(), "is still on compute-1") || nova(f) == "none" {
		t.Errorf("the cloud forgets a node with servers on it: %v", err)
	}
	for range 2 { // a second time, as after a crash, moves nothing again
		if _, err := c.Do(t.Context(), kind.API{Evacuate: &d}, nil); err != nil {
			t.Fatal(err)
		}
	}
	for id, want := range map[string]string{"id-web": "ACTIVE", "id-db": "ACTIVE", "id-off": "SHUTOFF"} {
		var did []string
		for _, a := range f.state("servers", id, "did").([]object) {
			did = append(did, a["action"].(string))
		}
		ran := want == "ACTIVE"
		if got := f.state("servers", id, "status"); got != want || f.state("servers", id, "OS-EXT-SRV-ATTR:host") != "compute-2" ||
			ran && !slices.Equal(did, []string{"stop", "evacuate", "start"}) || !ran && !slices.Equal(did, []string{"evacuate"}) {
			t.Errorf("%s is %v on %v after %v", id, got, f.state("servers", id, "OS-EXT-SRV-ATTR:host"), did)
		}
	}

	r, err := c.Do(t.Context(), kind.API{Leave: &kind.APILeave{Node: "compute-1"}}, nil)
	if err != nil || !strings.Contains(r.Summary, "nova-compute, neutron-openvswitch-agent") || nova(f) != "none" {
		t.Fatalf("%v, %q", err, r.Summary)
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.get("gone", "rp-1") == nil || f.get("gone", "rp-2") != nil || len(f.holders("rp-1")) != 0 || len(f.holders("rp-2")) != 2 {
		t.Errorf("of rp-1 is held %v, of rp-2 %v; gone are %v", f.holders("rp-1"), f.holders("rp-2"), f.kinds["gone"])
	}
}

// TestEvacuateFails: a server that finds no room is named, and can be tried again.
func TestEvacuateFails(t *testing.T) {
	f, c := drainable(t)
	set := func(faulty bool) {
		f.mu.Lock()
		f.faulty = faulty
		f.mu.Unlock()
	}
	set(true)
	d := kind.APIDrain{Node: "compute-1", Since: time.Now().Add(-time.Minute), Servers: []kind.DrainServer{{ID: "id-db", Name: "db", Start: true}}}
	_, err := c.Do(t.Context(), kind.API{Evacuate: &d}, nil)
	if err == nil || !strings.Contains(err.Error(), "server db found no other node: No valid host was found.; nothing was wiped yet") {
		t.Errorf("%v", err)
	}
	set(false)
	if _, err := c.Do(t.Context(), kind.API{Evacuate: &d}, nil); err != nil || f.state("servers", "id-db", "OS-EXT-SRV-ATTR:host") != "compute-2" {
		t.Errorf("with room: %v", err)
	}
	// The node is reinstalled after all: Nova believes again that it is up.
	if _, err := c.Do(t.Context(), kind.API{Return: &kind.APIDrain{Node: d.Node, Since: d.Since}}, nil); err != nil || f.serviceOf("compute-1")["state"] != "up" {
		t.Errorf("its return: %v", err)
	}
}
