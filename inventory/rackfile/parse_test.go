package rackfile

import (
	"bytes"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"sandai/inventory"
)

var update = flag.Bool("update", false, "write the golden files anew")

const demoYAML = `rack: demo
release: "2025.1"
region: RegionOne
interface: br-mgmt
address: 10.77.0.1/24
slow: true
ssh_keys: ["ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhscHR4f test"]
networks:
  provisioning: {cidr: 10.77.0.0/24, pool: 10.77.0.100-10.77.0.199}
  provider: {cidr: 203.0.113.0/24, gateway: 203.0.113.1, pool: 203.0.113.100-203.0.113.199, mtu: 1400}
  tenant: {cidr: 172.16.1.0/24}
nodes:
  - name: controller-1
    role: controller
    firmware: bios
    address: 10.77.0.11
    nics: {provisioning: "52:54:00:77:00:1A", provider: "52-54-00-77-01-11"}
    bmc: {kind: ipmi, address: 10.77.1.11, port: 6230, user: admin, password: "sixteen-letters!"}
    system_disk: SYS-controller-1
    volume_disk: VOL-controller-1
  - name: network-1
    role: network
    firmware: uefi
    address: 10.77.0.12
    nics: {provisioning: 52:54:00:77:00:12, provider: "52:54:00:77:01:12", tenant: "52:54:00:77:02:12"}
    bmc: {kind: redfish, address: bmc-2.example, user: admin}
  - name: compute-1
    role: compute
    firmware: bios
    address: 10.77.0.13
    nics: {provisioning: "52:54:00:77:00:13"}
`

func demo() inventory.Rack {
	return inventory.Rack{
		Name: "demo", Release: "2025.1", Region: "RegionOne", Interface: "br-mgmt", Address: "10.77.0.1/24", Slow: true, InspectNewcomers: true,
		SSHKeys: []string{"ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhscHR4f test"},
		Networks: []inventory.Network{
			{Kind: inventory.Provisioning, CIDR: "10.77.0.0/24", PoolStart: "10.77.0.100", PoolEnd: "10.77.0.199", MTU: 1500},
			{Kind: inventory.Provider, CIDR: "203.0.113.0/24", Gateway: "203.0.113.1", PoolStart: "203.0.113.100", PoolEnd: "203.0.113.199", MTU: 1400},
			{Kind: inventory.Tenant, CIDR: "172.16.1.0/24", MTU: 1500},
		},
		Nodes: []inventory.Node{
			{
				Name: "controller-1", Role: inventory.Controller, Firmware: inventory.BIOS, Address: "10.77.0.11", State: inventory.Ready,
				NICs:       []inventory.NIC{{Network: inventory.Provisioning, MAC: "52:54:00:77:00:1a"}, {Network: inventory.Provider, MAC: "52:54:00:77:01:11"}},
				BMC:        &inventory.BMC{Kind: "ipmi", Address: "10.77.1.11", Port: 6230, User: "admin"},
				SystemDisk: "SYS-controller-1", VolumeDisk: "VOL-controller-1",
			}, {
				Name: "network-1", Role: inventory.NetworkRole, Firmware: inventory.UEFI, Address: "10.77.0.12", State: inventory.Ready,
				NICs: []inventory.NIC{{Network: inventory.Provisioning, MAC: "52:54:00:77:00:12"}, {Network: inventory.Provider, MAC: "52:54:00:77:01:12"}, {Network: inventory.Tenant, MAC: "52:54:00:77:02:12"}},
				BMC:  &inventory.BMC{Kind: "redfish", Address: "bmc-2.example", Port: 443, User: "admin"},
			}, {
				Name: "compute-1", Role: inventory.Compute, Firmware: inventory.BIOS, Address: "10.77.0.13", State: inventory.Ready,
				NICs: []inventory.NIC{{Network: inventory.Provisioning, MAC: "52:54:00:77:00:13"}},
			},
		},
	}
}

