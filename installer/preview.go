package installer

import (
	"context"

	"sandai/inventory"
)

// Preview shows what an install of a rack would do, every disk with what becomes
// of it, and the hash that confirms exactly this. It changes nothing.
func (e *Engine) Preview(ctx context.Context, name string) (inventory.Preview, error) {
	_, _, v, _, err := e.look(ctx, name)
	return v, err
}

func (e *Engine) preview(ctx context.Context, rack inventory.Rack, p inventory.Plan, last *inventory.Run) (inventory.Preview, error) {
	in := inventory.PreviewInput{Rack: rack, PlanHash: p.Hash, Steps: p.Steps, Action: inventory.ActionStart,
		ImageSize: func(n inventory.Node) int64 { return e.imageSize(rack, n) }}
	if last != nil {
		var err error
		if in.Last, err = e.written(ctx, rack.ID); err != nil {
			return inventory.Preview{}, err
		}
		in.Action = action(*last, p.Hash)
	}
	active, err := e.activeRun(ctx, rack.ID)
	if err != nil {
		return inventory.Preview{}, err
	}
	if active != nil {
		in.Action = inventory.ActionRunning
	}
	return inventory.MakePreview(in), nil
}

// written are the steps of all runs that may have written to the rack's disks,
// back to its latest install, the newest first.
func (e *Engine) written(ctx context.Context, rackID uint) ([]inventory.Step, error) {
	runs, err := e.store.Runs(ctx, rackID)
	if err != nil {
		return nil, err
	}
	var out []inventory.Step
	for _, run := range runs {
		if !run.Kind.Changes() {
			continue
		}
		steps, err := e.store.Steps(ctx, run.ID)
		if err != nil {
			return nil, err
		}
		if out = append(out, steps...); run.Kind == inventory.RunInstall {
			break
		}
	}
	return out, nil
}

// action says what Install without Erase would do about a rack whose latest
// install has ended.
func action(last inventory.Run, planHash string) inventory.PreviewAction {
	switch {
	case last.PlanHash != planHash:
		return inventory.ActionConfirm
	case last.State == inventory.RunDone:
		return inventory.ActionNothing
	}
	return inventory.ActionResume
}

// imageSize is how many bytes a node's image has on the disk, 0 where it was not
// built yet.
func (e *Engine) imageSize(r inventory.Rack, n inventory.Node) int64 {
	img, err := e.Images.Get(imageFor(r, n))
	if err != nil {
		return 0
	}
	return img.RawSize
}

// confirm writes into the wipe steps which disks a person saw. The plan's hash is
// of the plan without it.
func confirm(steps []inventory.Step, v inventory.Preview) error {
	for i, s := range steps {
		if s.Chapter != phaseWipe {
			continue
		}
		b, err := withField(s.Spec, "confirmed", v.Confirmed(s.Node))
		if err != nil {
			return err
		}
		steps[i].Spec = b
	}
	return nil
}
