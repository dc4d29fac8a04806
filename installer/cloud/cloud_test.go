package cloud

import (
	"context"
	"errors"
	"maps"
	"net"
	"slices"
	"strings"
	"testing"
	"time"

	"sandai/installer/guide/kind"
)

// objects are the steps of a guide, in order, with the path that a request to
// make each goes to.
func objects(f *fakeCloud) []struct {
	name, path string
	makes      int
	step       kind.API
} {
	base := "http://controller:" + f.srv.URL[strings.LastIndex(f.srv.URL, ":")+1:]
	return []struct {
		name, path string
		makes      int
		step       kind.API
	}{
		{"project", "/identity/v3/projects", 1, kind.API{Project: &kind.APIProject{Name: "service"}}},
		{"role", "/identity/v3/roles", 1, kind.API{Role: &kind.APIRole{Name: "service"}}},
		{"user", "/identity/v3/users", 1, kind.API{User: &kind.APIUser{Name: "glance", Password: "g1", Project: "service", Roles: []string{"admin", "service"}}}},
		{"image service", "/identity/v3/services", 1, kind.API{Service: &kind.APIService{Name: "glance", Type: "image", URL: base + "/image"}}},
		{"network service", "/identity/v3/endpoints", 6, kind.API{Service: &kind.APIService{Name: "neutron", Type: "network", URL: base + "/network"}}},
		{"compute service", "/identity/v3/services", 3, kind.API{Service: &kind.APIService{Name: "nova", Type: "compute", URL: base + "/compute/v2.1"}}},
		{"volume service", "/identity/v3/endpoints", 12, kind.API{Service: &kind.APIService{Name: "cinderv3", Type: "volumev3", URL: base + "/volume/v3/%(project_id)s"}}},
		{"image", "/image/v2/images", 1, kind.API{Image: &kind.APIImage{Name: "tiny", From: "guest-tiny", DiskFormat: "qcow2", Properties: map[string]string{"hw_rng_model": "virtio"}}}},
		{"flavor", "/compute/v2.1/flavors", 1, kind.API{Flavor: &kind.APIFlavor{Name: "nano", RAM: 192, VCPUs: 1, Disk: 1}}},
		{"external network", "/network/v2.0/networks", 1, kind.API{Network: &kind.APINetwork{Name: "provider", External: true, Shared: true, Type: "flat", Physical: "provider"}}},
		{"external subnet", "/network/v2.0/subnets", 1, kind.API{Subnet: &kind.APISubnet{Name: "provider", Network: "provider", CIDR: "198.51.100.0/24", Gateway: "198.51.100.1", PoolStart: "198.51.100.100", PoolEnd: "198.51.100.200"}}},
		{"network", "/network/v2.0/networks", 2, kind.API{Network: &kind.APINetwork{Name: "tenant"}}},
		{"subnet", "/network/v2.0/subnets", 2, kind.API{Subnet: &kind.APISubnet{Name: "tenant", Network: "tenant", CIDR: "172.16.1.0/24"}}},
		{"router", "/network/v2.0/routers", 1, kind.API{Router: &kind.APIRouter{Name: "router", External: "provider", Subnets: []string{"tenant"}}}},
		{"rule icmp", "/network/v2.0/security-group-rules", 1, kind.API{Rule: &kind.APIRule{Group: "default", Protocol: "icmp"}}},
		{"rule ssh", "/network/v2.0/security-group-rules", 2, kind.API{Rule: &kind.APIRule{Group: "default", Protocol: "tcp", PortMin: 22, PortMax: 22}}},
	}
}

