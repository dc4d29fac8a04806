package cloud

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/gophercloud/gophercloud/v2"
	"github.com/gophercloud/gophercloud/v2/openstack/networking/v2/extensions/agents"
	"github.com/gophercloud/gophercloud/v2/openstack/networking/v2/extensions/layer3/routers"
)

// rehearsal begins the names of routers that nobody uses.
const rehearsal = "sandai-rehearsal-"

// rehearse has agents that have served no router serve one that nobody uses, on the
// external network of those that they are about to take. An agent starts its privileged
// helpers for the first (minutes on an emulated node), for which traffic would stop; and
// one that cannot serve any is found out before anything is moved.
func (s *session) rehearse(ctx context.Context, nc *gophercloud.ServiceClient, firsts []agents.Agent, moving []routers.Router, progress func(string)) error {
	i := slices.IndexFunc(moving, func(r routers.Router) bool { return r.GatewayInfo.NetworkID != "" })
	if i < 0 {
		return nil
	}
	for _, a := range firsts {
		name := rehearsal + a.Host
		r, _, err := ensureRouter(ctx, nc, name, moving[i].GatewayInfo.NetworkID)
		if gophercloud.ResponseCodeIs(err, 409) {
			progress(fmt.Sprintf("%v; without it traffic may stop for longer", err)) // no address or no router is left
			return nil
		}
		if err != nil {
			return err
		}
		if err := place(ctx, nc, r, a); err != nil {
			return err
		}
		of, err := portsOf(ctx, nc, r.ID)
		if err != nil {
			return err
		}
		var all []string
		for _, p := range of {
			all = append(all, p.ID)
		}
		if err := s.awaitPorts(ctx, nc, "router "+name, r.ID, all, func(host string) bool { return sameHost(host, a.Host) }, progress); err != nil {
			return err
		}
	}
	return nil
}

// place has an agent serve a router, and no other one, as Neutron's scheduler may have
// chosen another.
func place(ctx context.Context, nc *gophercloud.ServiceClient, r *routers.Router, to agents.Agent) error {
	serving, err := agentsOf(ctx, nc, r)
	if err != nil {
		return err
	}
	for _, a := range serving {
		if a.ID == to.ID {
			return nil
		}
		if err := takeRouter(ctx, nc, r, a.ID, a.Host); err != nil {
			return err
		}
	}
	return giveRouter(ctx, nc, r, to)
}

func endRehearsals(ctx context.Context, nc *gophercloud.ServiceClient) error {
	all, err := listAll(ctx, routers.List(nc, routers.ListOpts{}), routers.ExtractRouters)
	if err != nil {
		return fmt.Errorf("ask for the routers: %w", err)
	}
	for _, r := range all {
		if !strings.HasPrefix(r.Name, rehearsal) {
			continue
		}
		if err := routers.Delete(ctx, nc, r.ID).ExtractErr(); err != nil && !gophercloud.ResponseCodeIs(err, 404) {
			return fmt.Errorf("delete router %s: %w", r.Name, err)
		}
	}
	return nil
}

const portActive = "ACTIVE"

// servedPorts are the IDs of a router's ports that are served now.
func servedPorts(ctx context.Context, nc *gophercloud.ServiceClient, router string) (ids []string, err error) {
	list, err := portsOf(ctx, nc, router)
	for _, p := range list {
		if p.Status == portActive {
			ids = append(ids, p.ID)
		}
	}
	return ids, err
}

// awaitPorts waits until those of a router's ports are served, by a host that will do.
// One that its owner deletes meanwhile is waited for no longer.
func (s *session) awaitPorts(ctx context.Context, nc *gophercloud.ServiceClient, what, router string, ids []string, by func(host string) bool, progress func(string)) error {
	return s.c.poll(ctx, what, progress, func() (bool, string, error) {
		list, err := portsOf(ctx, nc, router)
		if err != nil {
			return false, "", err
		}
		served, of := 0, 0
		for _, p := range list {
			if !slices.Contains(ids, p.ID) {
				continue
			}
			of++
			if p.Status == portActive && p.HostID != "" && by(p.HostID) {
				served++
			}
		}
		return served == of, fmt.Sprintf("%d of %d ports up", served, of), nil
	})
}
