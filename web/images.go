package web

import (
	"context"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"sandai/inventory"
)

// Images lists and builds what is laid down on servers. One build runs at a time.
type Images interface {
	// Images are those that are there; ImageNames those that can be built.
	Images(ctx context.Context) ([]inventory.Image, error)
	ImageNames() []string
	// Build begins a build of the named images, of all where none is named, and
	// does not wait for it. The error is Conflict while another is under way and
	// Invalid for an unknown name.
	Build(ctx context.Context, names []string) error
	// StopBuild ends the build under way. The error is Conflict where there is none.
	StopBuild(ctx context.Context) error
	LatestBuild(ctx context.Context) inventory.ImageBuild
	// OnChange has fn called when what LatestBuild says may have changed.
	OnChange(fn func())
}

func (s *server) imageRoutes(api huma.API) {
	huma.Register(api, get("images", "/images", "List the images that are there"), func(ctx context.Context, _ *struct{}) (*answer[[]inventory.Image], error) {
		list, err := s.Images.Images(ctx)
		if list == nil {
			list = []inventory.Image{}
		}
		return reply(list, err)
	})
	huma.Register(api, get("image-build", "/images/build", "Show how far the latest build of images is"), func(ctx context.Context, _ *struct{}) (*answer[inventory.ImageBuild], error) {
		return reply(s.Images.LatestBuild(ctx), nil)
	})
	type buildRequest struct {
		Body struct {
			Names []string `json:"names,omitempty" doc:"what to build; all that changed if there are none" example:"[\"deploy-ramdisk\"]"`
		}
	}
	huma.Register(api, post("image-build-begin", "/images/build", "Begin to build images"), func(ctx context.Context, in *buildRequest) (*answer[inventory.ImageBuild], error) {
		if err := s.Images.Build(ctx, in.Body.Names); err != nil {
			return nil, err
		}
		return reply(s.Images.LatestBuild(ctx), nil)
	})
	stop := post("image-build-stop", "/images/build", "Stop the build of images that is under way")
	stop.Method = http.MethodDelete
	huma.Register(api, stop, func(ctx context.Context, _ *struct{}) (*struct{}, error) {
		return nil, s.Images.StopBuild(ctx)
	})
}
