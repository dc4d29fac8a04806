package cloud

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/gophercloud/gophercloud/v2"
	computeservices "github.com/gophercloud/gophercloud/v2/openstack/compute/v2/services"
	"github.com/gophercloud/gophercloud/v2/openstack/networking/v2/extensions/agents"
	"github.com/gophercloud/gophercloud/v2/openstack/placement/v1/resourceproviders"

	"sandai/installer/guide/kind"
)

// leave has the cloud forget a node, see kind.APILeave. Nova takes the node's
// resource provider out of Placement itself where nothing of it is held.
func (s *session) leave(ctx context.Context, l kind.APILeave) (Result, error) {
	there, err := s.serversOn(ctx, l.Node)
	if err != nil {
		return Result{}, err
	}
	if len(there) > 0 {
		return Result{}, permanent{fmt.Errorf("server %s (%s) is still on %s: delete it or move it to another compute node, then try the step again", there[0].Name, there[0].ID, l.Node)}
	}
	var gone []string
	pc, err := s.placement()
	if err != nil {
		return Result{}, err
	}
	pc.Microversion = generationsFrom
	own, err := providers(ctx, pc)
	if err != nil {
		return Result{}, err
	}
	own = slices.DeleteFunc(own, func(p resourceproviders.ResourceProvider) bool { return !sameHost(p.Name, l.Node) })
	for _, p := range own {
		if _, err := s.freeProvider(ctx, pc, p.UUID); err != nil {
			return Result{}, err
		}
	}
	svc, err := s.computeService(ctx, l.Node)
	if err != nil {
		return Result{}, err
	}
	if svc != nil {
		cc, err := s.computeByUUID()
		if err != nil {
			return Result{}, err
		}
		if err := computeservices.Delete(ctx, cc, svc.ID).ExtractErr(); err != nil && !gophercloud.ResponseCodeIs(err, 404) {
			return Result{}, fmt.Errorf("have Nova forget nova-compute on %s: %w", l.Node, err)
		}
		gone = append(gone, "nova-compute")
	}
	for _, p := range own {
		// 404: Nova did it.
		err := resourceproviders.Delete(ctx, pc, p.UUID).ExtractErr()
		if err != nil && !gophercloud.ResponseCodeIs(err, 404) {
			return Result{Changed: true}, fmt.Errorf("have Placement forget %s: %w", p.Name, err)
		}
	}
	nc, err := s.network()
	if err != nil {
		return Result{Changed: len(gone) > 0}, err
	}
	list, err := networkAgents(ctx, nc)
	if err != nil {
		return Result{Changed: len(gone) > 0}, err
	}
	for _, a := range list {
		if !sameHost(a.Host, l.Node) {
			continue
		}
		if err := agents.Delete(ctx, nc, a.ID).ExtractErr(); err != nil && !gophercloud.ResponseCodeIs(err, 404) {
			return Result{Changed: true}, fmt.Errorf("have Neutron forget %s on %s: %w", a.Binary, l.Node, err)
		}
		gone = append(gone, a.Binary)
	}
	if len(gone) == 0 {
		return Result{Summary: "the cloud does not know " + l.Node}, nil
	}
	return Result{Changed: true, Summary: fmt.Sprintf("of %s forgotten: %s", l.Node, strings.Join(gone, ", "))}, nil
}
