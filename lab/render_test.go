package lab

import (
	"strings"
	"testing"

	"github.com/goccy/go-yaml"
	"github.com/google/go-cmp/cmp"
)

func TestRackFile(t *testing.T) {
	s := testState(t)
	b, err := renderRack(s, "ssh-ed25519 AAAA lab")
	if err != nil {
		t.Fatal(err)
	}
	golden(t, "rack.yaml", string(b))
	var back rackFile
	if err := yaml.UnmarshalWithOptions(b, &back, yaml.Strict()); err != nil {
		t.Fatal(err)
	}
	if len(back.Nodes) != 3 || back.Nodes[2].BMC.Password != "password-2" || !back.Slow {
		t.Errorf("rack.yaml reads back as %+v", back)
	}
	s.KVM = true
	if b, err = renderRack(s, ""); err != nil || strings.Contains(string(b), "slow") {
		t.Errorf("under KVM: %v %s", err, b)
	}
}

func TestQEMUArgs(t *testing.T) {
	s := testState(t)
	args := qemuArgs(s.Rack, s.Machines[0], acceleration(false), machineDir{"/srv/a,b", "controller-1"}, bootIndexPXE)
	golden(t, "qemu.args", strings.Join(args, "\n")+"\n")
}

func TestLinkCommands(t *testing.T) {
	s := testState(t)
	golden(t, "links.ip", linkCommands(s.Machines[:2]))
}

func TestSimulatorFiles(t *testing.T) {
	m := testState(t).Machines[0]
	s := simulator{Name: m.Name, Addr: m.Wiring.BMC, User: m.User, Password: m.Password, GUID: strings.ReplaceAll(m.Wiring.UUID, "-", ""),
		Chassis: shellQuote("/srv/it's/chassis"), Serial: m.Wiring.KCS, Console: m.Wiring.Serial, Sensors: defaultSensors, FRU: "/srv/fru.bin", FRUSize: fruSize}
	if err := s.check(); err != nil {
		// shellQuote's way around a single quote needs double quotes.
		if !strings.Contains(err.Error(), "chassis command") {
			t.Fatal(err)
		}
		s.Chassis = shellQuote("/srv/rack/chassis")
	}
	golden(t, "lan.conf", s.lanConf())
	golden(t, "emu.cmd", s.emuCommands())
	for name, change := range map[string]func(*simulator){
		"a quote in the password":  func(s *simulator) { s.Password = `a"b` },
		"a space in the password":  func(s *simulator) { s.Password = "a b" },
		"a long password":          func(s *simulator) { s.Password = "12345678901234567" },
		"a newline in the command": func(s *simulator) { s.Chassis = "a\nb" },
	} {
		bad := s
		change(&bad)
		if bad.check() == nil {
			t.Errorf("%s was accepted", name)
		}
	}
}

func TestFRU(t *testing.T) {
	b := fruData("Maker", "Product", "S")
	if len(b) != fruSize || checksum(b[:8]) != 0 {
		t.Fatalf("header % x, size %d", b[:8], len(b))
	}
	if area := b[8 : 8+int(b[9])*8]; checksum(area) != 0 {
		t.Errorf("the product area's checksum is %d off", checksum(area))
	}
}

func TestWiringDiffers(t *testing.T) {
	seen := map[string]string{}
	for _, rack := range []string{"demo", "other"} {
		for i, m := range DefaultMachines() {
			w := wire(rack, m.Name, i)
			if d := cmp.Diff(w, wire(rack, m.Name, i), cmp.Comparer(func(a, b wiring) bool { return a == b })); d != "" {
				t.Error("the same machine is wired differently:", d)
			}
			for _, v := range []string{w.MACProvisioning, w.MACProvider, w.UUID} {
				if seen[v] != "" {
					t.Errorf("%s of %s/%s is also %s's", v, rack, m.Name, seen[v])
				}
				seen[v] = rack + "/" + m.Name
			}
		}
	}
}

func TestOptions(t *testing.T) {
	ok := Machine{Name: "a", Role: "compute"}
	for name, c := range map[string]struct {
		o    Options
		want string // part of the error, "" for none
	}{
		"defaults":   {Options{}, ""},
		"rack name":  {Options{Name: "No Good"}, "rack's name"},
		"no machine": {Options{Machines: []Machine{}}, "1 to 80"},
		"twice":      {Options{Machines: []Machine{ok, ok}}, "two machines"},
		"role":       {Options{Machines: []Machine{{Name: "a", Role: "king"}}}, "role"},
		"name lab":   {Options{Machines: []Machine{{Name: "lab", Role: "compute"}}}, "name"},
		"firmware":   {Options{Machines: []Machine{{Name: "a", Role: "compute", Firmware: "uefi"}}}, "firmware"},
		"kind":       {Options{Machines: []Machine{{Name: "a", Role: "compute", Kind: "ghost"}}}, "kind"},
		"no role":    {Options{Machines: []Machine{{Name: "a"}}}, "role"},
		"newcomer":   {Options{Machines: StandIns(nil, 1)}, ""},
		"size":       {Options{Machines: []Machine{{Name: "a", Role: "compute", VCPUs: -1}}}, "size"},
	} {
		_, err := c.o.fill()
		if (err == nil) != (c.want == "") || err != nil && !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", name, err, c.want)
		}
	}
}

func TestLastLines(t *testing.T) {
	for name, c := range map[string]struct {
		in   string
		n    int
		want string
	}{
		"none":       {"a\nb\n", 0, ""},
		"one":        {"a\nb\n", 1, "b\n"},
		"unfinished": {"a\nb\nc", 2, "b\nc"},
		"all":        {"a\nb\n", 9, "a\nb\n"},
		"empty":      {"", 3, ""},
	} {
		if got := string(lastLines([]byte(c.in), c.n)); got != c.want {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
	}
}
