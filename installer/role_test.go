package installer_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"sandai/inventory"
)

// newcomer puts a machine into the inventory that was looked at.
func (tr *trial) newcomer(mac string, spoil func(h *inventory.Hardware)) string {
	tr.t.Helper()
	d, err := tr.engine().Decide(tr.ctx, tr.rack.ID, inventory.Machine{MAC: mac})
	if err != nil {
		tr.t.Fatal(err)
	}
	if _, err := tr.store.UpdateNode(tr.ctx, tr.rack.ID, d.Node, func(n *inventory.Node) error {
		h := hardware()
		h.NICs[0].MAC, h.NICs[1].MAC = mac, mac[:len(mac)-2]+"ff"
		if spoil != nil {
			spoil(h)
		}
		n.State, n.Hardware = inventory.Inspected, h
		return nil
	}); err != nil {
		tr.t.Fatal(err)
	}
	return d.Node
}

func roleTrial(t *testing.T) *trial {
	tr := newTrial(t, 0)
	r := tr.rack
	r.SSHKeys = []string{}
	r.Networks = append(r.Networks,
		inventory.Network{Kind: inventory.Provider, CIDR: "203.0.113.0/24", PoolStart: "203.0.113.100", PoolEnd: "203.0.113.199", MTU: 1500},
		inventory.Network{Kind: inventory.Tenant, CIDR: "172.16.0.0/24", MTU: 1500})
	r.Nodes[1].NICs = append(r.Nodes[1].NICs, inventory.NIC{Network: inventory.Provider, MAC: "52:54:00:00:01:01"})
	if err := tr.store.PutRack(tr.ctx, r, nil); err != nil {
		t.Fatal(err)
	}
	return tr
}

func TestSetRole(t *testing.T) {
	tr := roleTrial(t)
	set := func(node string, req inventory.RoleRequest) (inventory.Node, error) {
		return tr.engine().SetRole(tr.ctx, "demo", node, req)
	}
	name := tr.newcomer("52:54:00:aa:00:01", nil)
	bmc := &inventory.BMCRequest{Address: "192.0.2.9", User: "admin"}
	n, err := set(name, inventory.RoleRequest{Role: inventory.NetworkRole, BMC: bmc, BMCPassword: "pw"})
	if err != nil {
		t.Fatal(err)
	}
	got := []string{n.Name, string(n.Role), n.Address, string(n.Firmware), string(n.State), n.SystemDisk, n.VolumeDisk, n.MAC(inventory.Provisioning), n.MAC(inventory.Provider), n.BMC.Kind}
	if d := cmp.Diff([]string{"network-2", "network", "10.77.0.14", "bios", "ready", "SYS", "", "52:54:00:aa:00:01", "52:54:00:aa:00:ff", "ipmi"}, got); d != "" {
		t.Errorf("what was chosen (-want +got):\n%s", d)
	}
	if pw, err := tr.store.Secret(tr.ctx, tr.rack.ID, inventory.BMCSecret("network-2")); err != nil || pw != "pw" {
		t.Errorf("the BMC's password: %q, %v", pw, err)
	}
	// Changed: what is not said stays.
	if n, err = set("network-2", inventory.RoleRequest{Role: inventory.NetworkRole, Address: "10.77.0.50"}); err != nil || n.Name != "network-2" || n.Address != "10.77.0.50" || n.SystemDisk != "SYS" || n.BMC == nil {
		t.Errorf("changed to %+v, %v", n, err)
	}
	// Taken away: it is a newcomer again, and what is known of it stays.
	if n, err = set("network-2", inventory.RoleRequest{}); err != nil || n.Name != name || n.Role != "" || n.Address != "" || n.State != inventory.Inspected || n.Hardware == nil || n.BMC == nil {
		t.Errorf("without a role it is %+v, %v", n, err)
	}
	if pw, err := tr.store.Secret(tr.ctx, tr.rack.ID, inventory.BMCSecret(name)); err != nil || pw != "pw" {
		t.Errorf("then the BMC's password: %q, %v", pw, err)
	}
	_, err = set("nobody", inventory.RoleRequest{Role: inventory.Compute})
	tr.refused(err, inventory.NotFound, "nobody")

	// The only controller becomes one again: with a disk for volumes, and not.
	if _, err := set("controller-1", inventory.RoleRequest{}); err != nil {
		t.Fatal(err)
	}
	if n, err = set(name, inventory.RoleRequest{Role: inventory.Controller}); err != nil || n.Name != "controller-1" || n.SystemDisk != "SYS" || n.VolumeDisk != "VOL" || n.Address != "10.77.0.11" {
		t.Errorf("a controller is %+v, %v", n, err)
	}
	if n, err = set("controller-1", inventory.RoleRequest{Role: inventory.Controller, VolumeDisk: inventory.NoDisk}); err != nil || n.VolumeDisk != "" {
		t.Errorf("without volumes: %q, %v", n.VolumeDisk, err)
	}
}

