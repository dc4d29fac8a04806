package web

import (
	"context"

	"github.com/danielgtaylor/huma/v2"

	"sandai/inventory"
)

type nodeName struct {
	Name string `path:"name" doc:"the node's name" example:"controller-1"`
	Rack string `query:"rack" doc:"the rack's name; needed where two racks have a node of that name"`
}

type powerState struct {
	State string `json:"state" doc:"on or off, as the BMC says now"`
}

type powerRequest struct {
	Name string `path:"name" doc:"the node's name" example:"controller-1"`
	Rack string `query:"rack" doc:"the rack's name; needed where two racks have a node of that name"`
	Body struct {
		Op string `json:"op" enum:"on,off,soft,cycle,reset" doc:"soft asks the operating system to shut down"`
	}
}

func (s *server) nodeRoutes(api huma.API) {
	huma.Register(api, get("node-power", "/nodes/{name}/power", "Ask a node's BMC whether it is on"), func(ctx context.Context, in *nodeName) (*answer[powerState], error) {
		rack, err := s.rackOf(ctx, in.Rack, in.Name)
		if err != nil {
			return nil, err
		}
		state, err := s.Power.PowerState(ctx, rack, in.Name)
		return reply(powerState{state}, err)
	})
	huma.Register(api, post("node-set-power", "/nodes/{name}/power", "Switch a node through its BMC; the answer comes when the BMC shows the change"), func(ctx context.Context, in *powerRequest) (*struct{}, error) {
		rack, err := s.rackOf(ctx, in.Rack, in.Name)
		if err != nil {
			return nil, err
		}
		return nil, s.Power.SetPower(ctx, rack, in.Name, in.Body.Op)
	})
}

// rackOf finds the rack of a node where the client did not name it.
func (s *server) rackOf(ctx context.Context, rack, node string) (string, error) {
	racks, err := s.Racks.Racks(ctx)
	if err != nil {
		return "", err
	}
	var found []string
	for _, r := range racks {
		for _, n := range r.Nodes {
			if n.Name == node && (rack == "" || rack == r.Name) {
				found = append(found, r.Name)
			}
		}
	}
	switch len(found) {
	case 0:
		return "", inventory.Errorf(inventory.NotFound, "there is no node %s; appliance node list shows those there are", node)
	case 1:
		return found[0], nil
	}
	return "", inventory.Errorf(inventory.Conflict, "racks %s and %s both have a node %s: say which with --rack", found[0], found[1], node)
}
