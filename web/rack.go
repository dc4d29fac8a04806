package web

import (
	"bytes"
	"context"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"sandai/inventory"
	"sandai/inventory/rackfile"
	"sandai/web/progress"
)

type rackName struct {
	Name string `path:"name" doc:"the rack's name" example:"demo"`
}

type rackFile struct {
	ContentType string `header:"Content-Type"`
	Body        []byte
}

func (s *server) rackRoutes(api huma.API) {
	huma.Register(api, get("racks", "/racks", "List the racks"), func(ctx context.Context, _ *struct{}) (*answer[[]inventory.Rack], error) {
		racks, err := s.Racks.Racks(ctx)
		if racks == nil {
			racks = []inventory.Rack{}
		}
		return reply(racks, err)
	})
	huma.Register(api, get("rack", "/racks/{name}", "Show a rack with its nodes"), func(ctx context.Context, in *rackName) (*answer[inventory.Rack], error) {
		return reply(s.Racks.Rack(ctx, in.Name))
	})
	export := get("rack-export", "/racks/{name}/export", "Write a rack as rack.yaml, without its passwords")
	huma.Register(api, export, func(ctx context.Context, in *rackName) (*rackFile, error) {
		r, err := s.Racks.Rack(ctx, in.Name)
		if err != nil {
			return nil, err
		}
		var b bytes.Buffer
		if err := rackfile.Write(&b, r); err != nil {
			return nil, err
		}
		return &rackFile{"application/yaml", b.Bytes()}, nil
	})
	imp := post("rack-import", "/racks", "Put the rack of a rack.yaml into the inventory, whole or not at all")
	imp.MaxBodyBytes, imp.DefaultStatus = maxRackFile, http.StatusOK
	type importRequest struct {
		File    string `query:"file" default:"rack.yaml" doc:"the file's name, for error messages"`
		RawBody []byte `contentType:"application/yaml"`
	}
	huma.Register(api, imp, func(ctx context.Context, in *importRequest) (*answer[inventory.Rack], error) {
		return reply(s.Installer.Import(ctx, in.File, in.RawBody))
	})
}

func (s *server) installRoutes(api huma.API) {
	huma.Register(api, get("rack-plan", "/racks/{name}/plan", "Show what an install would do; nothing is changed"), func(ctx context.Context, in *rackName) (*answer[inventory.Plan], error) {
		return reply(s.Installer.Plan(ctx, in.Name))
	})
	install := post("rack-install", "/racks/{name}/install", "Install a rack, resume its failed run, or find that there is nothing to do (the run is done)")
	type installRequest struct {
		Name string `path:"name" doc:"the rack's name" example:"demo"`
		Body inventory.InstallRequest
	}
	huma.Register(api, install, func(ctx context.Context, in *installRequest) (*answer[inventory.Run], error) {
		return reply(s.Installer.Install(ctx, in.Name, in.Body))
	})
	huma.Register(api, get("rack-report", "/racks/{name}/report", "Show how the latest run went, and where the cloud is"), func(ctx context.Context, in *rackName) (*answer[inventory.Report], error) {
		return reply(s.Installer.Report(ctx, in.Name))
	})
	huma.Register(api, get("rack-progress", "/racks/{name}/progress", "Show the latest run: step n of m, elapsed, remaining, the steps in hand"), func(ctx context.Context, in *rackName) (*answer[progress.Progress], error) {
		return reply(s.rackProgress(ctx, in.Name))
	})
}
