package web

import (
	"bytes"
	"mime/multipart"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"sandai/inventory"
	"sandai/inventory/rackfile"
	"sandai/web/webtest"
)

// host is an appliance with a free interface, one that is off and one that a
// rack has.
func host() *webtest.Memory {
	m := webtest.New()
	m.Host = webtest.Host{Interfaces: []inventory.HostInterface{
		{Name: "eth1", MAC: "52:54:00:00:00:01", Kind: "device", Up: true, Link: true, Mbps: 10000, Addresses: []string{"10.20.0.1/24"}},
		{Name: "eth2", MAC: "52:54:00:00:00:02", Kind: "device"},
		{Name: "br-mgmt", MAC: "52:54:00:00:00:03", Kind: "bridge", Up: true, Link: true},
	}, DHCP: map[string]*inventory.DHCPServer{"eth1": {Address: "10.20.0.254", Offered: "10.20.0.77/24"}}}
	return m
}

func TestMakeRack(t *testing.T) {
	ok := url.Values{"interface": {"eth1"}, "rack": {"tokyo-1"}, "release": {"2025.1"}, "address": {"10.20.0.1/24"}, "provisioning_cidr": {"10.20.0.0/24"},
		"provisioning_pool": {"10.20.0.100 - 10.20.0.199"}, "provider_cidr": {"192.0.2.0/24"}, "provider_pool": {"192.0.2.100-192.0.2.199"}, "tenant_cidr": {"172.16.1.0/24"},
		"ssh_keys": {"ssh-ed25519 AAAA a\r\n\r\nssh-ed25519 BBBB b"}, "inspect_newcomers": {"yes"}}
	with := func(name, value string) url.Values {
		out := url.Values{}
		for k, v := range ok {
			out[k] = v
		}
		out.Set(name, value)
		return out
	}
	for name, c := range map[string]struct {
		role   inventory.UserRole
		form   url.Values
		status int
		holds  string
	}{
		"made":    {inventory.Operator, ok, 303, ""},
		"viewer":  {inventory.Viewer, ok, 403, "wants the role operator"},
		"no name": {inventory.Operator, with("rack", ""), 422, "rack is missing"},
		"MTU":     {inventory.Operator, with("provider_mtu", "much"), 422, `id="e-provider_mtu"`},
		"twice":   {inventory.Operator, with("rack", "demo"), 409, `id="e-rack"`},
	} {
		t.Run(name, func(t *testing.T) {
			m := host()
			m.AddRack(webtest.Rack("demo"))
			w := browse(pagesFor(m, c.role), "POST", "/first", c.form)
			if w.Code != c.status || !strings.Contains(w.Body.String(), c.holds) {
				t.Errorf("%d, want %d with %q: %s", w.Code, c.status, c.holds, w.Body)
			}
			r, err := m.Rack(t.Context(), "tokyo-1")
			if c.status != 303 {
				if err == nil {
					t.Errorf("a rack was made: %+v", r)
				}
				if c.status == 422 && !strings.Contains(w.Body.String(), "AAAA") {
					t.Error("what was typed is lost")
				}
				return
			}
			if err != nil || r.Interface != "eth1" || len(r.SSHKeys) != 2 || !r.InspectNewcomers {
				t.Fatalf("%+v, %v", r, err)
			}
			if p := r.Network(inventory.Provisioning); p.PoolStart != "10.20.0.100" || p.PoolEnd != "10.20.0.199" {
				t.Errorf("the pool: %+v", p)
			}
		})
	}
}

// TestInterfacesAreLookedAt: another DHCP server is named before a rack is made;
// where Sandai's own would answer, or nobody can, none is looked for.
func TestInterfacesAreLookedAt(t *testing.T) {
	m := host()
	m.AddRack(inventory.Rack{Name: "demo", Interface: "br-mgmt"})
	h := pagesFor(m, inventory.Operator)
	w := browse(h, "GET", "/first?interface=eth1", nil)
	if w.Code != 200 || !strings.Contains(w.Body.String(), `value="10.20.0.1/24"`) {
		t.Fatalf("the chosen interface's address is not proposed: %d %s", w.Code, w.Body)
	}
	for end := time.Now().Add(10 * time.Second); strings.Contains(w.Body.String(), "looking, some 5 s") && time.Now().Before(end); {
		w = browse(h, "GET", "/first?interface=eth1", nil) // it was looked for by itself
	}
	if !strings.Contains(w.Body.String(), "Another DHCP server answers on eth1") || !strings.Contains(w.Body.String(), "10.20.0.254 offered 10.20.0.77/24") {
		t.Errorf("the other server is not named: %s", w.Body)
	}
	for name, why := range map[string]string{"br-mgmt": "would answer", "eth2": "ip link set eth2 up", "eth9": "no interface"} {
		if w := browse(h, "POST", "/first/look", url.Values{"interface": {name}}); w.Code < 400 || !strings.Contains(w.Body.String(), why) {
			t.Errorf("%s: %d, want %q: %s", name, w.Code, why, w.Body)
		}
	}
	if w := browse(pagesFor(m, inventory.Viewer), "GET", "/first", nil); w.Code != 403 {
		t.Errorf("a viewer: %d", w.Code)
	}
}

func TestImportFromThePage(t *testing.T) {
	for name, c := range map[string]struct {
		file   string
		status int
		holds  string
	}{
		"whole":    {"rack: demo\n", 303, ""},
		"mistaken": {"rak: demo\n", 422, "Nothing was imported"},
		"huge":     {strings.Repeat("#", maxRackFile+maxRequest+1), 422, "no rack needs so many"},
		"no file":  {"", 422, "no file came"},
	} {
		t.Run(name, func(t *testing.T) {
			m := host()
			m.Parse = func(_ string, file []byte) (inventory.Rack, error) {
				if string(file) != "rack: demo\n" {
					return inventory.Rack{}, rackfile.Problems{{Line: 1, Field: "rak", Text: "is no field"}}
				}
				return webtest.Rack("demo"), nil
			}
			var body bytes.Buffer
			form := multipart.NewWriter(&body)
			if c.file != "" {
				part, err := form.CreateFormFile("file", "rack.yaml")
				if err != nil {
					t.Fatal(err)
				}
				part.Write([]byte(c.file)) //nolint:errcheck // into memory
			}
			form.Close() //nolint:errcheck // into memory
			r := httptest.NewRequest(http.MethodPost, "/first/import", &body)
			r.Header.Set("Content-Type", form.FormDataContentType())
			w := httptest.NewRecorder()
			pagesFor(m, inventory.Operator).ServeHTTP(w, r)
			if w.Code != c.status || !strings.Contains(w.Body.String(), c.holds) {
				t.Errorf("%d, want %d with %q: %s", w.Code, c.status, c.holds, w.Body)
			}
			racks, err := m.Racks(t.Context())
			if made := len(racks) == 1; err != nil || made != (c.status == 303) {
				t.Errorf("racks: %v, %v", racks, err)
			}
		})
	}
}

// TestWireProblem: on every page of a rack whose machines are not heard.
func TestWireProblem(t *testing.T) {
	m := provedRack()
	m.Host.Wire = "another DHCP server answers on eth1"
	h := pagesFor(m, inventory.Viewer)
	for _, path := range []string{"/racks/demo", "/racks/demo/runs", "/racks/demo/cloud"} {
		if w := browse(h, "GET", path, nil); !strings.Contains(w.Body.String(), "another DHCP server answers on eth1") {
			t.Errorf("%s does not say it", path)
		}
	}
}
