package cloud

import (
	"slices"
	"strings"
	"testing"
	"time"

	"sandai/installer/guide/kind"
	"sandai/inventory"
)

// hosts adds a server that runs on compute-1; an image of "" is a volume's.
func (f *fakeCloud) hosts(name, status, image string) {
	o := object{"id": "id-" + name, "name": name, "status": status, "tenant_id": "p-admin", "created": "2025-01-01T00:00:00Z", "image": "",
		"OS-EXT-SRV-ATTR:host": "compute-1", "OS-EXT-STS:power_state": map[string]int{"ACTIVE": 1}[status] + map[string]int{"SHUTOFF": 4}[status]}
	if image != "" {
		o["image"] = object{"id": image}
	}
	f.add("servers", o)
}

func (f *fakeCloud) state(kind, id, field string) any {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.get(kind, id)[field]
}

// drainable is a cloud with a server of each sort on compute-1, and one elsewhere.
func drainable(t *testing.T) (*fakeCloud, *Cloud) {
	f := newFakeCloud(t)
	f.ready()
	f.services()
	c := f.client()
	f.add("images", object{"id": "im-debian", "name": "debian", "status": "active", "created_at": "2025-01-01T00:00:00Z", "updated_at": "2025-01-01T00:00:00Z", "size": 1})
	f.hosts("web", "ACTIVE", "im-debian")
	f.hosts("db", "ACTIVE", "")
	f.hosts("off", "SHUTOFF", "im-debian")
	f.hosts("old", "ACTIVE", "im-gone")
	f.add("servers", object{"id": "id-far", "name": "far", "status": "ACTIVE", "OS-EXT-SRV-ATTR:host": "compute-2", "created": "2025-01-01T00:00:00Z"})
	return f, c
}

func nova(f *fakeCloud) string {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, o := range f.kinds["nova_services"] {
		if o["binary"] == "nova-compute" {
			return o["status"].(string)
		}
	}
	return "none"
}

func TestHosted(t *testing.T) {
	f, c := drainable(t)
	for name, image := range map[string]string{"drive": "im-debian", "blank": "im-gone"} { // from a volume, with a config drive
		f.hosts(name, "ACTIVE", "")
		f.mu.Lock()
		o := f.get("servers", "id-"+name)
		o["config_drive"], o["os-extended-volumes:volumes_attached"] = "True", []object{{"id": "vol-" + name}}
		f.addLocked("volumes", object{"id": "vol-" + name, "status": "in-use", "bootable": "true", "volume_image_metadata": object{"image_id": image}})
		f.mu.Unlock()
	}
	h, err := c.Hosted(t.Context(), "compute-1")
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, s := range h.Servers {
		got = append(got, strings.TrimSpace(s.Name+" "+string(s.Fate)+" "+s.DriveImage))
	}
	slices.Sort(got)
	if want := []string{"blank blocks", "db restarted", "drive restarted im-debian", "off rebuilt", "old lost", "web rebuilt"}; h.Hypervisor != "1" || !slices.Equal(got, want) {
		t.Errorf("hypervisor %q carries %q, want %q", h.Hypervisor, got, want)
	}
}

func TestDrainAndReturn(t *testing.T) {
	f, c := drainable(t)
	d := kind.APIDrain{Node: "compute-1", Since: time.Now().Add(-time.Minute), Servers: []kind.DrainServer{
		{ID: "id-web", Name: "web", Image: "im-debian", Start: true}, {ID: "id-db", Name: "db", Start: true}, {ID: "id-off", Name: "off", Image: "im-debian"}}}

	// A server that nobody decided about: nothing is changed.
	_, err := c.Do(t.Context(), kind.API{Drain: &d}, nil)
	if err == nil || !strings.Contains(err.Error(), "old (id-old) came to compute-1 since") || nova(f) != "enabled" || f.state("servers", "id-web", "status") != "ACTIVE" {
		t.Fatalf("%v; nova-compute is %s", err, nova(f))
	}
	d.Servers = append(d.Servers, kind.DrainServer{ID: "id-old", Name: "old"})
	r, err := c.Do(t.Context(), kind.API{Drain: &d}, nil)
	if err != nil || !r.Changed || nova(f) != "disabled" || !strings.Contains(r.Summary, "of 4 there, 3 were stopped") {
		t.Fatalf("%v; nova-compute is %s; %q", err, nova(f), r.Summary)
	}
	for _, id := range []string{"id-web", "id-db", "id-off", "id-old"} {
		if st := f.state("servers", id, "status"); st != "SHUTOFF" {
			t.Errorf("%s is %v", id, st)
		}
	}
	if st := f.state("servers", "id-far", "status"); st != "ACTIVE" {
		t.Errorf("a server on another node is %v", st)
	}
	if r, err = c.Do(t.Context(), kind.API{Drain: &d}, nil); err != nil || r.Changed {
		t.Errorf("a second drain: changed %v, %v", r.Changed, err)
	}

	for range 2 { // a second time, as after a crash, makes nothing anew
		if r, err = c.Do(t.Context(), kind.API{Return: &d}, nil); err != nil {
			t.Fatal(err)
		}
		want := map[string]string{"id-web": "ACTIVE", "id-db": "ACTIVE", "id-off": "SHUTOFF", "id-old": "SHUTOFF"}
		for id, st := range want {
			if got := f.state("servers", id, "status"); got != st {
				t.Errorf("%s is %v, want %s", id, got, st)
			}
		}
	}
	for id, want := range map[string][]string{"id-web": {"stop", "rebuild", "start"}, "id-db": {"stop", "start"}, "id-off": {"rebuild"}, "id-old": {"stop"}} {
		var did []string
		for _, a := range f.state("servers", id, "did").([]object) {
			did = append(did, a["action"].(string))
		}
		if !slices.Equal(did, want) {
			t.Errorf("%s went through %v, want %v", id, did, want)
		}
	}
	if nova(f) != "enabled" {
		t.Errorf("nova-compute is %s", nova(f))
	}
}

