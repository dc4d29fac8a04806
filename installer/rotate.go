package installer

import (
	"context"
	"fmt"
	"strings"
	"time"

	"sandai/installer/guide"
	"sandai/inventory"
)

// chapterRotate is the first step of a rotation, carried out by the appliance; its
// kind has the same name.
const chapterRotate = "rotate"

// retiredPrefix and the name of a password is the name of the secret that holds its
// earlier values, one a line: what masks a step's output has to know the value that a
// file's old line shows.
const retiredPrefix = "retired/"

// Rotate gives an installed rack's cloud new passwords: those of the databases, the
// message queue, the services among themselves and the administrator. They are made
// by the run's first step; the rest brings them to the nodes and has the cloud prove
// itself. confirm is the rack's name. The error is Conflict where the rack is not as
// its plan says, or a node could not be reached with them.
func (e *Engine) Rotate(ctx context.Context, name string, req inventory.RotateRequest) (inventory.Run, error) {
	if req.Confirm != name {
		return inventory.Run{}, inventory.Errorf(inventory.Invalid, "new passwords restart every service of the cloud: confirm with the rack's name (--confirm %s)", name)
	}
	e.asks.Lock()
	defer e.asks.Unlock()
	rack, p, last, err := e.installed(ctx, name)
	switch {
	case err != nil:
		return inventory.Run{}, err
	case rack.Release == inventory.ReleaseDebian:
		return inventory.Run{}, inventory.Errorf(inventory.Conflict, "rack %s has plain Debian and no cloud: it has no passwords", name)
	}
	if err := asPlanned(rack, p, last); err != nil {
		return inventory.Run{}, err
	}
	for _, n := range rack.Nodes {
		if n.Role == "" {
			continue
		}
		if err := spokenFor(n); err != nil {
			return inventory.Run{}, err
		}
		if silent := time.Since(n.LastSeen); n.State != inventory.Active || silent > aliveFor {
			return inventory.Run{}, inventory.Errorf(inventory.Conflict, "%s is %s and was heard %d s ago: it would be left with the old passwords", n.Name, n.State, int(silent.Seconds()))
		}
	}
	return e.begin(ctx, rack, inventory.Run{Kind: inventory.RunRotate, PlanHash: p.Hash}, rotateSteps(rack, p.Steps))
}

// rotateSteps make new passwords and then go through a plan's steps, without the
// phases that install a node. It is pure.
func rotateSteps(rack inventory.Rack, all []inventory.Step) []inventory.Step {
	first := inventory.Step{
		Key: chapterRotate + "/" + chapterRotate, Chapter: chapterRotate, Kind: chapterRotate, Owner: inventory.OwnerAppliance, Timeout: 60,
		Title: "Make new passwords", Why: "Nothing knows them yet; the steps that follow bring them to the cloud and its services.",
	}
	if rack.Slow {
		first.Timeout *= 3
	}
	rest := only(all, func(s inventory.Step) bool { return !isPhase(s.Chapter) })
	for i := range rest {
		if len(rest[i].Needs) == 0 {
			rest[i].Needs = []string{first.Key}
		}
	}
	return append([]inventory.Step{first}, rest...)
}

// rotate makes a new value for each password of a rack, all at once. Done again,
// because the appliance ended before it could say so, it makes others: nothing was
// told of the first ones.
func (e *Engine) rotate(ctx context.Context, run inventory.Run) (outcome, error) {
	values, err := e.newPasswords(ctx, run.RackID)
	if err != nil {
		return outcome{}, err
	}
	if err := e.store.PutSecrets(ctx, run.RackID, values); err != nil {
		return outcome{}, err
	}
	return outcome{changed: true, summary: fmt.Sprintf("%d new passwords", len(values)/2)}, nil
}

// rotates reports whether a secret is a password. Keystone's keys are none: without
// its token keys every token ends, without its credential keys what they sealed is lost.
func rotates(s guide.SecretSpec) bool { return s.Generator == "password" }

// newPasswords are new values for those of the guide's passwords that the rack has,
// and for what remembers the earlier ones. Keys of tokens and such keep theirs.
func (e *Engine) newPasswords(ctx context.Context, rackID uint) (map[string]string, error) {
	out := map[string]string{}
	for _, spec := range e.Guide.Secrets() {
		if !rotates(spec) {
			continue
		}
		old, err := e.store.Secret(ctx, rackID, spec.Name)
		if inventory.CodeOf(err) == inventory.NotFound {
			continue // nothing has used it yet
		}
		if err != nil {
			return nil, err
		}
		earlier, err := e.retired(ctx, rackID, spec.Name)
		if err != nil {
			return nil, err
		}
		if out[spec.Name], err = spec.Generate(); err != nil {
			return nil, err
		}
		out[retiredPrefix+spec.Name] = strings.Join(append(earlier, old), "\n")
	}
	return out, nil
}

// retired are the earlier values of a password.
func (e *Engine) retired(ctx context.Context, rackID uint, name string) ([]string, error) {
	text, err := e.store.Secret(ctx, rackID, retiredPrefix+name)
	if inventory.CodeOf(err) == inventory.NotFound {
		return nil, nil
	}
	return strings.Fields(text), err
}
