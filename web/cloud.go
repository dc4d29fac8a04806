package web

import (
	"context"

	"github.com/danielgtaylor/huma/v2"

	"sandai/inventory"
)

// Cloud asks a rack's cloud and hands out what a person needs to use it. Errors
// are NotFound where the rack has no cloud yet (or no journey was collected) and
// Invalid for a secret that is never shown. CloudStatus has an error only where
// nothing at all can be said; what of the cloud does not answer is in its Errors.
type Cloud interface {
	CloudStatus(ctx context.Context, rack string) (inventory.CloudStatus, error)
	Journey(ctx context.Context, rack string) (inventory.Journey, error)
	Accounts(ctx context.Context, rack string) ([]inventory.Account, error)
	Reveal(ctx context.Context, rack, secret string) (inventory.Revealed, error)
	// Openrc and CloudsYAML hold the administrator's password.
	Openrc(ctx context.Context, rack string) ([]byte, error)
	CloudsYAML(ctx context.Context, rack string) ([]byte, error)
}

type secretName struct {
	Name   string `path:"name" doc:"the rack's name" example:"demo"`
	Secret string `path:"secret" doc:"a name from the rack's accounts" example:"keystone_admin"`
}

// download is a file that a browser keeps instead of showing it.
type download struct {
	ContentType string `header:"Content-Type"`
	Disposition string `header:"Content-Disposition"`
	Body        []byte
}

// postAdmin is an operation of administrators. It is a POST, though it changes
// nothing, because every POST is in the audit log: who looked at a secret is known.
func postAdmin(id, path, summary string) huma.Operation {
	op := post(id, path, summary)
	op.Metadata = map[string]any{"role": "admin"}
	return op
}

func (s *server) cloudRoutes(api huma.API) {
	huma.Register(api, get("rack-cloud", "/racks/{name}/cloud", "Show how the rack's cloud fares: endpoints, services, capacity"), func(ctx context.Context, in *rackName) (*answer[inventory.CloudStatus], error) {
		return reply(s.Cloud.CloudStatus(ctx, in.Name))
	})
	huma.Register(api, get("rack-journey", "/racks/{name}/journey", "Show the way of the proof's server from the request to the running instance, as it was seen"), func(ctx context.Context, in *rackName) (*answer[inventory.Journey], error) {
		return reply(s.Cloud.Journey(ctx, in.Name))
	})
	huma.Register(api, get("rack-secrets", "/racks/{name}/secrets", "List the cloud's accounts and keys, without any secret"), func(ctx context.Context, in *rackName) (*answer[[]inventory.Account], error) {
		return reply(s.Cloud.Accounts(ctx, in.Name))
	})
	huma.Register(api, postAdmin("rack-reveal", "/racks/{name}/secrets/{secret}/reveal", "Show one secret; the look is in the audit log"), func(ctx context.Context, in *secretName) (*answer[inventory.Revealed], error) {
		return reply(s.Cloud.Reveal(ctx, in.Name, in.Secret))
	})
	huma.Register(api, postAdmin("rack-openrc", "/racks/{name}/openrc", "Download the administrator's openrc; the look is in the audit log"), func(ctx context.Context, in *rackName) (*download, error) {
		b, err := s.Cloud.Openrc(ctx, in.Name)
		return file(b, "text/plain; charset=utf-8", "openrc", err)
	})
	huma.Register(api, postAdmin("rack-clouds", "/racks/{name}/clouds.yaml", "Download the administrator's clouds.yaml; the look is in the audit log"), func(ctx context.Context, in *rackName) (*download, error) {
		b, err := s.Cloud.CloudsYAML(ctx, in.Name)
		return file(b, "application/yaml", "clouds.yaml", err)
	})
}

func file(b []byte, contentType, name string, err error) (*download, error) {
	if err != nil {
		return nil, err
	}
	return &download{contentType, `attachment; filename="` + name + `"`, b}, nil
}
