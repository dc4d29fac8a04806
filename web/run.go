package web

import (
	"context"

	"github.com/danielgtaylor/huma/v2"

	"sandai/inventory"
)

type runID struct {
	ID uint `path:"id" doc:"the run's number" example:"1"`
}

func (s *server) runRoutes(api huma.API) {
	huma.Register(api, get("rack-runs", "/racks/{name}/runs", "List a rack's runs"), func(ctx context.Context, in *rackName) (*answer[[]inventory.Run], error) {
		r, err := s.Racks.Rack(ctx, in.Name)
		if err != nil {
			return nil, err
		}
		runs, err := s.Runs.Runs(ctx, r.ID)
		if runs == nil {
			runs = []inventory.Run{}
		}
		return reply(runs, err)
	})
	huma.Register(api, get("run", "/runs/{id}", "Show a run"), func(ctx context.Context, in *runID) (*answer[inventory.Run], error) {
		return reply(s.Runs.Run(ctx, in.ID))
	})
	huma.Register(api, get("run-steps", "/runs/{id}/steps", "List a run's steps in plan order, without specifications and outputs"), func(ctx context.Context, in *runID) (*answer[[]inventory.Step], error) {
		if _, err := s.Runs.Run(ctx, in.ID); err != nil {
			return nil, err
		}
		steps, err := s.Runs.Steps(ctx, in.ID)
		return reply(brief(steps), err)
	})
	type stepKey struct {
		ID  uint   `path:"id" doc:"the run's number" example:"1"`
		Key string `query:"key" required:"true" doc:"the step's key" example:"controller-1/identity/keystone.conf"`
	}
	huma.Register(api, get("run-step", "/runs/{id}/step", "Show a step with its specification and outputs"), func(ctx context.Context, in *stepKey) (*answer[inventory.Step], error) {
		return reply(s.Runs.Step(ctx, in.ID, in.Key))
	})
}

// brief leaves out what is large: a run has hundreds of steps.
func brief(steps []inventory.Step) []inventory.Step {
	out := make([]inventory.Step, len(steps))
	for i, s := range steps {
		s.Spec, s.Stdout, s.Stderr = nil, "", ""
		out[i] = s
	}
	return out
}
