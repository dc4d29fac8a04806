package web

import (
	"context"

	"github.com/danielgtaylor/huma/v2"

	"sandai/inventory"
)

// Calls asks a node's installed agent, outside of runs. Errors are Unavailable
// where the agent does not answer, with since when it is silent; Invalid for a
// unit that is not one of the guide's on that node.
type Calls interface {
	Units(ctx context.Context, rack, node string) ([]inventory.Unit, error)
	// Journal gives the last lines of a unit's journal and of its log files, with
	// the rack's secrets masked.
	Journal(ctx context.Context, rack, node, unit string, lines int) (inventory.Journal, error)
	// Restart restarts one unit and returns how it fares then.
	Restart(ctx context.Context, rack, node, unit string) (inventory.Unit, error)
}

// Sensors asks a node's BMC for what it measures and remembers. The error is
// Invalid where the BMC refuses the login and Unavailable where it does not
// answer; its text says which.
type Sensors interface {
	Sensors(ctx context.Context, rack, node string) (inventory.Sensors, error)
	SEL(ctx context.Context, rack, node string) (inventory.SEL, error)
}

type journalRequest struct {
	Name  string `path:"name" doc:"the node's name" example:"controller-1"`
	Rack  string `query:"rack" doc:"the rack's name; needed where two racks have a node of that name"`
	Unit  string `query:"unit" required:"true" doc:"one of the node's units" example:"nova-compute.service"`
	Lines int    `query:"lines" default:"200" minimum:"1" maximum:"2000" doc:"how many of the last lines, of each log"`
}

type restartRequest struct {
	Name string `path:"name" doc:"the node's name" example:"controller-1"`
	Rack string `query:"rack" doc:"the rack's name; needed where two racks have a node of that name"`
	Body struct {
		Unit string `json:"unit" doc:"one of the node's units that may be restarted" example:"nova-compute.service"`
	}
}

func (s *server) callRoutes(api huma.API) {
	huma.Register(api, get("node-units", "/nodes/{name}/units", "Ask a node how the guide's units fare there"), func(ctx context.Context, in *nodeName) (*answer[[]inventory.Unit], error) {
		rack, err := s.rackOf(ctx, in.Rack, in.Name)
		if err != nil {
			return nil, err
		}
		return reply(s.Calls.Units(ctx, rack, in.Name))
	})
	huma.Register(api, get("node-journal", "/nodes/{name}/journal", "Show the last lines of a unit's logs, secrets masked"), func(ctx context.Context, in *journalRequest) (*answer[inventory.Journal], error) {
		rack, err := s.rackOf(ctx, in.Rack, in.Name)
		if err != nil {
			return nil, err
		}
		return reply(s.Calls.Journal(ctx, rack, in.Name, in.Unit, in.Lines))
	})
	huma.Register(api, post("node-restart", "/nodes/{name}/restart", "Restart one of the guide's units on a node"), func(ctx context.Context, in *restartRequest) (*answer[inventory.Unit], error) {
		rack, err := s.rackOf(ctx, in.Rack, in.Name)
		if err != nil {
			return nil, err
		}
		return reply(s.Calls.Restart(ctx, rack, in.Name, in.Body.Unit))
	})
}

func (s *server) sensorRoutes(api huma.API) {
	huma.Register(api, get("node-sensors", "/nodes/{name}/sensors", "Ask a node's BMC for its sensors; an answer is kept for 10 s"), func(ctx context.Context, in *nodeName) (*answer[inventory.Sensors], error) {
		rack, err := s.rackOf(ctx, in.Rack, in.Name)
		if err != nil {
			return nil, err
		}
		return reply(s.Sensors.Sensors(ctx, rack, in.Name))
	})
	huma.Register(api, get("node-sel", "/nodes/{name}/sel", "Ask a node's BMC for its event log; an answer is kept for 10 s"), func(ctx context.Context, in *nodeName) (*answer[inventory.SEL], error) {
		rack, err := s.rackOf(ctx, in.Rack, in.Name)
		if err != nil {
			return nil, err
		}
		return reply(s.Sensors.SEL(ctx, rack, in.Name))
	})
}
