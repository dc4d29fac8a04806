package cloud

import (
	"context"
	"fmt"

	"github.com/gophercloud/gophercloud/v2"
	"github.com/gophercloud/gophercloud/v2/openstack/blockstorage/v3/volumes"
	"github.com/gophercloud/gophercloud/v2/openstack/compute/v2/hypervisors"
	"github.com/gophercloud/gophercloud/v2/openstack/compute/v2/servers"
	computeservices "github.com/gophercloud/gophercloud/v2/openstack/compute/v2/services"
	"github.com/gophercloud/gophercloud/v2/openstack/image/v2/images"

	"sandai/inventory"
)

// uuidsFrom is Nova's first microversion that names services and hypervisors by
// UUID, and with which a service is changed by it.
const uuidsFrom = "2.53"

func (s *session) computeByUUID() (*gophercloud.ServiceClient, error) {
	cc, err := s.compute()
	if err == nil {
		cc.Microversion = uuidsFrom
	}
	return cc, err
}

// Hosted tells what a compute node carries: every project's servers on it, with
// what a reinstall of the node would do to each.
func (c *Cloud) Hosted(ctx context.Context, node string) (out inventory.Hosted, err error) {
	err = c.retry(ctx, func(string) {}, func() error {
		s, err := c.login(ctx)
		if err == nil {
			out, err = s.hosted(ctx, node)
		}
		return err
	})
	return out, err
}

func (s *session) hosted(ctx context.Context, node string) (inventory.Hosted, error) {
	out := inventory.Hosted{Servers: []inventory.HostedServer{}}
	cc, err := s.computeByUUID()
	if err != nil {
		return out, err
	}
	list, err := listAll(ctx, hypervisors.List(cc, nil), hypervisors.ExtractHypervisors)
	if err != nil {
		return out, fmt.Errorf("ask for the hypervisors: %w", err)
	}
	for _, h := range list {
		if sameHost(h.HypervisorHostname, node) {
			out.Hypervisor = h.ID
		}
	}
	there, err := s.serversOn(ctx, node)
	if err != nil {
		return out, err
	}
	im, err := s.image()
	if err != nil {
		return out, err
	}
	kept := map[string]bool{}
	for _, v := range there {
		h := inventory.HostedServer{ID: v.ID, Name: v.Name, Project: v.TenantID, Status: v.Status, Proof: ofProof(v.Name)}
		h.Image, _ = v.Image["id"].(string)
		if h.Image == "" && v.ConfigDrive {
			h.Drive = true
			if h.DriveImage, err = s.bootImage(ctx, im, v); err != nil {
				return out, err
			}
		}
		if _, asked := kept[h.Image]; h.Image != "" && !asked {
			if kept[h.Image], err = imageThere(ctx, im, h.Image, v.Name); err != nil {
				return out, err
			}
		}
		out.Servers = append(out.Servers, inventory.FateOf(h, kept[h.Image]))
	}
	return out, nil
}

// bootImage is the image that the volume which a server boots from was made from, ""
// where there is none or it is gone.
func (s *session) bootImage(ctx context.Context, im *gophercloud.ServiceClient, v servers.Server) (string, error) {
	vc, err := s.volume()
	if err != nil {
		return "", err
	}
	for _, a := range v.AttachedVolumes {
		vol, err := volumes.Get(ctx, vc, a.ID).Extract()
		if err != nil {
			return "", fmt.Errorf("ask for the volume of server %s: %w", v.Name, err)
		}
		id := vol.VolumeImageMetadata["image_id"]
		if vol.Bootable != "true" || id == "" {
			continue
		}
		if there, err := imageThere(ctx, im, id, v.Name); err != nil || !there {
			return "", err
		}
		return id, nil
	}
	return "", nil
}

// imageThere reports whether Glance still has the image that a server came from.
func imageThere(ctx context.Context, im *gophercloud.ServiceClient, id, server string) (bool, error) {
	_, err := images.Get(ctx, im, id).Extract()
	if err != nil && !gophercloud.ResponseCodeIs(err, 404) {
		return false, fmt.Errorf("ask for the image of server %s: %w", server, err)
	}
	return err == nil, nil
}

func (s *session) serversOn(ctx context.Context, node string) ([]servers.Server, error) {
	cc, err := s.compute()
	if err != nil {
		return nil, err
	}
	list, err := listAll(ctx, servers.List(cc, servers.ListOpts{AllTenants: true, Host: node}), servers.ExtractServers)
	if err != nil {
		return nil, fmt.Errorf("ask for the servers on %s: %w", node, err)
	}
	return list, nil
}

// computeService is nova-compute's entry of a node, nil where it has none.
func (s *session) computeService(ctx context.Context, node string) (*computeservices.Service, error) {
	cc, err := s.computeByUUID()
	if err != nil {
		return nil, err
	}
	list, err := listAll(ctx, computeservices.List(cc, computeservices.ListOpts{Binary: "nova-compute"}), computeservices.ExtractServices)
	if err != nil {
		return nil, fmt.Errorf("ask for Nova's services: %w", err)
	}
	for i := range list {
		if list[i].Binary == "nova-compute" && sameHost(list[i].Host, node) {
			return &list[i], nil
		}
	}
	return nil, nil
}
