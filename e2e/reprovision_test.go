package e2e

import (
	"encoding/json"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"sandai/inventory"
)

// TestReprovision takes a node of a real cloud through its life while servers run
// there: rescued, reinstalled, released, and then new passwords for the cloud. One
// server, on a node that is left alone, answers ping all the while.
func TestReprovision(t *testing.T) {
	if *stateDir == "" || *pictures != "" {
		t.Skip("it wants a rack of four: make rack NODES=docs/four.yaml, then make reprovision")
	}
	needRoot(t)
	r := rigOf(t, *stateDir)
	var computes []string
	for _, n := range r.rackState().Nodes {
		if n.Role == inventory.Compute && n.State == inventory.Active {
			computes = append(computes, n.Name)
		}
	}
	if len(computes) < 2 {
		t.Fatalf("of two active compute nodes there are %v: make rack NODES=docs/four.yaml", computes)
	}
	l := &nodeLife{rig: r, node: computes[0], other: computes[1]}
	l.part(t, "rescue", l.rescue)
	l.tenant = r.tenant()
	l.launch("web", l.other, false)
	l.launch("app", l.node, false)
	l.launch("db", l.node, true)
	for _, name := range []string{"web", "app", "db"} {
		l.launched(name)
	}
	l.answers("web")
	for _, part := range []struct {
		name string
		f    func(*testing.T)
	}{{"reinstall", l.reinstalled}, {"release", l.released}, {"rotate", l.rotated}} {
		l.part(t, part.name, func(t *testing.T) {
			web := l.server("web")
			p := r.ping(t, web.Floating)
			part.f(t)
			p.stop(t, "web")
			if now := l.server("web"); now.ID != web.ID || now.Host != web.Host || !now.LaunchedAt.Equal(web.LaunchedAt) {
				t.Errorf("web was not left alone: it is %s on %s, launched %s", now.ID, now.Host, now.LaunchedAt)
			}
		})
	}
}

type nodeLife struct {
	*rig
	*tenant
	node, other string
}

// part is one part of the story, as a subtest.
func (l *nodeLife) part(t *testing.T, name string, f func(*testing.T)) {
	t.Run(name, func(t *testing.T) {
		whole := l.T
		defer func() { l.rig.T = whole }()
		l.rig.T = t
		f(t)
	})
}

// ran waits for a run that takes its time on emulated nodes.
func (l *nodeLife) ran(t *testing.T, kind inventory.RunKind) {
	t.Helper()
	run := l.runEndsWithin(fullLimit)
	if run.Kind != kind || run.State != inventory.RunDone {
		t.Fatalf("run %d is a %s, %s: %s", run.ID, run.Kind, run.State, run.Reason)
	}
	t.Logf("%s in %s by %d steps", kind, run.Ended.Sub(run.Created).Round(time.Second), len(l.stepsOf(run)))
}

// rescue goes into the ramdisk by ssh, and back to what the node was.
func (l *nodeLife) rescue(t *testing.T) {
	l.cli("node", "rescue", l.node, "--confirm", l.node)
	l.ran(t, inventory.RunRescue)
	n := l.nodeNamed(l.node)
	out, err := l.rack.Exec(t.Context(), "ssh", "-o", "StrictHostKeyChecking=no", "-o", "UserKnownHostsFile=/dev/null", "-i", filepath.Join(l.dir, "id_ed25519"),
		"root@"+n.Address, "echo in the ramdisk of $(hostname): $(grep -c ^/dev/ /proc/mounts) disks mounted").Output()
	t.Logf("over ssh: %s(%v)", out, err)
	if !strings.Contains(string(out), "in the ramdisk") || !strings.Contains(string(out), ": 0 disks mounted") {
		t.Error("there is no shell in the ramdisk")
	}
	l.cli("node", "rescue", l.node, "--end")
	l.wait("its own system reports", serverLimit, func() bool {
		n := l.nodeNamed(l.node)
		return n.State == inventory.Active && n.RescuedFrom == ""
	})
	l.wait("Nova uses it again", serverLimit, func() bool {
		var c inventory.CloudStatus
		return l.tryGet("racks/"+l.rack.Name()+"/cloud", &c) == nil && up(c, "nova-compute", l.node)
	})
}

func up(c inventory.CloudStatus, binary, host string) bool {
	return slices.ContainsFunc(c.Services, func(s inventory.ServiceStatus) bool {
		return s.Binary == binary && s.Host == host && s.Up && s.Enabled
	})
}

func (l *nodeLife) reinstalled(t *testing.T) {
	l.as(t, "reinstall", inventory.RunReinstall, map[string]inventory.ServerFate{"app": inventory.ServerRebuilt, "db": inventory.ServerRestarted}, l.node)
}

func (l *nodeLife) released(t *testing.T) {
	l.as(t, "release", inventory.RunRelease, map[string]inventory.ServerFate{"app": inventory.ServerRemade, "db": inventory.ServerMoved}, l.other)
	for _, n := range l.rackState().Nodes {
		if n.Name == l.node {
			t.Errorf("%s is still in the rack, as %s", n.Name, n.Role)
		}
	}
}

// as does one thing to the node; its servers have the fates that were shown, and
// then run on a host under their IDs and addresses.
func (l *nodeLife) as(t *testing.T, what string, kind inventory.RunKind, fates map[string]inventory.ServerFate, host string) {
	t.Helper()
	before := map[string]server{}
	for name := range fates {
		before[name] = l.server(name)
	}
	var v inventory.Preview
	if err := json.Unmarshal([]byte(l.cli("node", what, l.node, "--json")), &v); err != nil {
		t.Fatal(err)
	}
	for _, s := range v.Servers {
		t.Logf("the preview: %s is %s: %s", s.Name, s.Fate, s.Reason)
		if want, ok := fates[s.Name]; ok && s.Fate != want {
			t.Errorf("%s would be %s, want %s", s.Name, s.Fate, want)
		}
	}
	l.cli("node", what, l.node, "--confirm", l.node, "--preview", v.Hash)
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
	l.cli("rack", "rotate", l.rack.Name(), "--confirm", l.rack.Name())
	l.ran(t, inventory.RunRotate)
	l.tenant = l.rig.tenant() // with the new clouds.yaml
	l.noSecrets()
}
