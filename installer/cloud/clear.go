package cloud

import (
	"context"
	"fmt"
	"strings"

	"github.com/gophercloud/gophercloud/v2"
	"github.com/gophercloud/gophercloud/v2/openstack/blockstorage/v3/volumes"
	"github.com/gophercloud/gophercloud/v2/openstack/compute/v2/servers"
	"github.com/gophercloud/gophercloud/v2/openstack/networking/v2/extensions/layer3/floatingips"
)

// clearProof removes what an earlier proof made, so that the next one proves
// anew and not that the old servers are still there: floating IPs, servers, then
// the volumes that they had attached. The key pair stays.
func (c *Cloud) clearProof(ctx context.Context, s *session, progress func(string)) (Result, error) {
	nc, err := s.network()
	if err != nil {
		return Result{}, err
	}
	fips, err := clearFloating(ctx, nc)
	out := Result{Changed: fips > 0}
	if err != nil {
		return out, err
	}
	cc, err := s.compute()
	if err != nil {
		return out, err
	}
	gone, err := c.clearServers(ctx, cc, progress)
	out.Changed = out.Changed || gone > 0
	if err != nil {
		return out, err
	}
	vols := 0
	if c.cfg.HasVolumes {
		vc, err := s.volume()
		if err != nil {
			return out, err
		}
		vols, err = c.clearVolumes(ctx, vc, progress)
		out.Changed = out.Changed || vols > 0
		if err != nil {
			return out, err
		}
	}
	out.Summary = fmt.Sprintf("%d floating IPs, %d servers and %d volumes of an earlier proof removed", fips, gone, vols)
	return out, nil
}

func ofProof(name string) bool { return strings.HasPrefix(name, proofPrefix) }

// clearFloating releases the floating IPs whose description names a server of the
// proof, which is how the proof makes them.
func clearFloating(ctx context.Context, nc *gophercloud.ServiceClient) (n int, err error) {
	list, err := listAll(ctx, floatingips.List(nc, floatingips.ListOpts{}), floatingips.ExtractFloatingIPs)
	if err != nil {
		return 0, fmt.Errorf("look for floating IPs: %w", err)
	}
	for _, f := range list {
		if !ofProof(f.Description) {
			continue
		}
		if err := floatingips.Delete(ctx, nc, f.ID).ExtractErr(); err != nil && !gophercloud.ResponseCodeIs(err, 404) {
			return n, fmt.Errorf("release floating IP %s: %w", f.FloatingIP, err)
		}
		n++
	}
	return n, nil
}

func (c *Cloud) clearServers(ctx context.Context, cc *gophercloud.ServiceClient, progress func(string)) (n int, err error) {
	find := func() ([]servers.Server, error) {
		list, err := listAll(ctx, servers.List(cc, servers.ListOpts{Name: "^" + proofPrefix}), servers.ExtractServers)
		if err != nil {
			return nil, fmt.Errorf("look for the proof's servers: %w", err)
		}
		var out []servers.Server
		for _, v := range list {
			if ofProof(v.Name) {
				out = append(out, v)
			}
		}
		return out, nil
	}
	list, err := find()
	if err != nil {
		return 0, err
	}
	for _, v := range list {
		if err := servers.Delete(ctx, cc, v.ID).ExtractErr(); err != nil && !gophercloud.ResponseCodeIs(err, 404) {
			return n, fmt.Errorf("remove server %s: %w", v.Name, err)
		}
		n++
	}
	return n, c.poll(ctx, "removal of the proof's servers", progress, func() (bool, string, error) {
		left, err := find()
		if err != nil || len(left) == 0 {
			return err == nil, "", err
		}
		if left[0].Status == "ERROR" {
			return false, "", fmt.Errorf("server %s went into ERROR while it was removed: %s; see nova-compute's log on its node", left[0].Name, left[0].Fault.Message)
		}
		return false, fmt.Sprintf("%d left, %s is %s", len(left), left[0].Name, left[0].Status), nil
	})
}

// clearVolumes removes the proof's volumes. Nova detaches them while it removes a
// server, which may take longer than the removal.
func (c *Cloud) clearVolumes(ctx context.Context, vc *gophercloud.ServiceClient, progress func(string)) (n int, err error) {
	asked, looks := map[string]bool{}, map[string]int{}
	err = c.poll(ctx, "removal of the proof's volumes", progress, func() (bool, string, error) {
		list, err := listAll(ctx, volumes.List(vc, volumes.ListOpts{}), volumes.ExtractVolumes)
		if err != nil {
			return false, "", fmt.Errorf("look for the proof's volumes: %w", err)
		}
		left := ""
		for _, v := range list {
			if !ofProof(v.Name) {
				continue
			}
			left = v.Name + " is " + v.Status
			switch {
			case v.Status == "error_deleting":
				return false, "", fmt.Errorf("volume %s could not be removed: see cinder-volume's log on the controller", v.Name)
			case (v.Status == "available" || strings.HasPrefix(v.Status, "error")) && !asked[v.ID]:
				if err := volumes.Delete(ctx, vc, v.ID, volumes.DeleteOpts{}).ExtractErr(); err != nil && !gophercloud.ResponseCodeIs(err, 404) {
					return false, "", fmt.Errorf("remove volume %s: %w", v.Name, err)
				}
				asked[v.ID] = true
				n++
			case v.Status == "reserved" || v.Status == "attaching" || v.Status == "detaching" || v.Status == "in-use":
				if looks[v.ID]++; looks[v.ID] == stuckLooks {
					progress(fmt.Sprintf("volume %s is %s by a server that is gone; it is freed", v.Name, v.Status))
					if err := freeVolume(ctx, vc, v.ID); err != nil {
						return false, "", err
					}
				}
			}
		}
		return left == "", left, nil
	})
	return n, err
}