// TestSetRoleRefused: every reason is given at once, and nothing is changed.
func TestSetRoleRefused(t *testing.T) {
	tr := roleTrial(t)
	small := tr.newcomer("52:54:00:aa:00:02", func(h *inventory.Hardware) {
		h.MemoryMB, h.NICs, h.Disks[0].Bytes, h.Disks[1].Bytes = 1000, h.NICs[:1], 1e9, 2e9
	})
	before := tr.node(small)
	_, err := tr.engine().SetRole(tr.ctx, "demo", small, inventory.RoleRequest{Role: inventory.NetworkRole, Name: "compute-1", Address: "10.77.0.100", SystemDisk: "NONE",
		BMC: &inventory.BMCRequest{Kind: "smoke", Address: "192.0.2.77", User: "x"}, BMCPassword: "pw"})
	for _, part := range []string{"1.0 GiB of memory; a network node needs 2.5 GiB", "its largest disk has 2.0 GB", "a network node needs two", `no disk with the serial number or WWN "NONE"`,
		"which compute-1's name has already", "in the provisioning pool", `"smoke", expected ipmi or redfish`, "nics.provider: is missing"} {
		tr.refused(err, inventory.Invalid, part)
	}
	if d := cmp.Diff(before, tr.node(small)); d != "" {
		t.Errorf("refused, and changed: %s", d)
	}
	good := tr.newcomer("52:54:00:aa:00:03", nil)
	_, err = tr.engine().SetRole(tr.ctx, "demo", good, inventory.RoleRequest{Role: inventory.Controller, BMC: &inventory.BMCRequest{Address: "192.0.2.78", User: "x"}})
	tr.refused(err, inventory.Invalid, "have 2 with role controller")
	tr.refused(err, inventory.Invalid, "the password of its BMC is missing")
	_, err = tr.engine().SetRole(tr.ctx, "demo", good, inventory.RoleRequest{Role: inventory.Compute, Name: "new-thing"})
	tr.refused(err, inventory.Invalid, `beginning with "new-"`)
	_, err = tr.engine().SetRole(tr.ctx, "demo", good, inventory.RoleRequest{Role: "storage"})
	tr.refused(err, inventory.Invalid, "expected controller, compute or network")

	tr.hold("network-1/wipe/wipe")
	tr.begin(nil)
	_, err = tr.engine().SetRole(tr.ctx, "demo", good, inventory.RoleRequest{Role: inventory.Compute})
	tr.refused(err, inventory.Conflict, "(install)")
	tr.until("it is being installed", tr.is("network-1/power/power", inventory.StepDone))
	_, err = tr.engine().SetRole(tr.ctx, "demo", "network-1", inventory.RoleRequest{})
	tr.refused(err, inventory.Conflict, "only a node that is discovered, inspected or ready")
	tr.release()
}

func TestFits(t *testing.T) {
	tr := roleTrial(t)
	name := tr.newcomer("52:54:00:aa:00:04", func(h *inventory.Hardware) { h.MemoryMB = 2400 })
	fits, err := tr.engine().Fits(tr.ctx, "demo", name)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, f := range fits {
		line := string(f.Role) + " "
		if f.Fits {
			line += "fits"
		}
		for _, m := range f.Misfits {
			line += " " + m.Code
		}
		got = append(got, line)
	}
	if d := cmp.Diff([]string{"controller  memory", "network fits", "compute fits virt"}, got); d != "" {
		t.Error(d)
	}
}

func TestCreateRack(t *testing.T) {
	tr := newTrial(t, 0)
	r := inventory.Rack{Name: "second", Release: "2025.1", Interface: "eth2", Address: "10.78.0.1/24", InspectNewcomers: true, Networks: []inventory.Network{
		{Kind: inventory.Provisioning, CIDR: "10.78.0.0/24", PoolStart: "10.78.0.100", PoolEnd: "10.78.0.199"},
		{Kind: inventory.Provider, CIDR: "203.0.113.0/24", PoolStart: "203.0.113.100", PoolEnd: "203.0.113.199"},
		{Kind: inventory.Tenant, CIDR: "172.16.0.0/24"},
	}}
	got, err := tr.engine().CreateRack(tr.ctx, r)
	if err != nil || got.Region != "RegionOne" || got.Networks[0].MTU != 1500 || !got.InspectNewcomers {
		t.Fatalf("%+v, %v", got, err)
	}
	_, err = tr.engine().CreateRack(tr.ctx, r)
	tr.refused(err, inventory.Conflict, "there is a rack second already")
	r.Name, r.Address, r.Networks = "", "10.79.0.1/24", r.Networks[:2]
	_, err = tr.engine().CreateRack(tr.ctx, r)
	for _, part := range []string{"rack: is missing", "address: is 10.79.0.1/24", "networks.tenant: is missing"} {
		tr.refused(err, inventory.Invalid, part)
	}
	if strings.Contains(err.Error(), "nodes") {
		t.Errorf("a rack may begin without nodes: %v", err)
	}
	_, err = tr.engine().Preview(tr.ctx, "second")
	if err != nil {
		t.Errorf("the preview of an empty rack: %v", err)
	}
}
