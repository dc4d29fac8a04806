package web

import (
	"context"
	"net/url"
	"strings"
	"testing"

	"sandai/inventory"
	"sandai/inventory/rackfile"
	"sandai/web/webtest"
)

// newcomer is a rack with one server that has no role, with so much memory.
func newcomer(memory int) *webtest.Memory {
	m := webtest.New()
	r := inspected()
	r.Nodes = append(r.Nodes, inventory.Node{Name: "new", State: inventory.Inspected, Firmware: inventory.BIOS, NICs: []inventory.NIC{{Network: inventory.Provisioning, MAC: "52:54:00:77:00:09"}},
		Hardware: &inventory.Hardware{Cores: 4, MemoryMB: memory, BootMode: "bios", Disks: []inventory.DiskInfo{{Name: "/dev/sda", Serial: "S1", Bytes: 960e9}}}})
	m.AddRack(r)
	return m
}

func TestGiveRole(t *testing.T) {
	ok := url.Values{"role": {"compute"}, "name": {"compute-2"}, "address": {"10.77.0.14"}, "system_disk": {"S1"}, "bmc_kind": {"ipmi"}, "anyway": {"yes"}}
	with := func(pairs ...string) url.Values {
		out := url.Values{}
		for k, v := range ok {
			out[k] = v
		}
		for i := 0; i+1 < len(pairs); i += 2 {
			out.Set(pairs[i], pairs[i+1])
		}
		return out
	}
	for name, c := range map[string]struct {
		role   inventory.UserRole
		memory int
		form   url.Values
		status int
		holds  string
	}{
		"given":               {inventory.Operator, 8192, ok, 303, ""},
		"viewer":              {inventory.Viewer, 8192, ok, 403, ""},
		"does not fit":        {inventory.Operator, 1024, ok, 422, "it has 1.0 GiB of memory; a compute needs 2.0 GiB"},
		"warning":             {inventory.Operator, 8192, with("anyway", ""), 422, "neither svm nor vmx"},
		"no such role":        {inventory.Operator, 8192, with("role", "king"), 422, "there is no role &#34;king&#34;"},
		"port":                {inventory.Operator, 8192, with("bmc_address", "10.77.1.19", "bmc_port", "many"), 422, `id="e-bmc_port"`},
		"BMC without address": {inventory.Operator, 8192, with("bmc_user", "admin"), 422, `id="e-bmc_address"`},
	} {
		t.Run(name, func(t *testing.T) {
			m := newcomer(c.memory)
			w := browse(pagesFor(m, c.role), "POST", "/racks/demo/nodes/new/role", c.form)
			if w.Code != c.status || !strings.Contains(w.Body.String(), c.holds) {
				t.Errorf("%d, want %d with %q: %s", w.Code, c.status, c.holds, w.Body)
			}
			r, _ := m.Rack(t.Context(), "demo")
			if given := r.Nodes[3].Role == inventory.Compute; given != (c.status == 303) {
				t.Errorf("the node: %+v", r.Nodes[3])
			}
			if c.status == 303 && (w.Header().Get("Location") != "/racks/demo?node=compute-2" || r.Nodes[3].Address != "10.77.0.14") {
				t.Errorf("led to %s, the node is %+v", w.Header().Get("Location"), r.Nodes[3])
			}
		})
	}
}

func TestRoleFormIsShown(t *testing.T) {
	m := newcomer(8192)
	h := pagesFor(m, inventory.Operator)
	if w := browse(h, "GET", "/racks/demo/nodes/new/role?role=compute", nil); w.Code != 200 || !strings.Contains(w.Body.String(), `value="compute-2"`) || !strings.Contains(w.Body.String(), `value="10.77.0.14"`) {
		t.Errorf("the proposals: %d %s", w.Code, w.Body)
	}
	if w := browse(h, "GET", "/racks/demo/nodes/nobody/role", nil); w.Code != 404 {
		t.Errorf("no such node: %d", w.Code)
	}
	if w := browse(h, "POST", "/racks/demo/nodes/compute-1/role", url.Values{"take": {"yes"}}); w.Code != 303 {
		t.Errorf("take away: %d %s", w.Code, w.Body)
	}
	if r, _ := m.Rack(t.Context(), "demo"); r.Nodes[2].Role != "" {
		t.Errorf("the node keeps its role: %+v", r.Nodes[2])
	}
}

// strict refuses as the engine does where the rules of rack.yaml are against it.
type strict struct {
	Control
	err error
}

func (s strict) SetRole(context.Context, string, string, inventory.RoleRequest) (inventory.Node, error) {
	return inventory.Node{}, s.err
}

func TestErrorsStandAtTheirFields(t *testing.T) {
	m := newcomer(8192)
	all := rackfile.Problems{{Field: "compute-2's address", Text: "is taken"}, {Field: "compute-2's nics.provider", Text: "is no MAC"}, {Field: "networks.provider.cidr", Text: "is odd"}}
	h := m.As(inventory.Operator, NewAPI(Config{Racks: m, Runs: m, Events: m, Installer: m, Power: m, Access: m, Control: strict{m, &inventory.Error{Code: inventory.Invalid, Text: "refused", Err: all}}}))
	w := browse(h, "POST", "/racks/demo/nodes/new/role", url.Values{"role": {"compute"}, "name": {"compute-2"}, "address": {"10.77.0.11"}, "anyway": {"yes"}, "bmc_address": {"10.77.1.9"}, "bmc_password": {"hunter2"}})
	b := w.Body.String()
	if w.Code != 422 || !strings.Contains(b, `id="e-address"><span aria-hidden="true">✕</span> is taken`) || !strings.Contains(b, `value="10.77.0.11"`) || strings.Contains(b, "hunter2") {
		t.Errorf("%d %s", w.Code, b)
	}
}
