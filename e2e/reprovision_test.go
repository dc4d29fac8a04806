package e2e

import (
	"encoding/json"
	"net/http"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gophercloud/gophercloud/v2"

	"sandai/inventory"
)

// TestReprovision takes the nodes of a real cloud through their lives: a second compute
// node is put into a rack that has one; the first is rescued, reinstalled and released
// while servers run there; its machine becomes a second network node, to which the work
// of the first goes when that is reinstalled; rack.yaml's settings are changed; the
// controller is reinstalled; and the cloud gets new passwords. One server, on the node
// that is left alone, answers ping all the while.
func TestReprovision(t *testing.T) {
	if *stateDir == "" || *pictures != "" {
		t.Skip("it wants an installed rack: make rack, then make reprovision")
	}
	needRoot(t)
	r := rigOf(t, *stateDir)
	l := &nodeLife{rig: r}
	if len(r.rackState().Nodes) == 3 {
		l.part(t, "add", l.added)
	}
	computes := l.active(inventory.Compute)
	l.other = computes[len(computes)-1]
	parts := []lifePart{{"role", l.roleAgain}, {"network", l.networkMoves}, {"settings", l.settings}, {"controller", l.controllerAgain}, {"rotate", l.rotated}}
	if len(computes) > 1 { // else an earlier run came so far
		l.node = computes[0]
		parts = append([]lifePart{{"reinstall", l.reinstalled}, {"release", l.released}}, parts...)
		l.part(t, "rescue", l.rescue)
	}
	l.tenant = r.tenant()
	l.launch("web", l.other, false)
	if l.node != "" {
		l.launch("app", l.node, false)
		l.launch("db", l.node, true)
		l.launched("app")
		l.launched("db")
	}
	l.launched("web")
	l.answers("web")
	for _, part := range parts {
		ok := l.part(t, part.name, func(t *testing.T) {
			web := l.server("web")
			p := r.ping(t, web.Floating)
			part.f(t)
			p.stop(t, "web")
			if now := l.server("web"); now.ID != web.ID || now.Host != web.Host || !now.LaunchedAt.Equal(web.LaunchedAt) {
				t.Errorf("web was not left alone: it is %s on %s, launched %s", now.ID, now.Host, now.LaunchedAt)
			}
		})
		if !ok { // the next one builds on it
			return
		}
	}
}

type nodeLife struct {
	*rig
	*tenant
	node, other string
}

type lifePart struct {
	name string
	f    func(*testing.T)
}

// part is one part of the story, as a subtest.
func (l *nodeLife) part(t *testing.T, name string, f func(*testing.T)) bool {
	return t.Run(name, func(t *testing.T) {
		whole := l.T
		defer func() { l.rig.T = whole }()
		l.rig.T = t
		f(t)
	})
}

// ran waits for a run that takes its time on emulated nodes.
func (l *nodeLife) ran(t *testing.T, kind inventory.RunKind) inventory.Run {
	t.Helper()
	run := l.runEndsWithin(fullLimit)
	if run.Kind != kind || run.State != inventory.RunDone {
		t.Fatalf("run %d is a %s, %s: %s", run.ID, run.Kind, run.State, run.Reason)
	}
	t.Logf("%s in %s by %d steps", kind, run.Ended.Sub(run.Created).Round(time.Second), len(l.stepsOf(run)))
	return run
}

// active are the names of the active nodes of a role.
func (l *nodeLife) active(role inventory.Role) []string {
	r := l.rackState()
	return r.Stay("", role)
}

// added puts a fourth machine into the rack, which becomes a compute node; the others
// are not installed again.
func (l *nodeLife) added(t *testing.T) {
	t.Log(l.cli("lab", "up", "--dir", l.dir, "--name", l.rack.Name(), "--nodes", filepath.Join("..", "docs", "four.yaml")))
	l.cli("rack", "import", l.rack.File())
	l.cli("rack", "apply")
	var wiped []string
	for _, s := range l.stepsOf(l.ran(t, inventory.RunApply)) {
		if s.Kind == "wipe" {
			wiped = append(wiped, s.Node)
		}
	}
	if now := l.active(inventory.Compute); len(now) != 2 || !slices.Equal(wiped, now[1:]) {
		t.Errorf("the compute nodes are %v, and wiped were %v", now, wiped)
	}
}

