package page_test

import (
	"bytes"
	"strings"
	"testing"

	"sandai/inventory"
	"sandai/web/page"
	"sandai/web/webtest"
)

func TestRoleForm(t *testing.T) {
	r := found(webtest.Rack("demo"))
	small := inventory.Node{Name: "node-525400770009", State: inventory.Inspected, Firmware: inventory.UEFI, NICs: []inventory.NIC{{Network: inventory.Provisioning, MAC: "52:54:00:77:00:09"}},
		Hardware: &inventory.Hardware{Product: "Small", Cores: 2, MemoryMB: 2600, BootMode: "uefi", BMC: "10.77.1.19",
			Disks: []inventory.DiskInfo{{Name: "/dev/vda", Serial: "S1", Bytes: 20e9, Contents: []string{"ext4 root"}}, {Name: "/dev/vdb", Bytes: 4e12}},
			NICs:  []inventory.NICInfo{{Name: "eth0", MAC: "52:54:00:77:00:09", Link: true, Mbps: 10000}, {Name: "eth1", MAC: "52:54:00:77:00:0a"}}}}
	unseen := inventory.Node{Name: "node-52540077000b", State: inventory.Discovered, NICs: []inventory.NIC{{Network: inventory.Provisioning, MAC: "52:54:00:77:00:0b"}}}
	data := func(n inventory.Node, role inventory.Role) page.RoleData {
		return page.RoleData{Rack: r, Node: n, Role: role, Fits: inventory.Fits(n, r, func(inventory.Role) int64 { return 5 << 30 }),
			Proposed: inventory.RoleRequest{Role: role, Name: string(role) + "-2", Address: "10.77.0.14", Firmware: inventory.UEFI, SystemDisk: "S1", ProviderMAC: "52:54:00:77:00:0a"}}
	}
	wrong := data(small, inventory.Compute)
	wrong.Typed = map[string]string{"name": "Compute 2", "address": "10.77.0.11", "firmware": "uefi", "system_disk": "S1", "bmc_kind": "redfish", "bmc_address": "bmc.example", "bmc_port": "x"}
	wrong.Errors = map[string]string{"name": `is "Compute 2", expected a host name label`, "anyway": "nothing was changed: its CPU shows neither svm nor vmx"}
	for name, d := range map[string]page.RoleData{
		"role-network": data(small, inventory.NetworkRole), "role-misfit": data(small, inventory.Controller),
		"role-unseen": data(unseen, inventory.Controller), "role-wrong": wrong, "role-change": data(r.Nodes[0], inventory.Controller),
	} {
		t.Run(name, func(t *testing.T) {
			f := page.Frame{URL: "/racks/demo/nodes/x/role", Title: page.Both("x"), Section: "rack", Rack: "demo", Racks: []string{"demo"}, Who: "ann", Role: "operator", Status: page.StatusOf(nil)}
			golden(t, name, "role", f, page.RoleForm(d))
		})
	}
}

// TestPasswordIsNotFilledBack: what was typed comes back, but for the password.
func TestPasswordIsNotFilledBack(t *testing.T) {
	r := webtest.Rack("demo")
	d := page.RoleData{Rack: r, Node: r.Nodes[2], Role: inventory.Compute, Fits: inventory.Fits(r.Nodes[2], r, func(inventory.Role) int64 { return 0 }),
		Typed: map[string]string{"bmc_user": "typed-user", "bmc_password": "typed-password"}}
	var b bytes.Buffer
	if err := page.Render(&b, "role", page.Frame{Lang: page.EN, Rack: "demo", Role: "operator"}, page.RoleForm(d)); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(b.String(), "typed-user") || strings.Contains(b.String(), "typed-password") {
		t.Error(b.String())
	}
}

func TestSuggestRole(t *testing.T) {
	r := webtest.Rack("demo")
	n := inventory.Node{Hardware: found(r).Nodes[0].Hardware}
	fits := inventory.Fits(n, r, func(inventory.Role) int64 { return 0 })
	if got := page.SuggestRole(r, n, fits); got != inventory.Compute {
		t.Errorf("a complete rack: %s", got)
	}
	r.Nodes = r.Nodes[:1]
	if got := page.SuggestRole(r, n, fits); got != inventory.NetworkRole {
		t.Errorf("a rack with a controller only: %s", got)
	}
	n.Role = inventory.Controller
	if got := page.SuggestRole(r, n, fits); got != inventory.Controller {
		t.Errorf("a node with a role: %s", got)
	}
}
