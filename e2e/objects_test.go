package e2e

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/gophercloud/gophercloud/v2/openstack/blockstorage/v3/volumes"
	"github.com/gophercloud/gophercloud/v2/openstack/compute/v2/flavors"
	"github.com/gophercloud/gophercloud/v2/openstack/compute/v2/keypairs"
	"github.com/gophercloud/gophercloud/v2/openstack/compute/v2/servers"
	"github.com/gophercloud/gophercloud/v2/openstack/identity/v3/endpoints"
	"github.com/gophercloud/gophercloud/v2/openstack/identity/v3/projects"
	"github.com/gophercloud/gophercloud/v2/openstack/identity/v3/roles"
	"github.com/gophercloud/gophercloud/v2/openstack/identity/v3/services"
	"github.com/gophercloud/gophercloud/v2/openstack/identity/v3/users"
	"github.com/gophercloud/gophercloud/v2/openstack/image/v2/images"
	"github.com/gophercloud/gophercloud/v2/openstack/networking/v2/extensions/layer3/floatingips"
	"github.com/gophercloud/gophercloud/v2/openstack/networking/v2/extensions/layer3/routers"
	"github.com/gophercloud/gophercloud/v2/openstack/networking/v2/extensions/security/groups"
	"github.com/gophercloud/gophercloud/v2/openstack/networking/v2/networks"
	"github.com/gophercloud/gophercloud/v2/openstack/networking/v2/ports"
	"github.com/gophercloud/gophercloud/v2/openstack/networking/v2/subnets"

	"sandai/inventory"
)

// controllerAgain reinstalls the controller: what the cloud has is the same afterwards.
func (l *nodeLife) controllerAgain(t *testing.T) {
	before := l.objects()
	l.as(t, "reinstall", l.active(inventory.Controller)[0], inventory.RunReinstall, nil, "")
	if d := cmp.Diff(before, l.objects()); d != "" {
		t.Fatalf("the cloud's objects are not the same: %s", d)
	}
	t.Logf("the cloud's APIs show the same %d objects as before", len(before))
}

// objects are what the cloud has, a line for each, in the order of the alphabet.
type objects []string

func (o *objects) add(is ...any) { *o = append(*o, strings.TrimSpace(fmt.Sprintln(is...))) }

// objects asks for what the cloud has, without what belongs to the proof, which makes its
// own anew each time.
func (t *tenant) objects() (out objects) {
	t.Helper()
	for _, v := range all(t, projects.List(t.identity, nil), projects.ExtractProjects) {
		out.add("project", v.ID, v.Name)
	}
	for _, v := range all(t, users.List(t.identity, nil), users.ExtractUsers) {
		out.add("user", v.ID, v.Name)
	}
	for _, v := range all(t, roles.List(t.identity, nil), roles.ExtractRoles) {
		out.add("role", v.ID, v.Name)
	}
	for _, v := range all(t, services.List(t.identity, nil), services.ExtractServices) {
		out.add("service", v.ID, v.Type)
	}
	for _, v := range all(t, endpoints.List(t.identity, nil), endpoints.ExtractEndpoints) {
		out.add("endpoint", v.ID, v.ServiceID, v.Availability, v.URL)
	}
	for _, v := range all(t, images.List(t.image, nil), images.ExtractImages) {
		out.add("image", v.ID, v.Name, v.Status, v.SizeBytes, v.Checksum)
	}
	for _, v := range all(t, flavors.ListDetail(t.compute, nil), flavors.ExtractFlavors) {
		out.add("flavor", v.ID, v.Name, v.RAM, v.VCPUs, v.Disk)
	}
	for _, v := range all(t, keypairs.List(t.compute, nil), keypairs.ExtractKeyPairs) {
		out.add("keypair", v.Name, v.Fingerprint)
	}
	for _, v := range all(t, networks.List(t.network, nil), networks.ExtractNetworks) {
		out.add("network", v.ID, v.Name, v.Status)
	}
	for _, v := range all(t, subnets.List(t.network, nil), subnets.ExtractSubnets) {
		out.add("subnet", v.ID, v.Name, v.CIDR, v.AllocationPools)
	}
	for _, v := range all(t, routers.List(t.network, nil), routers.ExtractRouters) {
		out.add("router", v.ID, v.Name, v.Status, v.GatewayInfo.ExternalFixedIPs)
	}
	for _, v := range all(t, groups.List(t.network, groups.ListOpts{}), groups.ExtractGroups) {
		out.add("security group", v.ID, v.Name)
		for _, r := range v.Rules {
			out.add("security rule", r.ID, r.Direction, r.Protocol, r.PortRangeMin, r.PortRangeMax)
		}
	}
	t.used(&out)
	slices.Sort(out)
	return out
}

// used adds the servers of people, and what these hold.
func (t *tenant) used(out *objects) {
	t.Helper()
	const ofProof = "sandai-proof-"
	proof := map[string]bool{} // its servers and floating IPs, by ID
	for _, v := range all(t, servers.List(t.compute, servers.ListOpts{AllTenants: true}), servers.ExtractServers) {
		if proof[v.ID] = strings.HasPrefix(v.Name, ofProof); !proof[v.ID] {
			out.add("server", v.ID, v.Name, v.Status, v.Host, v.LaunchedAt)
		}
	}
	for _, v := range all(t, volumes.List(t.volume, volumes.ListOpts{AllTenants: true}), volumes.ExtractVolumes) {
		if !strings.HasPrefix(v.Name, ofProof) {
			out.add("volume", v.ID, v.Name, v.Status, v.Size)
		}
	}
	for _, v := range all(t, floatingips.List(t.network, floatingips.ListOpts{}), floatingips.ExtractFloatingIPs) {
		if proof[v.ID] = strings.HasPrefix(v.Description, ofProof); !proof[v.ID] {
			out.add("floating IP", v.ID, v.FloatingIP, v.PortID)
		}
	}
	for _, v := range all(t, ports.List(t.network, ports.ListOpts{}), ports.ExtractPorts) {
		if !proof[v.DeviceID] {
			out.add("port", v.ID, v.MACAddress, v.FixedIPs, v.DeviceOwner, v.DeviceID)
		}
	}
}
