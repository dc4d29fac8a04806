package installer

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"regexp"
	"slices"

	"sandai/installer/guide/kind"
	"sandai/installer/keep"
	"sandai/inventory"
)

// Chapters of a controller's reinstall that no guide has.
const (
	chapterSave    = "save"    // the cloud's memory is handed to the appliance
	chapterRestore = "restore" // and brought back
)

// savedPaths is what a controller has on its system disk beside its databases and
// what the guide writes: the images of Glance's file store.
var savedPaths = []string{"/var/lib/glance/images"}

// agentProgram is the agent on an installed node.
const agentProgram = "/usr/lib/sandai/agent"

// iscsiTarget serves volumes to running servers and changes no database: it goes on
// for as long as the node does.
const iscsiTarget = "tgt"

// databasesReady is the guide's step after which databases can be filled.
const databasesReady = "/environment/mariadb.ready"

// withSave puts in what hands the cloud's memory to the appliance before the node
// loses its disk, and brings it back before anything uses it: with the services
// stopped, a dump of every database that the guide makes, and Glance's images. The
// disk of the volumes is not among what is wiped. It is pure.
func withSave(rack inventory.Rack, n inventory.Node, steps []inventory.Step) ([]inventory.Step, error) {
	units, databases, err := ofTheCloud(steps)
	if err != nil {
		return nil, err
	}
	step := stepsOn(rack, n)
	save := []string{agentProgram, "save"}
	for flag, values := range map[string][]string{"--stop": units, "--database": databases, "--path": savedPaths} {
		for _, v := range values {
			save = append(save, flag+"="+v)
		}
	}
	slices.Sort(save[2:])
	away, err := step(chapterSave, "Save the cloud's memory", "The services end, so that nothing changes any more; databases and images go to the appliance, encrypted. Servers on the compute nodes go on.",
		"command", inventory.OwnerAgent, 7200, kind.Command{Run: save, Unless: []string{agentProgram, "saved"}})
	if err != nil {
		return nil, err
	}
	back, err := step(chapterRestore, "Bring the cloud's memory back", "The new system gets the databases and images of the old one before anything uses them: the cloud's objects are the same as before.",
		"command", inventory.OwnerAgent, 7200, kind.Command{Run: []string{agentProgram, "restore"}, Creates: inventory.RestoredMark})
	if err != nil {
		return nil, err
	}
	ready := n.Name + databasesReady
	back.Needs = []string{ready}
	out := []inventory.Step{away}
	placed := false
	for _, s := range steps {
		switch {
		case s.Chapter == phasePower:
			s.Needs = append(s.Needs, away.Key)
		case s.Chapter == phaseWipe:
			if s.Spec, err = withoutField(s.Spec, "volumes"); err != nil {
				return nil, err
			}
		case slices.Contains(s.Needs, ready):
			s.Needs = append(slices.Clone(s.Needs), back.Key)
		}
		if out = append(out, s); s.Key == ready {
			out, placed = append(out, back), true
		}
	}
	if !placed {
		return nil, fmt.Errorf("the guide has no step %s, after which databases can be brought back", ready)
	}
	return out, nil
}

// ofTheCloud are the services and databases that the guide's steps make, but for
// those that all of them stand on.
func ofTheCloud(steps []inventory.Step) (units, databases []string, err error) {
	found := map[string]bool{}
	for _, s := range steps {
		switch {
		case s.Kind == "service" && s.Chapter != "environment":
			var k kind.Service
			err = json.Unmarshal(s.Spec, &k)
			for _, u := range k.Names {
				found[u] = true
			}
		case s.Kind == "sql":
			var k kind.SQL
			err = json.Unmarshal(s.Spec, &k)
			databases = append(databases, k.Databases...)
		}
		if err != nil {
			return nil, nil, fmt.Errorf("read the specification of %s: %w", s.Key, err)
		}
	}
	delete(found, iscsiTarget)
	return slices.Sorted(maps.Keys(found)), databases, nil
}

// itemName is how an item of what is saved is called.
var itemName = regexp.MustCompile(`^[a-z]{1,32}$`)

// Save stores an item that a node hands over while its step that saves is in hand.
func (e *Engine) Save(ctx context.Context, rackID uint, node, item string, r io.Reader) error {
	run, key, err := e.saving(ctx, rackID, node, item, chapterSave)
	if err != nil {
		return err
	}
	n, err := e.Keep.Put(run, node, item, key, r)
	if err == nil {
		e.log.Info("kept for the new system", "node", node, "item", item, "bytes", n, "run", run)
	}
	return err
}

// Saved reads an item back, for the same node and run. The error is NotFound where
// it was not saved.
func (e *Engine) Saved(ctx context.Context, rackID uint, node, item string) (io.ReadCloser, error) {
	run, key, err := e.saving(ctx, rackID, node, item, chapterSave, chapterRestore)
	if err != nil {
		return nil, err
	}
	return e.Keep.Open(run, node, item, key)
}

// saving is the run in which a node has a step of one of the chapters in hand, with
// the key of what is kept in it.
func (e *Engine) saving(ctx context.Context, rackID uint, node, item string, chapters ...string) (uint, string, error) {
	if !itemName.MatchString(item) {
		return 0, "", inventory.Errorf(inventory.Invalid, "%q is no name of an item", item)
	}
	run, err := e.activeRun(ctx, rackID)
	if err != nil {
		return 0, "", err
	}
	if run != nil {
		steps, err := e.store.Steps(ctx, run.ID)
		if err != nil {
			return 0, "", err
		}
		if slices.ContainsFunc(steps, func(s inventory.Step) bool {
			return s.Node == node && slices.Contains(chapters, s.Chapter) && (s.State == inventory.StepReady || s.State == inventory.StepRunning)
		}) {
			key, err := e.store.EnsureSecret(ctx, rackID, fmt.Sprintf("kept/%d", run.ID), keep.NewKey)
			return run.ID, key, err
		}
	}
	return 0, "", inventory.Errorf(inventory.Unauthorised, "%s is not being reinstalled, so nothing is kept of it", node)
}
