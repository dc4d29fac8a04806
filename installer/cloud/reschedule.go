package cloud

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/gophercloud/gophercloud/v2"
	"github.com/gophercloud/gophercloud/v2/openstack/networking/v2/extensions/agents"
	"github.com/gophercloud/gophercloud/v2/openstack/networking/v2/extensions/layer3/routers"

	"sandai/installer/guide/kind"
)

// takers are Neutron's agents of one sort: the node's that gives away what it serves,
// and those of other nodes that are up and can take it.
type takers struct {
	what, node string
	own        []string // agents' UUIDs
	others     []agents.Agent
	load       map[string]int // by an agent's UUID: how many routers or networks it serves
}

func takersOf(all []agents.Agent, what, binary, node string) *takers {
	t := &takers{what: what, node: node, load: map[string]int{}}
	for _, a := range all {
		switch {
		case a.Binary != binary:
		case sameHost(a.Host, node):
			t.own = append(t.own, a.ID)
		case a.Alive && a.AdminStateUp:
			t.others = append(t.others, a)
		}
	}
	return t
}

// next is the agent with the least load, which then has one more.
func (t *takers) next() (agents.Agent, error) {
	if len(t.others) == 0 {
		return agents.Agent{}, permanent{fmt.Errorf("no other network node is up that could take the %s of %s over: bring one up (Neutron's agents are shown with the cloud), then try the step again", t.what, t.node)}
	}
	a := slices.MinFunc(t.others, func(a, b agents.Agent) int { return t.load[a.ID] - t.load[b.ID] })
	t.load[a.ID]++
	return a, nil
}

func networkAgents(ctx context.Context, nc *gophercloud.ServiceClient) ([]agents.Agent, error) {
	list, err := listAll(ctx, agents.List(nc, agents.ListOpts{}), agents.ExtractAgents)
	if err != nil {
		return nil, fmt.Errorf("ask for Neutron's agents: %w", err)
	}
	return list, nil
}

// reschedule has other network nodes serve what one does, see kind.APIReschedule.
func (s *session) reschedule(ctx context.Context, r kind.APIReschedule, progress func(string)) (Result, error) {
	nc, err := s.network()
	if err != nil {
		return Result{}, err
	}
	all, err := networkAgents(ctx, nc)
	if err != nil {
		return Result{}, err
	}
	nets, err := moveNetworks(ctx, nc, takersOf(all, "DHCP", "neutron-dhcp-agent", r.Node))
	if err != nil {
		return Result{Changed: nets > 0}, err
	}
	rs, err := s.moveRouters(ctx, nc, takersOf(all, "routers", "neutron-l3-agent", r.Node), progress)
	return Result{Changed: nets+rs > 0, Summary: fmt.Sprintf("other network nodes took %d routers and DHCP of %d networks over from %s", rs, nets, r.Node)}, err
}

// moveNetworks moves DHCP. The new agent serves a network before the old one stops, so
// that it is always served, also where this is ended half-way.
func moveNetworks(ctx context.Context, nc *gophercloud.ServiceClient, t *takers) (moved int, err error) {
	serves := map[string][]string{}
	for _, a := range t.others {
		if serves[a.ID], err = networksOf(ctx, nc, a.ID); err != nil {
			return 0, err
		}
		t.load[a.ID] = len(serves[a.ID])
	}
	for _, own := range t.own {
		ids, err := networksOf(ctx, nc, own)
		if err != nil {
			return moved, err
		}
		for _, id := range ids {
			if !slices.ContainsFunc(t.others, func(a agents.Agent) bool { return slices.Contains(serves[a.ID], id) }) {
				to, err := t.next()
				if err != nil {
					return moved, err
				}
				if err := agents.ScheduleDHCPNetwork(ctx, nc, to.ID, agents.ScheduleDHCPNetworkOpts{NetworkID: id}).ExtractErr(); err != nil {
					return moved, fmt.Errorf("have another node serve DHCP on network %s: %w", id, err)
				}
			}
			if err := agents.RemoveDHCPNetwork(ctx, nc, own, id).ExtractErr(); err != nil && !gophercloud.ResponseCodeIs(err, 404) {
				return moved, fmt.Errorf("have %s serve DHCP on network %s no more: %w", t.node, id, err)
			}
			moved++
		}
	}
	return moved, nil
}

