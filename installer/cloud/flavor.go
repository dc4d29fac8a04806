package cloud

import (
	"context"
	"fmt"

	"github.com/gophercloud/gophercloud/v2"
	"github.com/gophercloud/gophercloud/v2/openstack/compute/v2/flavors"

	"sandai/installer/guide/kind"
)

func (c *Cloud) doFlavor(ctx context.Context, s *session, a kind.APIFlavor) (Result, error) {
	cc, err := s.compute()
	if err != nil {
		return Result{}, err
	}
	summary := fmt.Sprintf("flavor %s, %d MiB, %d vCPU, %d GiB", a.Name, a.RAM, a.VCPUs, a.Disk)
	found, err := findFlavor(ctx, cc, a.Name)
	if err != nil {
		return Result{}, err
	}
	if found != nil {
		if found.RAM == a.RAM && found.VCPUs == a.VCPUs && found.Disk == a.Disk {
			return Result{Summary: did(false, summary)}, nil
		}
		// A flavor cannot be changed; servers keep a copy of theirs.
		if err := flavors.Delete(ctx, cc, found.ID).ExtractErr(); err != nil && !gophercloud.ResponseCodeIs(err, 404) {
			return Result{}, fmt.Errorf("remove flavor %s, which has other sizes: %w", a.Name, err)
		}
	}
	public := true
	if _, err := flavors.Create(ctx, cc, flavors.CreateOpts{Name: a.Name, RAM: a.RAM, VCPUs: a.VCPUs, Disk: &a.Disk, IsPublic: &public}).Extract(); err != nil {
		return Result{}, fmt.Errorf("make flavor %s: %w", a.Name, err)
	}
	return Result{Changed: true, Summary: did(true, summary)}, nil
}

func findFlavor(ctx context.Context, cc *gophercloud.ServiceClient, name string) (*flavors.Flavor, error) {
	list, err := listAll(ctx, flavors.ListDetail(cc, flavors.ListOpts{AccessType: flavors.AllAccess}), flavors.ExtractFlavors)
	if err != nil {
		return nil, fmt.Errorf("look for flavor %s: %w", name, err)
	}
	for i := range list {
		if list[i].Name == name {
			return &list[i], nil
		}
	}
	return nil, nil
}
