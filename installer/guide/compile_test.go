package guide

import (
	"encoding/base64"
	"encoding/json"
	"flag"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"sandai/installer/guide/kind"
	"sandai/inventory"
)

var update = flag.Bool("update", false, "write the golden files anew")

func must(t *testing.T) *Guide {
	t.Helper()
	g, err := Load("2025.1")
	if err != nil {
		t.Fatal(err)
	}
	return g
}

// text is a plan as a person reads it, one step a line.
func text(steps []inventory.Step) string {
	var b strings.Builder
	for _, s := range steps {
		fmt.Fprintf(&b, "%3d %s %s %s %ds", s.Seq, s.Key, s.Owner, s.Kind, s.Timeout)
		if len(s.Notify) > 0 {
			fmt.Fprintf(&b, " notify %s", strings.Join(s.Notify, ","))
		}
		for _, n := range s.Needs {
			fmt.Fprintf(&b, "\n      needs %s", n)
		}
		fmt.Fprintf(&b, "\n      %s\n", s.Spec)
	}
	return b.String()
}

func golden(t *testing.T, name, got string) {
	t.Helper()
	file := "testdata/" + name
	if *update {
		if err := os.MkdirAll("testdata", 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(string(want), got); d != "" {
		t.Errorf("%s differs (go test -update writes it anew):\n%s", file, d)
	}
}

func TestCompileGolden(t *testing.T) {
	steps, err := must(t).Compile(threeNodes())
	if err != nil {
		t.Fatal(err)
	}
	golden(t, "plan.golden", text(steps))
}

func TestCompilePlan(t *testing.T) {
	g := must(t)
	rack := threeNodes()
	second := rack.Nodes[2]
	second.Name, second.Address = "compute-2", "10.77.0.14"
	rack.Nodes = append(rack.Nodes, second)
	rack.Slow = true
	steps, err := g.Compile(rack)
	if err != nil {
		t.Fatal(err)
	}
	seen := map[string]inventory.Step{}
	for i, s := range steps {
		if s.Seq != i+1 {
			t.Errorf("%s has number %d", s.Key, s.Seq)
		}
		if _, ok := seen[s.Key]; ok {
			t.Errorf("%s twice", s.Key)
		}
		if s.Title == "" || s.Why == "" || s.Timeout < 60 || s.State != inventory.StepPending {
			t.Errorf("%s is not complete: %+v", s.Key, s)
		}
		if (s.Kind == "api") != (s.Node == "" && s.Owner == inventory.OwnerAppliance && strings.HasPrefix(s.Key, "rack/")) {
			t.Errorf("%s: kind %s, node %q, owner %s", s.Key, s.Kind, s.Node, s.Owner)
		}
		if s.Node != "" && len(s.Needs) == 0 {
			t.Errorf("%s would start before its node does", s.Key)
		}
		seen[s.Key] = s
	}
	for _, s := range steps {
		for _, n := range s.Needs {
			if _, ok := seen[n]; !ok && !strings.HasSuffix(n, "/boot/boot") {
				t.Errorf("%s needs %s, which is not in the plan", s.Key, n)
			}
		}
	}
	up := seen["rack/compute/compute.up"].Needs
	for _, want := range []string{"compute-1/compute/compute.ready", "compute-2/compute/compute.ready"} {
		if !strings.Contains(strings.Join(up, " "), want) {
			t.Errorf("compute.up needs %v, not %s", up, want)
		}
	}
	if got := seen["controller-1/environment/mariadb.ready"].Timeout; got != 3600 {
		t.Errorf("a wait on a slow rack may take %d s", got)
	}
	if _, ok := seen["newcomer/environment/hosts"]; ok {
		t.Error("a node without a role has steps")
	}
	if _, ok := seen["controller-1/environment/units.unwanted"]; ok {
		t.Error("a step that is only baked is in the plan")
	}
}

func TestCompileWithoutVolumes(t *testing.T) {
	rack := threeNodes()
	rack.Nodes[0].VolumeDisk = ""
	steps, err := must(t).Compile(rack)
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(text(steps), "/volume/") {
		t.Error("a rack without a disk for volumes has the chapter volume")
	}
}

// TestCompileWithoutDashboard: a rack that goes without has Horizon neither configured
// nor waited for, and one that it had is switched off.
func TestCompileWithoutDashboard(t *testing.T) {
	rack := threeNodes()
	with, err := must(t).Compile(rack)
	if err != nil || strings.Contains(text(with), "horizon.off") {
		t.Fatalf("a rack with a dashboard switches it off (%v)", err)
	}
	rack.NoDashboard = true
	without, err := must(t).Compile(rack)
	if err != nil {
		t.Fatal(err)
	}
	if got := text(without); !strings.Contains(got, "controller-1/dashboard-off/horizon.off") || strings.Contains(got, "horizon.ready") {
		t.Errorf("a rack without a dashboard has %s", got)
	}
}

// TestPasswordsRestart: new passwords reach the services, which are restarted once the
// databases and the queue know them too; these are told by commands, and go on.
func TestPasswordsRestart(t *testing.T) {
	steps, err := must(t).Compile(threeNodes())
	if err != nil {
		t.Fatal(err)
	}
	told := map[string][]string{} // by secret: the steps that tell a database or the queue
	for _, s := range steps {
		if s.Kind == "sql" || strings.HasSuffix(s.Key, "/rabbitmq.password") {
			for _, e := range Exprs(s.Spec) {
				told[e] = append(told[e], s.Key)
			}
		}
	}
	before, restarted := ancestors(steps), map[string]bool{}
	for _, s := range steps {
		for _, e := range Exprs(s.Spec) {
			if _, secret := secretName(e); !secret {
				continue
			}
			for _, u := range s.Notify {
				restarted[u] = true
				for _, service := range steps {
					for _, k := range told[e] {
						if service.Node == s.Node && startsUnit(service, u) && !before[service.Key][k] {
							t.Errorf("%s restarts %s before %s", service.Key, u, k)
						}
					}
				}
			}
		}
	}
	if !restarted["nova-conductor.service"] || restarted["rabbitmq-server.service"] || restarted["mariadb.service"] || len(told["secret:rabbitmq"]) != 1 || len(told["secret:nova_db"]) != 1 {
		t.Errorf("new passwords restart %v; told are %v", slices.Sorted(maps.Keys(restarted)), told)
	}
}

func TestCompileRefuses(t *testing.T) {
	tests := map[string]struct {
		spoil func(*inventory.Rack)
		want  string
	}{
		"no compute node": {func(r *inventory.Rack) { r.Nodes = r.Nodes[:2] }, "has no compute node"},
		"two controllers": {func(r *inventory.Rack) { r.Nodes[1].Role, r.Nodes[3].Role = "controller", "network" }, "has 2 controller nodes"},
		"no provider":     {func(r *inventory.Rack) { r.Networks = r.Networks[:1] }, "no provider network"},
		"no address":      {func(r *inventory.Rack) { r.Nodes[2].Address = "" }, "node compute-1: the node has no address"},
		"no own address":  {func(r *inventory.Rack) { r.Address = "" }, "appliance's address"},
		"no region":       {func(r *inventory.Rack) { r.Region = "" }, "no region"},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			rack := threeNodes()
			tc.spoil(&rack)
			_, err := must(t).Compile(rack)
			if err == nil || !strings.Contains(err.Error(), tc.want) || inventory.CodeOf(err) != inventory.Invalid {
				t.Errorf("error %v does not say %q", err, tc.want)
			}
		})
	}
	rack := threeNodes()
	for i := range rack.Nodes {
		rack.Nodes[i].Hardware = nil
	}
	if _, err := must(t).Compile(rack); err != nil {
		t.Errorf("a rack has to be compiled before it is inspected: %v", err)
	}
}

