package cloud

import (
	"context"
	"fmt"

	"github.com/gophercloud/gophercloud/v2"
	"github.com/gophercloud/gophercloud/v2/openstack/placement/v1/allocations"
	"github.com/gophercloud/gophercloud/v2/openstack/placement/v1/resourceproviders"
)

// generationsFrom is Placement's first microversion whose allocations have the
// consumer's generation, by which a change that is out of date is refused.
const generationsFrom = "1.28"

// providers lists Placement's resource providers.
func providers(ctx context.Context, pc *gophercloud.ServiceClient) ([]resourceproviders.ResourceProvider, error) {
	list, err := listAll(ctx, resourceproviders.List(pc, resourceproviders.ListOpts{}), resourceproviders.ExtractResourceProviders)
	if err != nil {
		return nil, fmt.Errorf("ask Placement for its providers: %w", err)
	}
	return list, nil
}

// freeProvider takes away what servers still hold of a node that none of them is
// on: Nova gives an evacuated server's old share back only when the old node
// returns (Launchpad bug 1829479), and until then the provider cannot be deleted.
func (s *session) freeProvider(ctx context.Context, pc *gophercloud.ServiceClient, provider string) (int, error) {
	held, err := resourceproviders.GetAllocations(ctx, pc, provider).Extract()
	if err != nil {
		return 0, fmt.Errorf("ask Placement who holds something of %s: %w", provider, err)
	}
	for consumer := range held.Allocations {
		a, err := allocations.Get(ctx, pc, consumer).Extract()
		if err != nil {
			return 0, fmt.Errorf("ask Placement what %s holds: %w", consumer, err)
		}
		o := allocations.UpdateOpts{Allocations: map[string]allocations.ProviderAllocationsOpts{}, ConsumerGeneration: a.ConsumerGeneration}
		if a.ProjectID != nil && a.UserID != nil {
			o.ProjectID, o.UserID = *a.ProjectID, *a.UserID
		}
		for p, r := range a.Allocations {
			if p != provider {
				o.Allocations[p] = allocations.ProviderAllocationsOpts{Resources: r.Resources}
			}
		}
		if err := allocations.Update(ctx, pc, consumer, o).ExtractErr(); err != nil {
			return 0, fmt.Errorf("have Placement forget what %s held: %w", consumer, err)
		}
	}
	return len(held.Allocations), nil
}