// Every object is made once, and a second run of the same steps by a new
// process makes nothing.
func TestObjects(t *testing.T) {
	f := newFakeCloud(t)
	for round, c := range []*Cloud{f.client(), f.client()} {
		for _, o := range objects(f) {
			r, err := c.Do(t.Context(), o.step, nil)
			if err != nil {
				t.Fatalf("round %d, %s: %v", round, o.name, err)
			}
			if r.Changed != (round == 0) {
				t.Errorf("round %d, %s: changed is %v (%s)", round, o.name, r.Changed, r.Summary)
			}
			if got := f.made(o.path); round == 0 && got != o.makes {
				t.Errorf("%s: %d requests to %s, want %d", o.name, got, o.path, o.makes)
			}
			if r.Summary == "" || strings.Contains(r.Summary, "g1") {
				t.Errorf("%s: summary %q", o.name, r.Summary)
			}
			t.Log(r.Summary)
		}
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if im := f.kinds["images"][0]; string(f.bytes[im["id"].(string)])[:5] != "guest" || im["hw_rng_model"] != "virtio" || im["visibility"] != "public" {
		t.Errorf("the image is %v", im)
	}
	if r := f.kinds["security_group_rules"][0]; r["security_group_id"] != "sg-admin" || r["direction"] != "ingress" || r["ethertype"] != "IPv4" {
		t.Errorf("the rule is %v", r)
	}
	if n := f.kinds["networks"][0]; n["provider:network_type"] != "flat" || n["router:external"] != true {
		t.Errorf("the network is %v", n)
	}
	if s := f.kinds["subnets"][1]; s["enable_dhcp"] != false || s["gateway_ip"] != nil {
		t.Errorf("the subnet is %v", s)
	}
	if n := len(f.kinds["grants "+f.kinds["projects"][1]["id"].(string)+" "+f.kinds["users"][1]["id"].(string)]); n != 2 {
		t.Errorf("the user has %d roles, want 2", n)
	}
}

func TestUserPassword(t *testing.T) {
	f := newFakeCloud(t)
	f.add("projects", object{"id": "p-service", "name": "service", "domain_id": "default"})
	f.add("users", object{"id": "u-nova", "name": "nova", "domain_id": "default", "password": "old"})
	step := kind.API{User: &kind.APIUser{Name: "nova", Password: "new", Project: "service", Roles: []string{"admin"}}}
	if r, err := f.client().Do(t.Context(), step, nil); err != nil || !r.Changed {
		t.Fatalf("%+v %v", r, err)
	}
	if got := f.get("users", "u-nova")["password"]; got != "new" {
		t.Errorf("the password is %v", got)
	}
}

// What fails in passing is tried again; a request whose answer was lost must
// not make its object twice.
func TestRetry(t *testing.T) {
	for name, fails := range map[string][]failure{
		"starting":    {{method: "GET", path: "networks", status: 503, times: 3}, {method: "POST", path: "auth", status: 503, times: 2}},
		"lost answer": {{method: "POST", path: "networks", status: 504, times: 1, after: true}},
		"first 500":   {{method: "POST", path: "networks", status: 500, times: 2}},
		"crossed":     {{method: "POST", path: "networks", status: 409, times: 1, after: true}},
	} {
		t.Run(name, func(t *testing.T) {
			f := newFakeCloud(t)
			f.services()
			for _, x := range fails {
				f.fail(x)
			}
			var said []string
			_, err := f.client().Do(t.Context(), kind.API{Network: &kind.APINetwork{Name: "n"}}, func(s string) { said = append(said, s) })
			if err != nil {
				t.Fatal(err)
			}
			if got := len(f.kinds["networks"]); got != 1 {
				t.Errorf("%d networks, want 1", got)
			}
			if len(said) == 0 {
				t.Error("progress heard nothing of the tries")
			}
		})
	}
}

func TestRefusedConnection(t *testing.T) {
	f := newFakeCloud(t)
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	addr := ln.Addr().String()
	ln.Close()
	cfg := f.config()
	cfg.AuthURL = "http://" + addr + "/v3"
	c := New(cfg)
	c.pollMin, c.pollMax = time.Millisecond, 2*time.Millisecond
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	tries := 0
	_, err = c.Do(ctx, kind.API{Role: &kind.APIRole{Name: "x"}}, func(string) { tries++ })
	if !errors.Is(err, context.DeadlineExceeded) || !strings.Contains(err.Error(), "refused") || tries < 3 {
		t.Errorf("after %d tries: %v", tries, err)
	}
}

func TestErrorTexts(t *testing.T) {
	for name, x := range map[string]struct {
		prepare func(*fakeCloud, *Config)
		step    kind.API
		want    []string
	}{
		"wrong password": {func(_ *fakeCloud, c *Config) { c.Password = "no" }, kind.API{Role: &kind.APIRole{Name: "x"}}, []string{"refuses user admin", "bootstrap"}},
		"bad request": {func(f *fakeCloud, _ *Config) {
			f.fail(failure{method: "POST", path: "networks", status: 400, times: 100})
		}, kind.API{Network: &kind.APINetwork{Name: "n"}}, []string{"make network n", "400", "a reason out of the service"}},
		"lasting 500": {func(f *fakeCloud, _ *Config) {
			f.fail(failure{method: "GET", path: "networks", status: 500, times: 100})
		}, kind.API{Network: &kind.APINetwork{Name: "n"}}, []string{"500", "log on the controller"}},
		"no endpoint":   {func(f *fakeCloud, _ *Config) { f.kinds["services"] = nil }, kind.API{Flavor: &kind.APIFlavor{Name: "n"}}, []string{"no compute service in region RegionOne"}},
		"no image":      {nil, kind.API{Image: &kind.APIImage{Name: "n", From: "nothing"}}, []string{"make images"}},
		"no network":    {nil, kind.API{Subnet: &kind.APISubnet{Name: "s", Network: "gone"}}, []string{"no network gone", "must come first"}},
		"unknown check": {nil, kind.API{Proof: &kind.APIProof{Check: "luck"}}, []string{"luck"}},
		"two objects":   {nil, kind.API{Role: &kind.APIRole{}, Project: &kind.APIProject{}}, []string{"exactly one"}},
	} {
		t.Run(name, func(t *testing.T) {
			f := newFakeCloud(t)
			f.services()
			cfg := f.config()
			if x.prepare != nil {
				x.prepare(f, &cfg)
			}
			c := New(cfg)
			c.pollMin, c.pollMax = time.Millisecond, time.Millisecond
			_, err := c.Do(t.Context(), x.step, nil)
			if err == nil {
				t.Fatal("no error")
			}
			for _, w := range x.want {
				if !strings.Contains(err.Error(), w) {
					t.Errorf("%q is not in: %v", w, err)
				}
			}
			if strings.Contains(err.Error(), "s3cret") || strings.Contains(err.Error(), "Expected HTTP") {
				t.Errorf("the text is not for a person: %v", err)
			}
		})
	}
}

func TestTokenExpires(t *testing.T) {
	f := newFakeCloud(t)
	f.services()
	c := f.client()
	for _, n := range []string{"a", "b"} {
		if _, err := c.Do(t.Context(), kind.API{Network: &kind.APINetwork{Name: n}}, nil); err != nil {
			t.Fatal(err)
		}
		f.mu.Lock()
		f.expired = "token-1"
		f.mu.Unlock()
	}
	if f.tokens != 2 {
		t.Errorf("%d log-ins, want 2", f.tokens)
	}
}

// An upload that a dead process left behind is finished or done again.
func TestImageRestart(t *testing.T) {
	step := kind.API{Image: &kind.APIImage{Name: "tiny", From: "guest-tiny", DiskFormat: "qcow2"}}
	for name, x := range map[string]struct {
		image object
		kept  bool // the same object is used
		same  bool // nothing is done
	}{
		"queued":           {object{"status": "queued", digestProperty: "d1"}, true, false},
		"queued, older":    {object{"status": "queued", digestProperty: "d0"}, false, false},
		"half uploaded":    {object{"status": "saving", digestProperty: "d1"}, false, false},
		"older bytes":      {object{"status": "active", digestProperty: "d0", "size": 3}, false, false},
		"done":             {object{"status": "active", digestProperty: "d1", "size": 5000}, true, true},
		"a person's image": {object{"status": "active", "size": 3}, true, true},
	} {
		t.Run(name, func(t *testing.T) {
			f := newFakeCloud(t)
			f.services()
			maps.Copy(x.image, object{"id": "old", "name": "tiny", "created_at": "2025-01-01T00:00:00Z", "updated_at": "2025-01-01T00:00:00Z"})
			f.add("images", x.image)
			r, err := f.client().Do(t.Context(), step, nil)
			if err != nil {
				t.Fatal(err)
			}
			list := f.kinds["images"]
			if len(list) != 1 || (list[0]["id"] == "old") != x.kept || r.Changed == x.same {
				t.Errorf("changed %v, images %v", r.Changed, list)
			}
			if list[0]["status"] != "active" {
				t.Errorf("the image is %v", list[0]["status"])
			}
		})
	}
}

func TestServices(t *testing.T) {
	f := newFakeCloud(t)
	f.services()
	c := f.client()
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	_, err := c.Do(ctx, kind.API{Services: &kind.APIServices{Of: "compute"}}, nil)
	if !errors.Is(err, context.DeadlineExceeded) || !strings.Contains(err.Error(), "nova-compute on compute-1 is missing") {
		t.Errorf("without a compute node: %v", err)
	}
	f.ready()
	f.mu.Lock()
	f.kinds["agents"][2]["alive"] = false
	f.mu.Unlock()
	var said []string
	go func() {
		time.Sleep(20 * time.Millisecond) // the agent comes up while it is waited for
		f.mu.Lock()
		defer f.mu.Unlock()
		f.kinds["agents"][2]["alive"] = true
	}()
	for _, of := range []string{"compute", "network", "volume"} {
		r, err := c.Do(t.Context(), kind.API{Services: &kind.APIServices{Of: of}}, func(s string) { said = append(said, s) })
		if err != nil {
			t.Fatal(err)
		}
		t.Log(r.Summary)
	}
	if !slices.ContainsFunc(said, func(s string) bool { return strings.Contains(s, "neutron-l3-agent on network-1 is down") }) {
		t.Errorf("nobody said that the agent was down: %q", said)
	}
}
