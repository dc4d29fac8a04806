package webtest

import (
	"time"

	"sandai/inventory"
)

// T0 is when the runs of this package begin.
var T0 = time.Date(2026, 11, 24, 9, 0, 0, 0, time.UTC)

// At is so many seconds after T0.
func At(seconds float64) *time.Time {
	t := T0.Add(time.Duration(seconds * float64(time.Second)))
	return &t
}

// Rack returns a rack of three nodes.
func Rack(name string) inventory.Rack {
	r := inventory.Rack{Name: name, Release: "2025.1", Region: "RegionOne", Interface: "br0", Address: "10.77.0.1/24", SSHKeys: []string{}, Created: T0}
	r.Networks = []inventory.Network{
		{Kind: inventory.Provisioning, CIDR: "10.77.0.0/24", PoolStart: "10.77.0.100", PoolEnd: "10.77.0.199", MTU: 1500},
		{Kind: inventory.Provider, CIDR: "203.0.113.0/24", Gateway: "203.0.113.1", PoolStart: "203.0.113.100", PoolEnd: "203.0.113.200", MTU: 1500},
		{Kind: inventory.Tenant, CIDR: "10.88.0.0/24", MTU: 1450},
	}
	for i, n := range []struct {
		name string
		role inventory.Role
	}{{"controller-1", inventory.Controller}, {"network-1", inventory.NetworkRole}, {"compute-1", inventory.Compute}} {
		d := string(rune('1' + i))
		r.Nodes = append(r.Nodes, inventory.Node{
			Name: n.name, Role: n.role, Firmware: inventory.BIOS, Address: "10.77.0.1" + d, State: inventory.Ready, Since: T0, SystemDisk: "SYS-" + n.name,
			NICs: []inventory.NIC{{Network: inventory.Provisioning, MAC: "52:54:00:77:00:0" + d}, {Network: inventory.Provider, MAC: "52:54:00:77:01:0" + d}},
			BMC:  &inventory.BMC{Kind: "ipmi", Address: "10.77.1.1" + d, Port: 623, User: "admin"}, BootNonce: "never-shown-nonce",
		})
	}
	return r
}

// step makes a step that is in a state since a second, or was from one to another.
func step(key, chapter, title string, state inventory.StepState, from, to float64, needs ...string) inventory.Step {
	s := inventory.Step{Key: key, Chapter: chapter, Title: title, State: state, Needs: needs, Attempt: 1, Kind: "command"}
	for i := range key {
		if key[i] == '/' {
			s.Node = key[:i]
			break
		}
	}
	if s.Node == "rack" {
		s.Node = ""
	}
	switch state {
	case inventory.StepRunning:
		s.ReadyAt, s.StartedAt = At(from), At(from)
	case inventory.StepReady:
		s.ReadyAt = At(from)
	case inventory.StepDone, inventory.StepFailed:
		s.ReadyAt, s.StartedAt, s.EndedAt = At(from), At(from), At(to)
	}
	return s
}

// Steps returns the steps of a small run at its end.
func Steps() []inventory.Step {
	s := []inventory.Step{
		step("controller-1/power/power", "power", "Set the boot device to network and power on", inventory.StepDone, 0, 1.2),
		step("network-1/power/power", "power", "Set the boot device to network and power on", inventory.StepDone, 0, 1.4),
		step("compute-1/power/power", "power", "Set the boot device to network and power on", inventory.StepDone, 0, 1.3),
		step("controller-1/identity/keystone.conf", "identity", "Configure Keystone", inventory.StepDone, 2, 3.2, "controller-1/power/power"),
		step("controller-1/identity/keystone.sync", "identity", "Create Keystone's tables", inventory.StepDone, 3.2, 63.2, "controller-1/identity/keystone.conf"),
		step("compute-1/compute/nova.conf", "compute", "Configure Nova", inventory.StepDone, 63.5, 64, "compute-1/power/power", "controller-1/identity/keystone.sync"),
		step("network-1/networking/neutron.conf", "networking", "Configure Neutron", inventory.StepDone, 63.5, 64.1, "network-1/power/power", "controller-1/identity/keystone.sync"),
		step("rack/proof/ping", "proof", "The server answers ping", inventory.StepDone, 65, 80, "compute-1/compute/nova.conf", "network-1/networking/neutron.conf"),
	}
	s[7].Command = "203.0.113.107 answered 5 of 5, 2.1 ms"
	for i := range s {
		s[i].Seq = i + 1
		s[i].Spec = []byte(`{"run":["true"]}`)
		s[i].Stdout = "output of " + s[i].Key
	}
	return s
}

// Until returns the steps as they were so many seconds after T0.
func Until(steps []inventory.Step, seconds float64) []inventory.Step {
	out := append([]inventory.Step(nil), steps...)
	for i := range out {
		s := &out[i]
		if s.EndedAt == nil || !s.EndedAt.After(*At(seconds)) {
			continue
		}
		s.EndedAt, s.State, s.Stdout, s.Command = nil, inventory.StepRunning, "", ""
		if s.StartedAt.After(*At(seconds)) {
			s.StartedAt, s.ReadyAt, s.State = nil, nil, inventory.StepPending
		}
	}
	return out
}

// Cloud says where a cloud is.
var Cloud = inventory.CloudInfo{Horizon: "http://10.77.0.11/horizon/", Keystone: "http://10.77.0.11:5000/v3",
	Users: []inventory.UserInfo{{Name: "admin", PasswordIn: ".rack/openrc"}}, Openrc: ".rack/openrc", Clouds: ".rack/clouds.yaml"}
