package cloud

import (
	"context"
	"fmt"

	"github.com/gophercloud/gophercloud/v2"
	"github.com/gophercloud/gophercloud/v2/openstack/networking/v2/extensions/layer3/routers"
	"github.com/gophercloud/gophercloud/v2/openstack/networking/v2/extensions/mtu"
	"github.com/gophercloud/gophercloud/v2/openstack/networking/v2/extensions/portsbinding"
	"github.com/gophercloud/gophercloud/v2/openstack/networking/v2/extensions/security/groups"
	"github.com/gophercloud/gophercloud/v2/openstack/networking/v2/extensions/security/rules"
	"github.com/gophercloud/gophercloud/v2/openstack/networking/v2/networks"
	"github.com/gophercloud/gophercloud/v2/openstack/networking/v2/ports"
	"github.com/gophercloud/gophercloud/v2/openstack/networking/v2/subnets"
	"github.com/gophercloud/gophercloud/v2/pagination"

	"sandai/installer/guide/kind"
)

// network is a Neutron network with its MTU in bytes.
type network struct {
	networks.Network
	mtu.NetworkMTUExt
}

// networkOpts is a request for a network with the provider attributes as
// Neutron's single-segment form has them.
type networkOpts kind.APINetwork

// ToNetworkCreateMap implements networks.CreateOptsBuilder.
func (o networkOpts) ToNetworkCreateMap() (map[string]any, error) {
	n := map[string]any{"name": o.Name, "router:external": o.External, "shared": o.Shared}
	if o.Type != "" {
		n["provider:network_type"] = o.Type
	}
	if o.Physical != "" {
		n["provider:physical_network"] = o.Physical
	}
	return map[string]any{"network": n}, nil
}

func (c *Cloud) doNetwork(ctx context.Context, s *session, a kind.APINetwork) (Result, error) {
	nc, err := s.network()
	if err != nil {
		return Result{}, err
	}
	n, err := findNetwork(ctx, nc, a.Name)
	if err != nil {
		return Result{}, err
	}
	changed := n == nil
	if changed {
		n = &network{}
		if err := networks.Create(ctx, nc, networkOpts(a)).ExtractInto(n); err != nil {
			return Result{}, fmt.Errorf("make network %s: %w", a.Name, err)
		}
	}
	return Result{Changed: changed, Summary: fmt.Sprintf("%s, MTU %d", did(changed, "network "+a.Name), n.MTU)}, nil
}

func findNetwork(ctx context.Context, nc *gophercloud.ServiceClient, name string) (*network, error) {
	list, err := listAll(ctx, networks.List(nc, networks.ListOpts{Name: name}), func(p pagination.Page) (out []network, err error) {
		err = networks.ExtractNetworksInto(p, &out)
		return out, err
	})
	if err != nil {
		return nil, fmt.Errorf("look for network %s: %w", name, err)
	}
	if len(list) == 0 {
		return nil, nil
	}
	return &list[0], nil
}

// mustNetwork finds a network that an earlier step made.
func mustNetwork(ctx context.Context, nc *gophercloud.ServiceClient, name string) (*network, error) {
	n, err := findNetwork(ctx, nc, name)
	if err == nil && n == nil {
		err = fmt.Errorf("there is no network %s; its step must come first", name)
	}
	return n, err
}

func (c *Cloud) doSubnet(ctx context.Context, s *session, a kind.APISubnet) (Result, error) {
	nc, err := s.network()
	if err != nil {
		return Result{}, err
	}
	n, err := mustNetwork(ctx, nc, a.Network)
	if err != nil {
		return Result{}, err
	}
	found, err := findSubnet(ctx, nc, a.Name, n.ID)
	if err != nil {
		return Result{}, err
	}
	what := fmt.Sprintf("subnet %s %s", a.Name, a.CIDR)
	if found != nil {
		if found.CIDR != a.CIDR {
			return Result{}, fmt.Errorf("subnet %s is %s and the guide wants %s; delete it, or give the guide's subnet another name", a.Name, found.CIDR, a.CIDR)
		}
		return Result{Summary: did(false, what)}, nil
	}
	o := subnets.CreateOpts{NetworkID: n.ID, Name: a.Name, CIDR: a.CIDR, IPVersion: gophercloud.IPv4, EnableDHCP: &a.DHCP}
	if a.Gateway != "" {
		o.GatewayIP = &a.Gateway
	}
	if a.PoolStart != "" {
		o.AllocationPools = []subnets.AllocationPool{{Start: a.PoolStart, End: a.PoolEnd}}
	}
	if _, err := subnets.Create(ctx, nc, o).Extract(); err != nil {
		return Result{}, fmt.Errorf("make subnet %s: %w", a.Name, err)
	}
	return Result{Changed: true, Summary: did(true, what)}, nil
}

func findSubnet(ctx context.Context, nc *gophercloud.ServiceClient, name, networkID string) (*subnets.Subnet, error) {
	list, err := listAll(ctx, subnets.List(nc, subnets.ListOpts{Name: name, NetworkID: networkID}), subnets.ExtractSubnets)
	if err != nil {
		return nil, fmt.Errorf("look for subnet %s: %w", name, err)
	}
	if len(list) == 0 {
		return nil, nil
	}
	return &list[0], nil
}

