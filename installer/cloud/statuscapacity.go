package cloud

import (
	"context"
	"fmt"
	"math"
	"strconv"

	"github.com/gophercloud/gophercloud/v2/openstack/blockstorage/v3/schedulerstats"
	"github.com/gophercloud/gophercloud/v2/openstack/blockstorage/v3/volumes"
	"github.com/gophercloud/gophercloud/v2/openstack/compute/v2/servers"
	"github.com/gophercloud/gophercloud/v2/openstack/networking/v2/extensions/external"
	"github.com/gophercloud/gophercloud/v2/openstack/networking/v2/extensions/networkipavailabilities"
	"github.com/gophercloud/gophercloud/v2/openstack/networking/v2/networks"
	"github.com/gophercloud/gophercloud/v2/openstack/placement/v1/resourceproviders"

	"sandai/inventory"
)

// placement takes what each compute node has and has given out.
func (t *statusTaker) placement(ctx context.Context) error {
	pc, err := t.s.placement()
	if err != nil {
		return err
	}
	list, err := providers(ctx, pc)
	if err != nil {
		return err
	}
	nodes := []inventory.NodeCapacity{}
	for _, p := range list {
		inv, err := resourceproviders.GetInventories(ctx, pc, p.UUID).Extract()
		if err != nil {
			return fmt.Errorf("ask Placement what %s has: %w", p.Name, err)
		}
		use, err := resourceproviders.GetUsages(ctx, pc, p.UUID).Extract()
		if err != nil {
			return fmt.Errorf("ask Placement what %s has given out: %w", p.Name, err)
		}
		if _, ok := inv.Inventories["VCPU"]; !ok {
			continue // not a compute node: a shared disk, a network
		}
		amount := func(class string) inventory.Amount {
			i := inv.Inventories[class]
			return inventory.Amount{Used: float64(use.Usages[class]), Ratio: float64(i.AllocationRatio),
				Total: math.Floor(float64(i.Total-i.Reserved) * float64(i.AllocationRatio))}
		}
		nodes = append(nodes, inventory.NodeCapacity{Node: p.Name, VCPUs: amount("VCPU"), MemoryMB: amount("MEMORY_MB"), DiskGB: amount("DISK_GB")})
	}
	t.set(func(o *inventory.CloudStatus) {
		o.Capacity.ComputeNodes = nodes
		o.Capacity.VCPUs = total(nodes, func(n inventory.NodeCapacity) inventory.Amount { return n.VCPUs })
		o.Capacity.MemoryMB = total(nodes, func(n inventory.NodeCapacity) inventory.Amount { return n.MemoryMB })
		o.Capacity.DiskGB = total(nodes, func(n inventory.NodeCapacity) inventory.Amount { return n.DiskGB })
	})
	return nil
}

// total sums up; the ratio is kept where it is the same everywhere.
func total(nodes []inventory.NodeCapacity, of func(inventory.NodeCapacity) inventory.Amount) *inventory.Amount {
	var sum inventory.Amount
	for i, n := range nodes {
		a := of(n)
		sum.Used, sum.Total = sum.Used+a.Used, sum.Total+a.Total
		if i == 0 {
			sum.Ratio = a.Ratio
		} else if sum.Ratio != a.Ratio {
			sum.Ratio = 0
		}
	}
	return &sum
}

// floating counts the addresses of the external networks' pools. The routers'
// own, which come out of the same pools, count as used.
func (t *statusTaker) floating(ctx context.Context) error {
	nc, err := t.s.network()
	if err != nil {
		return err
	}
	yes := true
	list, err := listAll(ctx, networks.List(nc, external.ListOptsExt{ListOptsBuilder: networks.ListOpts{}, External: &yes}), networks.ExtractNetworks)
	if err != nil {
		return fmt.Errorf("ask for the external networks: %w", err)
	}
	var sum inventory.Amount
	for _, n := range list {
		a, err := networkipavailabilities.Get(ctx, nc, n.ID).Extract()
		if err != nil {
			return fmt.Errorf("ask for the addresses of network %s: %w", n.Name, err)
		}
		used, err1 := strconv.ParseFloat(a.UsedIPs, 64)
		all, err2 := strconv.ParseFloat(a.TotalIPs, 64)
		if err1 != nil || err2 != nil {
			return fmt.Errorf("the addresses of network %s are %q of %q", n.Name, a.UsedIPs, a.TotalIPs)
		}
		sum.Used, sum.Total = sum.Used+used, sum.Total+all
	}
	t.set(func(o *inventory.CloudStatus) { o.Capacity.FloatingIPs = &sum })
	return nil
}

func (t *statusTaker) instances(ctx context.Context) error {
	cc, err := t.s.compute()
	if err != nil {
		return err
	}
	list, err := listAll(ctx, servers.List(cc, servers.ListOpts{AllTenants: true}), servers.ExtractServers)
	if err != nil {
		return fmt.Errorf("ask for the servers: %w", err)
	}
	n, by := len(list), map[string]int{}
	for _, v := range list {
		by[v.Status]++
	}
	t.set(func(o *inventory.CloudStatus) { o.Capacity.Instances, o.Capacity.ByStatus = &n, by })
	return nil
}

func (t *statusTaker) volumes(ctx context.Context) error {
	vc, err := t.s.volume()
	if err != nil {
		return err
	}
	list, err := listAll(ctx, volumes.List(vc, volumes.ListOpts{AllTenants: true}), volumes.ExtractVolumes)
	if err != nil {
		return fmt.Errorf("ask for the volumes: %w", err)
	}
	n := len(list)
	t.set(func(o *inventory.CloudStatus) { o.Capacity.Volumes = &n })
	pools, err := listAll(ctx, schedulerstats.List(vc, schedulerstats.ListOpts{Detail: true}), schedulerstats.ExtractStoragePools)
	if err != nil {
		return fmt.Errorf("ask for the volumes' back ends: %w", err)
	}
	var sum inventory.Amount
	for _, p := range pools {
		c := p.Capabilities
		if math.IsInf(c.TotalCapacityGB, 0) || math.IsInf(c.FreeCapacityGB, 0) {
			return nil // a back end that does not know its end
		}
		sum.Used, sum.Total = sum.Used+c.TotalCapacityGB-c.FreeCapacityGB, sum.Total+c.TotalCapacityGB
	}
	t.set(func(o *inventory.CloudStatus) { o.Capacity.VolumeGB = &sum })
	return nil
}