func TestBake(t *testing.T) {
	g := must(t)
	for _, role := range []inventory.Role{inventory.Controller, inventory.NetworkRole, inventory.Compute} {
		t.Run(string(role), func(t *testing.T) {
			tasks, err := g.Bake(role)
			if err != nil {
				t.Fatal(err)
			}
			again, err := g.Bake(role)
			if err != nil {
				t.Fatal(err)
			}
			if d := cmp.Diff(tasks, again); d != "" {
				t.Errorf("the image's key would change each time:\n%s", d)
			}
			for _, task := range tasks {
				if strings.Contains(string(task.Spec), "${") {
					t.Errorf("%s: unresolved: %s", task.Key, task.Spec)
				}
				if _, err := kind.Parse(task.Kind, task.Spec); err != nil {
					t.Errorf("%s: %v", task.Key, err)
				}
			}
		})
	}
	if _, err := g.Bake("king"); err == nil {
		t.Error("no error for an unknown role")
	}
}

// Every step of the plan, resolved, has to be a specification that an agent accepts.
func TestResolvedStepsParse(t *testing.T) {
	rack := threeNodes()
	steps, err := must(t).Compile(rack)
	if err != nil {
		t.Fatal(err)
	}
	rack.Slow = true // cheap hashes
	for _, s := range steps {
		var n *inventory.Node
		for i := range rack.Nodes {
			if rack.Nodes[i].Name == s.Node {
				n = &rack.Nodes[i]
			}
		}
		spec, mask, err := Resolve(s.Spec, NewValues(rack, n, func(name string) (string, error) { return "value-of-" + name, nil }))
		if err != nil {
			t.Errorf("%s: %v", s.Key, err)
			continue
		}
		if strings.Contains(string(spec), "value-of-") != (len(mask) > 0) && !strings.Contains(string(s.Spec), "bcrypt:") {
			t.Errorf("%s: secrets in it, mask %q", s.Key, mask)
		}
		if s.Kind == "api" {
			var a kind.API
			if err := json.Unmarshal(spec, &a); err != nil || a.Validate() != nil {
				t.Errorf("%s: %v", s.Key, err)
			}
		} else if _, err := kind.Parse(s.Kind, spec); err != nil {
			t.Errorf("%s: %v", s.Key, err)
		}
	}
}

func TestSecrets(t *testing.T) {
	lengths := map[string]int{"password": 24, "fernet": 44, "hex32": 64}
	for _, s := range append(must(t).Secrets(), SecretSpec{"x", "fernet"}) {
		a, err := s.Generate()
		if err != nil || len(a) != lengths[s.Generator] {
			t.Errorf("%s: %d characters, %v", s.Name, len(a), err)
		}
		if b, _ := s.Generate(); a == b {
			t.Errorf("%s is the same twice", s.Name)
		}
		if got := throwaway(s); got == a || len(got) == 0 || got != throwaway(s) {
			t.Errorf("%s: throwaway %q", s.Name, got)
		}
		if raw, err := base64.URLEncoding.DecodeString(throwaway(s)); s.Generator == "fernet" && (err != nil || len(raw) != 32) {
			t.Errorf("%s: no Fernet key: %v", s.Name, err)
		}
	}
	if _, err := (SecretSpec{"x", "dice"}).Generate(); err == nil {
		t.Error("no error for an unknown generator")
	}
}
