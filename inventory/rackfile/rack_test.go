package rackfile

import (
	"bytes"
	"strings"
	"testing"

	"sandai/inventory"
)

func TestCheck(t *testing.T) {
	for name, c := range map[string]struct {
		spoil func(r *inventory.Rack)
		want  string // the whole text, "" for a good rack
	}{
		"good":             {func(*inventory.Rack) {}, ""},
		"without nodes":    {func(r *inventory.Rack) { r.Nodes = nil }, ""},
		"one role so far":  {func(r *inventory.Rack) { r.Nodes = r.Nodes[2:] }, ""},
		"with a newcomer":  {func(r *inventory.Rack) { r.Nodes = append(r.Nodes, inventory.Node{Name: "new-1"}) }, ""},
		"two controllers":  {func(r *inventory.Rack) { r.Nodes[2].Role = inventory.Controller }, "nodes: have 2 with role controller, expected at most one"},
		"address taken":    {func(r *inventory.Rack) { r.Nodes[2].Address = r.Nodes[0].Address }, "compute-1's address: is 10.77.0.11, which controller-1's address has already, expected one of its own"},
		"a newcomer's":     {func(r *inventory.Rack) { r.Nodes[2].Name = "new-1" }, `new-1's name: is "new-1", expected ` + wantLabel + `, and neither "rack" nor beginning with "new-"`},
		"pooled":           {func(r *inventory.Rack) { r.Nodes[2].Address = "10.77.0.100" }, "compute-1's address: is 10.77.0.100, which is in the provisioning pool 10.77.0.100-10.77.0.199, expected one outside it"},
		"no provider NIC":  {func(r *inventory.Rack) { r.Nodes[1].NICs = r.Nodes[1].NICs[:1] }, "network-1's nics.provider: is missing, expected " + wantMAC + "; a network node carries the provider network"},
		"a long password":  {func(r *inventory.Rack) { r.Region = "long" }, "controller-1's bmc.password: has 17 characters, expected at most 16: many BMCs cut a longer one and then refuse it"},
		"several mistakes": {func(r *inventory.Rack) { r.Interface, r.Networks = "", r.Networks[:2] }, "interface: is missing" + expectation("interface") + "\nnetworks.tenant: is missing" + expectation("networks.tenant")},
	} {
		t.Run(name, func(t *testing.T) {
			r := demo()
			c.spoil(&r)
			passwords := map[string]string{}
			if r.Region == "long" {
				passwords["controller-1"] = strings.Repeat("x", 17)
			}
			err := Check(r, passwords)
			switch {
			case c.want == "" && err != nil:
				t.Error(err)
			case c.want != "" && (err == nil || err.Error() != c.want || inventory.CodeOf(err) != inventory.Invalid):
				t.Errorf("got %v\nwant %s", err, c.want)
			}
		})
	}
}

// TestSettings: what is said of the services is read and written back, and a wrong
// number is refused.
func TestSettings(t *testing.T) {
	r, _, err := Parse("rack.yaml", []byte(demoYAML+"workers: 3\ndashboard: false\n"))
	if err != nil || r.Workers != 3 || !r.NoDashboard {
		t.Fatalf("%d workers, no dashboard %v, %v", r.Workers, r.NoDashboard, err)
	}
	var b bytes.Buffer
	if err := Write(&b, r); err != nil {
		t.Fatal(err)
	}
	if again, _, err := Parse("rack.yaml", b.Bytes()); err != nil || again.Workers != 3 || !again.NoDashboard {
		t.Errorf("read back: %d workers, no dashboard %v, %v", again.Workers, again.NoDashboard, err)
	}
	if _, _, err := Parse("rack.yaml", []byte(demoYAML+"workers: 65\n")); err == nil || !strings.Contains(err.Error(), "processes of each API, 1 to 64") {
		t.Errorf("65 workers: %v", err)
	}
}

// TestWithoutNodes: a rack may be described before its nodes are known.
func TestWithoutNodes(t *testing.T) {
	text, _, _ := strings.Cut(demoYAML, "nodes:\n")
	r, _, err := Parse("rack.yaml", []byte(text+"inspect_newcomers: false\nnodes: []\n"))
	if err != nil || len(r.Nodes) != 0 || r.InspectNewcomers {
		t.Fatalf("%+v, %v", r, err)
	}
	var b bytes.Buffer
	if err := Write(&b, r); err != nil {
		t.Fatal(err)
	}
	if again, _, err := Parse("rack.yaml", b.Bytes()); err != nil || again.InspectNewcomers || again.Name != r.Name {
		t.Errorf("read back: %+v, %v", again, err)
	}
}
