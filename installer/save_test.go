package installer_test

import (
	"encoding/json"
	"io"
	"os"
	"slices"
	"strings"
	"testing"

	"sandai/installer/guide/kind"
	"sandai/inventory"
)

// cloudGuide is a guide whose controller has a database and a service on it.
type cloudGuide struct{ shortGuide }

func (cloudGuide) Compile(r inventory.Rack) ([]inventory.Step, error) {
	steps, err := shortGuide{}.Compile(r)
	for _, n := range r.ByRole(inventory.Controller) {
		prev := n.Name + "/boot/boot"
		for _, s := range []struct{ chapter, id, kind, spec string }{
			{"environment", "mariadb.service", "service", `{"names": ["mariadb"]}`},
			{"environment", "mariadb.ready", "wait", `{"tcp": "127.0.0.1:3306"}`},
			{"identity", "keystone.database", "sql", `{"databases": ["keystone"], "user": "keystone", "password": "${secret:keystone_admin}"}`},
			{"identity", "keystone.service", "service", `{"names": ["keystone", "cron"]}`},
		} {
			k := n.Name + "/" + s.chapter + "/" + s.id
			steps = append(steps, inventory.Step{Key: k, Node: n.Name, Chapter: s.chapter, Kind: s.kind, Owner: inventory.OwnerAgent, Timeout: 60, Spec: json.RawMessage(s.spec), Needs: []string{prev}})
			prev = k
		}
	}
	return steps, err
}

// TestReinstallController: the cloud's memory is with the appliance before the disk
// is erased, comes back before anything uses it, and is forgotten in the end. The
// disk of the volumes is not touched.
func TestReinstallController(t *testing.T) {
	tr := newTrial(t, 0)
	tr.guide = cloudGuide{}
	tr.rack.Nodes[0].VolumeDisk = "VOL"
	if err := tr.store.PutRack(tr.ctx, tr.rack, nil); err != nil {
		t.Fatal(err)
	}
	tr.restart()
	tr.begin(nil)
	tr.ends(inventory.RunDone)

	v := tr.shown("controller-1")
	codes := map[string]bool{}
	for _, w := range v.Warnings {
		codes[w.Code] = true
	}
	if v.Erased != 1 || !codes["apis"] || !codes["saved"] {
		t.Errorf("%d disks are erased; the warnings are %+v", v.Erased, v.Warnings)
	}
	e := tr.engine()
	put := func(node, text string) error {
		return e.Save(tr.ctx, tr.rack.ID, node, inventory.SavedDatabases, strings.NewReader(text))
	}
	get := func() (string, error) {
		r, err := e.Saved(tr.ctx, tr.rack.ID, "controller-1", inventory.SavedDatabases)
		if err != nil {
			return "", err
		}
		defer r.Close()
		b, err := io.ReadAll(r)
		return string(b), err
	}
	tr.refused(put("controller-1", "early"), inventory.Unauthorised, "is not being reinstalled")

	tr.hold("controller-1/save/save")
	tr.run = tr.ok(e.Reinstall(tr.ctx, "demo", "controller-1", inventory.ReinstallRequest{Confirm: "controller-1", PreviewHash: v.Hash}))
	tr.until("the save is in hand", tr.is("controller-1/save/save", inventory.StepRunning))
	_, err := get()
	tr.refused(err, inventory.NotFound, "nothing named databases")
	if err := put("controller-1", "INSERT"); err != nil {
		t.Fatal(err)
	}
	tr.refused(put("network-1", "foreign"), inventory.Unauthorised, "is not being reinstalled")
	tr.refused(e.Save(tr.ctx, tr.rack.ID, "controller-1", "../x", strings.NewReader("")), inventory.Invalid, "is no name")
	if text, err := get(); err != nil || text != "INSERT" {
		t.Errorf("what was saved is %q, %v", text, err)
	}
	steps := tr.steps()
	var c kind.Command
	if err := json.Unmarshal(steps["controller-1/save/save"].Spec, &c); err != nil || c.Validate() != nil {
		t.Fatal(err, c.Validate())
	}
	if want := []string{"/usr/lib/sandai/agent", "save", "--database=keystone", "--path=/var/lib/glance/images", "--stop=cron", "--stop=keystone"}; !slices.Equal(c.Run, want) {
		t.Errorf("it runs %v, want %v", c.Run, want)
	}
	if spec := string(steps["controller-1/wipe/wipe"].Spec); strings.Contains(spec, "VOL") {
		t.Errorf("the disk of the volumes may be wiped: %s", spec)
	}
	tr.release()
	tr.hold("controller-1/restore/restore")
	tr.until("the restore is in hand", tr.is("controller-1/restore/restore", inventory.StepRunning))
	tr.refused(put("controller-1", "late"), inventory.Unauthorised, "is not being reinstalled")
	if text, err := get(); err != nil || text != "INSERT" {
		t.Errorf("what comes back is %q, %v", text, err)
	}
	tr.release()
	tr.ends(inventory.RunDone)
	if _, err = get(); inventory.CodeOf(err) != inventory.Unauthorised {
		t.Errorf("afterwards: %v", err)
	}
	if left, err := os.ReadDir(tr.keepDir); err != nil || len(left) > 0 {
		t.Errorf("%v is left, %v", left, err)
	}
	steps = tr.steps()
	order := []string{"controller-1/save/save", "controller-1/power/power", "controller-1/environment/mariadb.ready", "controller-1/restore/restore",
		"controller-1/identity/keystone.database", "controller-1/identity/keystone.service"}
	for i, key := range order[1:] {
		if before, s := steps[order[i]], steps[key]; before.EndedAt == nil || s.StartedAt == nil || s.StartedAt.Before(*before.EndedAt) {
			t.Errorf("%s began before %s ended", key, order[i])
		}
	}
	tr.allActive(3)
}