// rescue goes into the ramdisk by ssh, and back to what the node was.
func (l *nodeLife) rescue(t *testing.T) {
	l.cli("node", "rescue", l.node, "--confirm", l.node)
	l.ran(t, inventory.RunRescue)
	n := l.nodeNamed(l.node)
	out, err := l.rack.Exec(t.Context(), "ssh", "-o", "StrictHostKeyChecking=no", "-o", "UserKnownHostsFile=/dev/null", "-i", filepath.Join(l.dir, "id_ed25519"),
		"root@"+n.Address, "echo in the ramdisk of $(hostname): $(grep -c ^/dev/ /proc/mounts) disks mounted").Output()
	t.Logf("over ssh: %s(%v)", out, err)
	if !strings.Contains(string(out), "in the ramdisk of "+l.node+": 0 disks mounted") {
		t.Error("there is no shell in the ramdisk")
	}
	l.cli("node", "rescue", l.node, "--end")
	ended := time.Now()
	l.wait("its own system reports", serverLimit, func() bool {
		n := l.nodeNamed(l.node)
		return n.State == inventory.Active && n.RescuedFrom == ""
	})
	l.wait("Nova uses it again", serverLimit, func() bool {
		var c inventory.CloudStatus
		return l.tryGet("racks/"+l.rack.Name()+"/cloud", &c) == nil && slices.ContainsFunc(c.Services, func(s inventory.ServiceStatus) bool {
			// Nova believes for minutes that a service is up that went off, and takes
			// servers that wait for it while it starts for lost.
			return s.Binary == "nova-compute" && s.Host == l.node && s.Up && s.Enabled && s.Heard != nil && s.Heard.After(ended)
		})
	})
}

func (l *nodeLife) reinstalled(t *testing.T) {
	l.as(t, "reinstall", l.node, inventory.RunReinstall, map[string]inventory.ServerFate{"app": inventory.ServerRebuilt, "db": inventory.ServerRestarted}, l.node)
}

func (l *nodeLife) released(t *testing.T) {
	l.as(t, "release", l.node, inventory.RunRelease, map[string]inventory.ServerFate{"app": inventory.ServerRemade, "db": inventory.ServerMoved}, l.other)
	for _, n := range l.rackState().Nodes {
		if n.Name == l.node {
			t.Errorf("%s is still in the rack, as %s", n.Name, n.Role)
		}
	}
}

// roleAgain makes a network node of the machine that was released.
func (l *nodeLife) roleAgain(t *testing.T) {
	if len(l.active(inventory.NetworkRole)) > 1 {
		t.Skip("an earlier run did it")
	}
	for _, n := range l.rackState().Nodes {
		if n.Role == "" {
			t.Log(l.cli("node", "role", n.Name, "network", "--name", "network-2"))
		}
	}
	l.cli("rack", "apply")
	l.ran(t, inventory.RunApply)
	if got := l.active(inventory.NetworkRole); len(got) != 2 {
		t.Errorf("the network nodes are %v", got)
	}
}

// networkMoves reinstalls the network node that serves the router, whose work another
// one takes over.
func (l *nodeLife) networkMoves(t *testing.T) {
	from := l.routing()
	l.as(t, "reinstall", from, inventory.RunReinstall, nil, "")
	if now := l.routing(); now == from {
		t.Errorf("the router is still on %s", now)
	} else {
		t.Logf("the router went from %s to %s", from, now)
	}
}

// as does one thing to a node; its servers have the fates that were shown, and
// then run on a host under their IDs and addresses.
func (l *nodeLife) as(t *testing.T, what, node string, kind inventory.RunKind, fates map[string]inventory.ServerFate, host string) {
	t.Helper()
	before := map[string]server{}
	for name := range fates {
		before[name] = l.server(name)
	}
	var v inventory.Preview
	if err := json.Unmarshal([]byte(l.cli("node", what, node, "--json")), &v); err != nil {
		t.Fatal(err)
	}
	for _, s := range v.Servers {
		t.Logf("the preview: %s is %s: %s", s.Name, s.Fate, s.Reason)
		if want, ok := fates[s.Name]; ok && s.Fate != want {
			t.Errorf("%s would be %s, want %s", s.Name, s.Fate, want)
		}
	}
	for _, w := range v.Warnings {
		t.Logf("the preview warns: %s", w.Text)
	}
	l.cli("node", what, node, "--confirm", node, "--preview", v.Hash)
	l.ran(t, kind)
	for name, was := range before {
		l.answers(name)
		if now := l.server(name); now.ID != was.ID || now.Host != host || now.Status != "ACTIVE" || now.Fixed != was.Fixed || now.Floating != was.Floating {
			t.Errorf("%s was on %s at %s and %s, and is not on %s with the same", name, was.Host, was.Fixed, was.Floating, host)
		}
	}
}

// rotated: new passwords; the old one lets nobody in.
func (l *nodeLife) rotated(t *testing.T) {
	old, _ := l.credentials()
	l.cli("rack", "rotate", l.rack.Name(), "--confirm", l.rack.Name())
	l.ran(t, inventory.RunRotate)
	if _, err := l.signIn(old); !gophercloud.ResponseCodeIs(err, http.StatusUnauthorized) {
		t.Errorf("the old password, afterwards: %v", err)
	}
	l.tenant = l.rig.tenant() // with the new clouds.yaml
	l.noSecrets()
}