func (c *Cloud) doRouter(ctx context.Context, s *session, a kind.APIRouter) (Result, error) {
	nc, err := s.network()
	if err != nil {
		return Result{}, err
	}
	ext, err := mustNetwork(ctx, nc, a.External)
	if err != nil {
		return Result{}, err
	}
	r, changed, err := ensureRouter(ctx, nc, a.Name, ext.ID)
	if err != nil {
		return Result{}, err
	}
	attached, err := portsOf(ctx, nc, r.ID)
	if err != nil {
		return Result{Changed: changed}, err
	}
	has := map[string]bool{}
	for _, p := range attached {
		for _, ip := range p.FixedIPs {
			has[ip.SubnetID] = true
		}
	}
	for _, name := range a.Subnets {
		sub, err := findSubnet(ctx, nc, name, "")
		if err != nil {
			return Result{Changed: changed}, err
		}
		if sub == nil {
			return Result{Changed: changed}, fmt.Errorf("router %s: there is no subnet %s; its step must come first", a.Name, name)
		}
		if has[sub.ID] {
			continue
		}
		if _, err := routers.AddInterface(ctx, nc, r.ID, routers.AddInterfaceOpts{SubnetID: sub.ID}).Extract(); err != nil {
			return Result{Changed: changed}, fmt.Errorf("connect router %s to subnet %s: %w", a.Name, name, err)
		}
		changed = true
	}
	gateway := ""
	for _, ip := range r.GatewayInfo.ExternalFixedIPs {
		gateway += " " + ip.IPAddress
	}
	return Result{Changed: changed, Summary: fmt.Sprintf("%s, %d subnets, gateway%s on %s", did(changed, "router "+a.Name), len(a.Subnets), gateway, a.External)}, nil
}

func ensureRouter(ctx context.Context, nc *gophercloud.ServiceClient, name, external string) (*routers.Router, bool, error) {
	list, err := listAll(ctx, routers.List(nc, routers.ListOpts{Name: name}), routers.ExtractRouters)
	if err != nil {
		return nil, false, fmt.Errorf("look for router %s: %w", name, err)
	}
	gw := &routers.GatewayInfo{NetworkID: external}
	if len(list) == 0 {
		r, err := routers.Create(ctx, nc, routers.CreateOpts{Name: name, GatewayInfo: gw}).Extract()
		if err != nil {
			return nil, false, fmt.Errorf("make router %s: %w", name, err)
		}
		return r, true, nil
	}
	if list[0].GatewayInfo.NetworkID == external {
		return &list[0], false, nil
	}
	r, err := routers.Update(ctx, nc, list[0].ID, routers.UpdateOpts{GatewayInfo: gw}).Extract()
	if err != nil {
		return nil, false, fmt.Errorf("give router %s its gateway: %w", name, err)
	}
	return r, true, nil
}

// port is a Neutron port with the node that serves it.
type port struct {
	ports.Port
	portsbinding.PortsBindingExt
}

// portsOf lists the ports of a server or router.
func portsOf(ctx context.Context, nc *gophercloud.ServiceClient, device string) ([]port, error) {
	list, err := listAll(ctx, ports.List(nc, ports.ListOpts{DeviceID: device}), func(p pagination.Page) (out []port, err error) {
		err = ports.ExtractPortsInto(p, &out)
		return out, err
	})
	if err != nil {
		return nil, fmt.Errorf("look for the ports of %s: %w", device, err)
	}
	return list, nil
}

func (c *Cloud) doRule(ctx context.Context, s *session, a kind.APIRule) (Result, error) {
	nc, err := s.network()
	if err != nil {
		return Result{}, err
	}
	list, err := listAll(ctx, groups.List(nc, groups.ListOpts{Name: a.Group, ProjectID: s.project}), groups.ExtractGroups)
	if err != nil {
		return Result{}, fmt.Errorf("look for security group %s: %w", a.Group, err)
	}
	if len(list) == 0 {
		return Result{}, fmt.Errorf("project %s has no security group %s", c.cfg.Project, a.Group)
	}
	what := fmt.Sprintf("rule %s %d-%d of group %s", a.Protocol, a.PortMin, a.PortMax, a.Group)
	have, err := listAll(ctx, rules.List(nc, rules.ListOpts{SecGroupID: list[0].ID, Direction: string(rules.DirIngress), Protocol: a.Protocol}), rules.ExtractRules)
	if err != nil {
		return Result{}, fmt.Errorf("look for the rules of group %s: %w", a.Group, err)
	}
	for _, r := range have {
		if r.EtherType == string(rules.EtherType4) && r.PortRangeMin == a.PortMin && r.PortRangeMax == a.PortMax && r.RemoteGroupID == "" && (r.RemoteIPPrefix == "" || r.RemoteIPPrefix == "0.0.0.0/0") {
			return Result{Summary: did(false, what)}, nil
		}
	}
	_, err = rules.Create(ctx, nc, rules.CreateOpts{Direction: rules.DirIngress, EtherType: rules.EtherType4, SecGroupID: list[0].ID,
		Protocol: rules.RuleProtocol(a.Protocol), PortRangeMin: a.PortMin, PortRangeMax: a.PortMax}).Extract()
	if err != nil {
		return Result{}, fmt.Errorf("make %s: %w", what, err)
	}
	return Result{Changed: true, Summary: did(true, what)}, nil
}
