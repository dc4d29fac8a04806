package guide

import (
	"errors"
	"strings"
	"testing"

	"golang.org/x/crypto/bcrypt"

	"sandai/inventory"
)

func threeNodes() inventory.Rack {
	return inventory.Rack{
		Name: "demo", Region: "RegionOne", Address: "10.77.0.1/24", Release: "2025.1",
		Networks: []inventory.Network{
			{Kind: inventory.Provisioning, CIDR: "10.77.0.0/24", MTU: 9000},
			{Kind: inventory.Provider, CIDR: "198.51.100.0/24", Gateway: "198.51.100.1", PoolStart: "198.51.100.100", PoolEnd: "198.51.100.200", MTU: 1500},
			{Kind: inventory.Tenant, CIDR: "172.16.1.0/24"},
		},
		Nodes: []inventory.Node{
			{Name: "controller-1", Role: inventory.Controller, Address: "10.77.0.11", VolumeDisk: "VOL1", Hardware: &inventory.Hardware{Cores: 16, MemoryMB: 65536}},
			{Name: "network-1", Role: inventory.NetworkRole, Address: "10.77.0.12", Hardware: &inventory.Hardware{Cores: 2, MemoryMB: 3072}},
			{Name: "compute-1", Role: inventory.Compute, Address: "10.77.0.13", Hardware: &inventory.Hardware{Cores: 1, MemoryMB: 2048, Virt: "svm"}},
			{Name: "newcomer", Address: "10.77.0.101"},
		},
	}
}

// TestChosenWorkers: what a person said goes before the hardware, also where that is
// not known.
func TestChosenWorkers(t *testing.T) {
	rack := threeNodes()
	rack.Workers = 7
	for i := range rack.Nodes {
		got, _, err := NewValues(rack, &rack.Nodes[i], nil).Lookup("node.workers")
		if err != nil || got != "7" {
			t.Errorf("%s: %q, %v", rack.Nodes[i].Name, got, err)
		}
	}
}

func TestValues(t *testing.T) {
	secret := func(name string) (string, error) { return "the " + name, nil }
	tests := map[string]struct {
		node int // index in the rack, -1 for a step of the rack
		expr string
		slow bool
		want string
	}{
		"name":             {0, "node.name", false, "controller-1"},
		"address":          {1, "node.address", false, "10.77.0.12"},
		"workers big":      {0, "node.workers", false, "4"},
		"workers small":    {1, "node.workers", false, "1"},
		"kvm":              {2, "node.virt_type", false, "kvm"},
		"kvm's cpu":        {2, "node.cpu_mode", false, "host-passthrough"},
		"emulated":         {1, "node.virt_type", false, "qemu"},
		"emulated cpu":     {1, "node.cpu_mode", false, "none"},
		"disk":             {0, "node.disk.volumes", false, "VOL1"},
		"appliance":        {-1, "appliance.address", false, "10.77.0.1"},
		"controller":       {-1, "controller.address", false, "10.77.0.11"},
		"underlay":         {-1, "provisioning.mtu", false, "9000"},
		"provisioning":     {-1, "provisioning.cidr", false, "10.77.0.0/24"},
		"pool":             {-1, "provider.pool_end", false, "198.51.100.200"},
		"time-out":         {-1, "timeout.rpc", false, "60"},
		"slow time-out":    {-1, "timeout.rpc", true, "300"},
		"cache modes":      {-1, "rack.disk_cachemodes", false, ""},
		"slow cache modes": {-1, "rack.disk_cachemodes", true, "file=unsafe,block=none"},
		"secret":           {-1, "secret:nova", false, "the nova"},
		"hosts": {-1, "rack.hosts", false, "127.0.0.1 localhost\n::1 localhost ip6-localhost ip6-loopback\n10.77.0.1 appliance\n" +
			"10.77.0.11 controller-1 controller\n10.77.0.12 network-1\n10.77.0.13 compute-1\n"},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			rack := threeNodes()
			rack.Slow = tc.slow
			var n *inventory.Node
			if tc.node >= 0 {
				n = &rack.Nodes[tc.node]
			}
			got, isSecret, err := NewValues(rack, n, secret).Lookup(tc.expr)
			if err != nil || got != tc.want || isSecret != strings.HasPrefix(tc.expr, "secret:") {
				t.Errorf("%q (secret %v), %v", got, isSecret, err)
			}
		})
	}
}

func TestValuesMissing(t *testing.T) {
	rack := threeNodes()
	rack.Networks = nil
	rack.Nodes[1].Hardware = nil
	v := NewValues(rack, &rack.Nodes[1], func(string) (string, error) { return "", errors.New("sealed") })
	for expr, want := range map[string]string{
		"node.workers": "node network-1: its hardware is not known yet", "node.disk.volumes": "volume_disk", "provider.cidr": "no provider network",
		"tenant.cidr": "no tenant network", "secret:x": "read secret x: sealed", "nonsense": "unknown expression",
	} {
		if _, _, err := v.Lookup(expr); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: error %v does not say %q", expr, err, want)
		}
	}
	if _, _, err := NewValues(rack, nil, nil).Lookup("node.name"); err == nil {
		t.Error("a step of the rack has no node")
	}
}

func TestValuesBcrypt(t *testing.T) {
	rack := threeNodes()
	rack.Slow = true
	v := NewValues(rack, nil, func(string) (string, error) { return "pw", nil })
	hash, secret, err := v.Lookup("bcrypt:x")
	if err != nil || !secret || bcrypt.CompareHashAndPassword([]byte(hash), []byte("pw")) != nil {
		t.Errorf("%q, %v, %v", hash, secret, err)
	}
	one, secret, err := v.Lookup("digest:x")
	if err != nil || secret || len(one) != 12 {
		t.Errorf("%q, %v, %v", one, secret, err)
	}
	if two, _, _ := v.Lookup("digest:y"); two == one {
		t.Error("marks of two secrets are the same")
	}
}