func TestParse(t *testing.T) {
	got, passwords, err := Parse("rack.yaml", []byte(demoYAML))
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(demo(), got); d != "" {
		t.Errorf("rack (-want +got):\n%s", d)
	}
	if d := cmp.Diff(map[string]string{"controller-1": "sixteen-letters!"}, passwords); d != "" {
		t.Errorf("passwords (-want +got):\n%s", d)
	}
}

func TestRoundTrip(t *testing.T) {
	r := demo()
	r.Nodes = append(r.Nodes, inventory.Node{
		Name: "new-52-54-00-00-00-01", State: inventory.Discovered, Firmware: inventory.UEFI, NICs: []inventory.NIC{{Network: inventory.Provisioning, MAC: "52:54:00:00:00:01"}},
	})
	var b bytes.Buffer
	if err := Write(&b, r); err != nil {
		t.Fatal(err)
	}
	golden(t, "testdata/demo.golden.yaml", b.String())
	got, passwords, err := Parse("rack.yaml", b.Bytes())
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(demo(), got); d != "" {
		t.Errorf("rack (-want +got):\n%s", d)
	}
	if len(passwords) > 0 {
		t.Errorf("passwords %v were written", passwords)
	}
}

func TestExample(t *testing.T) {
	text, err := os.ReadFile("../../docs/rack.example.yaml")
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := Parse("rack.example.yaml", text); err != nil {
		t.Error(err)
	}
}

// TestMistakes: each testdata/bad/*.yaml gives exactly the messages beside it.
func TestMistakes(t *testing.T) {
	names, err := filepath.Glob("testdata/bad/*.yaml")
	if err != nil || len(names) < 10 {
		t.Fatalf("%d bad files, %v", len(names), err)
	}
	for _, name := range names {
		t.Run(filepath.Base(name), func(t *testing.T) {
			text, err := os.ReadFile(name)
			if err != nil {
				t.Fatal(err)
			}
			rack, passwords, err := Parse(filepath.Base(name), text)
			if err == nil {
				t.Fatal("it was taken")
			}
			if d := cmp.Diff(inventory.Rack{}, rack); d != "" || passwords != nil {
				t.Error("half of it was imported")
			}
			if inventory.CodeOf(err) != inventory.Invalid {
				t.Errorf("code %q, want %q", inventory.CodeOf(err), inventory.Invalid)
			}
			if strings.Contains(err.Error(), "hunter") {
				t.Error("a message tells a password")
			}
			golden(t, strings.TrimSuffix(name, ".yaml")+".txt", err.Error()+"\n")
		})
	}
}

func golden(t *testing.T, name, got string) {
	t.Helper()
	if *update {
		if err := os.WriteFile(name, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(name)
	if err != nil {
		t.Fatalf("%v; write it with -update and read it", err)
	}
	if d := cmp.Diff(string(want), got); d != "" {
		t.Errorf("%s (-want +got):\n%s", name, d)
	}
}

// FuzzParse: no input makes it panic, and what is taken can be written and is
// then taken again as the same rack.
func FuzzParse(f *testing.F) {
	f.Add([]byte(demoYAML))
	names, err := filepath.Glob("testdata/bad/*.yaml")
	if err != nil {
		f.Fatal(err)
	}
	for _, name := range names {
		text, err := os.ReadFile(name)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		rack, _, err := Parse("rack.yaml", data)
		if err != nil {
			if inventory.CodeOf(err) != inventory.Invalid || err.Error() == "" {
				t.Errorf("got %q (%s)", err, inventory.CodeOf(err))
			}
			return
		}
		var b bytes.Buffer
		if err := Write(&b, rack); err != nil {
			t.Fatal(err)
		}
		again, _, err := Parse("rack.yaml", b.Bytes())
		if err != nil {
			t.Fatalf("%v in\n%s", err, b.String())
		}
		if d := cmp.Diff(rack, again); d != "" {
			t.Errorf("written and read again (-want +got):\n%s", d)
		}
	})
}
