package cloud

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"sandai/installer/guide/kind"
)

func proof(check string) kind.API {
	return kind.API{Proof: &kind.APIProof{Check: check, Image: "tiny", Flavor: "nano", Network: "tenant", External: "provider"}}
}

// proofCloud is a cloud with everything but the proof, and a guest.
func proofCloud(t *testing.T) (*fakeCloud, *Cloud, *fakeGuest) {
	t.Helper()
	f := newFakeCloud(t)
	f.ready()
	c := f.client()
	for _, o := range objects(f) {
		if _, err := c.Do(t.Context(), o.step, nil); err != nil {
			t.Fatal(err)
		}
	}
	g := newFakeGuest(t, f, "sandai-proof-compute-1")
	c.dial = g.dial
	pings := 0
	c.ping = func(_ context.Context, addr string, payload int) (time.Duration, error) {
		if pings++; pings < 4 || payload > 1422 || addr != "198.51.100.100" {
			return 0, errNoEcho
		}
		return 3 * time.Millisecond, nil
	}
	return f, c, g
}

func TestProof(t *testing.T) {
	f, c, _ := proofCloud(t)
	want := map[string][]string{
		"servers":  {"ACTIVE on compute-1 153.0 s"},
		"floating": {"198.51.100.100"},
		"ping":     {"round trip 3.0 ms", "MTU 1450"},
		"ssh":      {"up for 12.50 s"},
		"volume":   {"/dev/vdb", "8192 bytes written and read back"},
		"health":   {"up; quota: 1 of 10 servers"},
	}
	for round := range 2 {
		for _, check := range []string{"servers", "floating", "ping", "ssh", "volume", "health"} {
			r, err := c.Do(t.Context(), proof(check), nil)
			if err != nil {
				t.Fatalf("%s: %v", check, err)
			}
			for _, w := range want[check] {
				if !strings.Contains(r.Summary, w) {
					t.Errorf("%s: %q is not in %q", check, w, r.Summary)
				}
			}
			if round == 0 {
				t.Logf("%s: %s\n%s", check, r.Summary, r.Output)
			}
		}
	}
	for _, k := range []string{"servers", "floatingips", "volumes", "keypairs"} {
		if n := len(f.kinds[k]); n != 1 {
			t.Errorf("two rounds made %d %s, want 1", n, k)
		}
	}
	v := f.kinds["servers"][0]
	if v["config_drive"] != true || v["key_name"] != proofKey || v["availability_zone"] != "nova:compute-1" {
		t.Errorf("the server was asked for as %v", v)
	}
	sum, err := c.Summary(t.Context())
	if err != nil || len(sum.Endpoints) != 4 || len(sum.Parts) != 11 || len(sum.Servers) != 1 || sum.Servers[0] != (Server{Name: "sandai-proof-compute-1", Node: "compute-1", Fixed: "172.16.1.5", Floating: "198.51.100.100"}) {
		t.Errorf("the summary is %+v (%v)", sum, err)
	}
}

// TestProofAgain: what the proof made is cleared away and made anew, what others
// made stays; to clear where there is nothing is no mistake.
func TestProofAgain(t *testing.T) {
	f, c, _ := proofCloud(t)
	do := func(check string) Result {
		t.Helper()
		r, err := c.Do(t.Context(), proof(check), nil)
		if err != nil {
			t.Fatalf("%s: %v", check, err)
		}
		return r
	}
	if r := do("clear"); r.Changed || !strings.HasPrefix(r.Summary, "0 floating IPs, 0 servers and 0 volumes") {
		t.Errorf("nothing to clear: %+v", r)
	}
	f.add("servers", object{"id": "mine", "name": "mine", "status": "ACTIVE"})
	f.add("volumes", object{"id": "mine", "name": "mine", "status": "available"})
	f.add("floatingips", object{"id": "mine", "floating_ip_address": "198.51.100.7", "description": "", "status": "ACTIVE"})
	for _, check := range []string{"servers", "floating"} {
		do(check)
	}
	g := proofGuests(f)
	f.add("volumes", object{"id": "v1", "name": g, "status": "in-use"})
	f.mu.Lock()
	f.attached["v1"] = f.kinds["servers"][1]["id"].(string)
	f.mu.Unlock()
	if r := do("clear"); !r.Changed || !strings.HasPrefix(r.Summary, "1 floating IPs, 1 servers and 1 volumes") {
		t.Errorf("cleared: %+v", r)
	}
	for _, k := range []string{"servers", "volumes", "floatingips"} {
		if len(f.kinds[k]) != 1 || f.kinds[k][0]["id"] != "mine" {
			t.Errorf("%s left: %v", k, f.kinds[k])
		}
	}
	do("servers")
	if n := f.made("/compute/v2.1/servers"); n != 2 {
		t.Errorf("%d servers were asked for, want 2", n)
	}
}