func networksOf(ctx context.Context, nc *gophercloud.ServiceClient, agent string) (ids []string, err error) {
	list, err := agents.ListDHCPNetworks(ctx, nc, agent).Extract()
	if err != nil {
		return nil, fmt.Errorf("ask for the networks of a DHCP agent: %w", err)
	}
	for _, n := range list {
		ids = append(ids, n.ID)
	}
	return ids, nil
}

// moveRouters moves routers, and waits until they are served again. A router is of one
// agent only, so it is nobody's for a moment; one that is nobody's when this begins was
// left so by a try that was ended.
func (s *session) moveRouters(ctx context.Context, nc *gophercloud.ServiceClient, t *takers, progress func(string)) (moved int, err error) {
	own, free, err := t.routers(ctx, nc)
	if err != nil {
		return 0, err
	}
	to, firsts := map[string]agents.Agent{}, []agents.Agent{} // by router; those that have served none
	for _, r := range free {
		a, err := t.next() // before any loses its agent, so that nothing stops where nobody takes it
		if err != nil {
			return 0, err
		}
		if to[r.ID] = a; t.load[a.ID] == 1 {
			firsts = append(firsts, a)
		}
	}
	defer func() {
		if ctx.Err() == nil { // else the next try does it
			err = errors.Join(err, endRehearsals(ctx, nc))
		}
	}()
	if err := s.rehearse(ctx, nc, firsts, free, progress); err != nil {
		return 0, err
	}
	for _, r := range free {
		served, err := servedPorts(ctx, nc, r.ID)
		if err != nil {
			return moved, err
		}
		if own[r.ID] != "" {
			if err := takeRouter(ctx, nc, &r, own[r.ID], t.node); err != nil {
				return moved, err
			}
		}
		if err := giveRouter(ctx, nc, &r, to[r.ID]); err != nil && !gophercloud.ResponseCodeIs(err, 409) { // 409: Neutron placed it by itself
			return moved, err
		}
		moved++
		if err := s.awaitPorts(ctx, nc, "router "+r.Name, r.ID, served, func(host string) bool { return !sameHost(host, t.node) }, progress); err != nil {
			return moved, err
		}
	}
	return moved, nil
}

// routers finds the routers that are to be placed, and by their IDs which of the node's
// agents serves them; and counts what the others serve.
func (t *takers) routers(ctx context.Context, nc *gophercloud.ServiceClient) (own map[string]string, free []routers.Router, err error) {
	all, err := listAll(ctx, routers.List(nc, routers.ListOpts{}), routers.ExtractRouters)
	if err != nil {
		return nil, nil, fmt.Errorf("ask for the routers: %w", err)
	}
	own = map[string]string{}
	for _, r := range all {
		if strings.HasPrefix(r.Name, rehearsal) {
			continue
		}
		hosts, err := agentsOf(ctx, nc, &r)
		if err != nil {
			return nil, nil, err
		}
		elsewhere := false // it is highly available, and fails over by itself
		for _, h := range hosts {
			if slices.Contains(t.own, h.ID) {
				own[r.ID] = h.ID
				continue
			}
			elsewhere = true
			t.load[h.ID]++
		}
		if !elsewhere {
			free = append(free, r)
		}
	}
	return own, free, nil
}

// agentsOf lists the L3 agents that serve a router.
func agentsOf(ctx context.Context, nc *gophercloud.ServiceClient, r *routers.Router) ([]routers.L3Agent, error) {
	list, err := listAll(ctx, routers.ListL3Agents(nc, r.ID), routers.ExtractL3Agents)
	if err != nil {
		return nil, fmt.Errorf("ask who serves router %s: %w", r.Name, err)
	}
	return list, nil
}

// takeRouter has an agent serve a router no more; one that does not is as wanted.
func takeRouter(ctx context.Context, nc *gophercloud.ServiceClient, r *routers.Router, agent, host string) error {
	if err := agents.RemoveL3Router(ctx, nc, agent, r.ID).ExtractErr(); err != nil && !gophercloud.ResponseCodeIs(err, 404) {
		return fmt.Errorf("take router %s from %s: %w", r.Name, host, err)
	}
	return nil
}

// giveRouter has an agent serve a router that none serves.
func giveRouter(ctx context.Context, nc *gophercloud.ServiceClient, r *routers.Router, to agents.Agent) error {
	if err := agents.ScheduleL3Router(ctx, nc, to.ID, agents.ScheduleL3RouterOpts{RouterID: r.ID}).ExtractErr(); err != nil {
		return fmt.Errorf("have %s serve router %s: %w", to.Host, r.Name, err)
	}
	return nil
}