// TestReturnFails: a server that cannot be made anew is named, with the reason.
func TestReturnFails(t *testing.T) {
	f, c := drainable(t)
	f.mu.Lock()
	f.faulty = true
	f.mu.Unlock()
	_, err := c.Do(t.Context(), kind.API{Return: &kind.APIDrain{Node: "compute-1", Since: time.Now(), Servers: []kind.DrainServer{{ID: "id-off", Name: "off", Image: "im-debian", Start: true}}}}, nil)
	if err == nil || !strings.Contains(err.Error(), "server off went into ERROR when it was made anew: Image is not valid.") {
		t.Errorf("%v", err)
	}
	// One whose owner deleted it meanwhile is no trouble, nor one that ended with
	// its dead machine.
	f.mu.Lock()
	f.get("servers", "id-db")["OS-EXT-STS:power_state"] = 4
	f.mu.Unlock()
	_, err = c.Do(t.Context(), kind.API{Return: &kind.APIDrain{Node: "compute-1", Servers: []kind.DrainServer{{ID: "id-nobody", Name: "nobody", Image: "im-debian", Start: true}, {ID: "id-db", Name: "db", Start: true}}}}, nil)
	if err != nil || f.state("servers", "id-db", "OS-EXT-STS:power_state") != 1 {
		t.Errorf("%v", err)
	}
}

// TestStartFails: a server that goes off again when it is started is started again, and
// named where that does not help.
func TestStartFails(t *testing.T) {
	f, c := drainable(t)
	fails := func(n int) {
		f.mu.Lock()
		defer f.mu.Unlock()
		o := f.get("servers", "id-db")
		o["status"], o["OS-EXT-STS:power_state"], o["fails"] = "SHUTOFF", 4, n
	}
	d := kind.APIDrain{Node: "compute-1", Servers: []kind.DrainServer{{ID: "id-db", Name: "db", Start: true}}}
	fails(2)
	if _, err := c.Do(t.Context(), kind.API{Return: &d}, nil); err != nil || f.state("servers", "id-db", "status") != "ACTIVE" {
		t.Errorf("at the third time: %v", err)
	}
	fails(3)
	if _, err := c.Do(t.Context(), kind.API{Return: &d}, nil); err == nil || !strings.Contains(err.Error(), "server db was started 3 times and went off again") {
		t.Errorf("at no time: %v", err)
	}
}

// TestFates: what cannot be kept nor made anew waits for a person.
func TestFates(t *testing.T) {
	if got := inventory.Leaves(inventory.FateOf(inventory.HostedServer{Status: "ACTIVE", Drive: true}, true), true); got.Fate != inventory.ServerMoved {
		t.Errorf("with a config drive and no image, a release has it %s: %s", got.Fate, got.Reason)
	}
	for s, want := range map[inventory.HostedServer]inventory.ServerFate{
		{Status: "ACTIVE"}: inventory.ServerRestarted, {Status: "SHUTOFF"}: inventory.ServerKept, {Status: "ERROR"}: inventory.ServerKept,
		{Status: "ACTIVE", Drive: true, DriveImage: "x"}: inventory.ServerRestarted, {Status: "SHUTOFF", Drive: true, DriveImage: "x"}: inventory.ServerKept, {Status: "SHUTOFF", Drive: true}: inventory.ServerBlocks,
		{Status: "ACTIVE", Image: "x"}: inventory.ServerRebuilt, {Status: "PAUSED", Image: "x"}: inventory.ServerBlocks, {Status: "SUSPENDED"}: inventory.ServerBlocks,
		{Status: "ACTIVE", Image: "x", Proof: true}: inventory.ServerRemoved, {Status: "BUILD", Image: "x", Proof: true}: inventory.ServerRemoved,
	} {
		if got := inventory.FateOf(s, true); got.Fate != want || got.Reason == "" {
			t.Errorf("%s, image %q: %s, %q; want %s", s.Status, s.Image, got.Fate, got.Reason, want)
		}
	}
}