// proofGuests is the name of the proof's only server.
func proofGuests(f *fakeCloud) string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.kinds["servers"][1]["name"].(string)
}

func TestServerError(t *testing.T) {
	f, c, _ := proofCloud(t)
	f.faulty = true
	if _, err := c.Do(t.Context(), proof("servers"), nil); err == nil || !strings.Contains(err.Error(), "No valid host was found.") {
		t.Fatalf("a server in ERROR gives %v", err)
	}
	f.mu.Lock()
	f.faulty = false
	f.mu.Unlock()
	if _, err := c.Do(t.Context(), proof("servers"), nil); err != nil {
		t.Fatalf("the failed server is not replaced: %v", err)
	}
	if n := f.made("/compute/v2.1/servers"); n != 2 || len(f.kinds["servers"]) != 1 {
		t.Errorf("%d servers asked for, %d there", n, len(f.kinds["servers"]))
	}
}

func TestProofFails(t *testing.T) {
	for name, x := range map[string]struct {
		spoil func(*fakeCloud, *Cloud, *fakeGuest)
		check string
		want  string
	}{
		"another host name": {func(_ *fakeCloud, _ *Cloud, g *fakeGuest) { g.name = "(none)" }, "ssh", "did not read its config drive"},
		"small MTU": {func(_ *fakeCloud, c *Cloud, _ *fakeGuest) {
			c.ping = func(_ context.Context, _ string, payload int) (time.Duration, error) {
				if payload > 1372 {
					return 0, errNoEcho
				}
				return time.Millisecond, nil
			}
		}, "ping", "MTU of 1450 bytes do not"},
		"corrupt disk":       {func(_ *fakeCloud, _ *Cloud, g *fakeGuest) { g.corrupt = true }, "volume", "does not keep what is written"},
		"attachment dropped": {func(f *fakeCloud, _ *Cloud, _ *fakeGuest) { f.deaf = true }, "volume", "gave up attaching"},
		"attached to another": {func(f *fakeCloud, _ *Cloud, _ *fakeGuest) {
			f.add("volumes", object{"id": "v", "name": "sandai-proof-compute-1", "status": "in-use"})
		}, "volume", "another server"},
	} {
		t.Run(name, func(t *testing.T) {
			f, c, g := proofCloud(t)
			for _, check := range []string{"servers", "floating"} {
				if _, err := c.Do(t.Context(), proof(check), nil); err != nil {
					t.Fatal(err)
				}
			}
			x.spoil(f, c, g)
			if _, err := c.Do(t.Context(), proof(x.check), nil); err == nil || !strings.Contains(err.Error(), x.want) {
				t.Errorf("got %v, want %q", err, x.want)
			}
		})
	}
}

// A wrong key must not get in: the guest's ssh server takes only Nova's.
func TestWrongKey(t *testing.T) {
	_, c, _ := proofCloud(t)
	for _, check := range []string{"servers", "floating"} {
		if _, err := c.Do(t.Context(), proof(check), nil); err != nil {
			t.Fatal(err)
		}
	}
	c.cfg.Keys = &memKeys{}
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second)
	defer cancel()
	_, err := c.Do(ctx, proof("ssh"), nil)
	if !errors.Is(err, context.DeadlineExceeded) || !strings.Contains(err.Error(), "unable to authenticate") {
		t.Errorf("another key gives %v", err)
	}
}

// A volume that a dead process reserved is freed and attached.
func TestVolumeRestart(t *testing.T) {
	for name, v := range map[string]object{
		"reserved by nobody": {"status": "reserved"},
		"failed":             {"status": "error"},
		"made, not attached": {"status": "available"},
	} {
		t.Run(name, func(t *testing.T) {
			f, c, _ := proofCloud(t)
			for _, check := range []string{"servers", "floating"} {
				if _, err := c.Do(t.Context(), proof(check), nil); err != nil {
					t.Fatal(err)
				}
			}
			v["id"], v["name"] = "old", "sandai-proof-compute-1"
			f.add("volumes", v)
			f.add("attachments", object{"id": "at", "volume_id": "old", "attach_status": "reserved"})
			if _, err := c.Do(t.Context(), proof("volume"), nil); err != nil {
				t.Fatal(err)
			}
			if n := len(f.kinds["volumes"]); n != 1 || f.kinds["volumes"][0]["status"] != "in-use" {
				t.Errorf("volumes: %v", f.kinds["volumes"])
			}
		})
	}
}
