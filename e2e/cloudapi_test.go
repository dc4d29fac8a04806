package e2e

import (
	"bufio"
	"context"
	"net/http"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gophercloud/gophercloud/v2"
	"github.com/gophercloud/gophercloud/v2/openstack"
	"github.com/gophercloud/gophercloud/v2/openstack/compute/v2/flavors"
	"github.com/gophercloud/gophercloud/v2/openstack/compute/v2/servers"
	"github.com/gophercloud/gophercloud/v2/openstack/config/clouds"
	"github.com/gophercloud/gophercloud/v2/openstack/image/v2/images"
	"github.com/gophercloud/gophercloud/v2/openstack/networking/v2/extensions/layer3/floatingips"
	"github.com/gophercloud/gophercloud/v2/openstack/networking/v2/extensions/layer3/routers"
	"github.com/gophercloud/gophercloud/v2/openstack/networking/v2/networks"
	"github.com/gophercloud/gophercloud/v2/openstack/networking/v2/ports"
	"github.com/gophercloud/gophercloud/v2/pagination"
)

// serverLimit is how long a server may take to run, on an emulated node.
const serverLimit = 15 * time.Minute

// tenant uses a rack's cloud as its users do, from the network that it is on.
type tenant struct {
	*rig
	compute, network, image, volume, identity *gophercloud.ServiceClient
}

// credentials are those of clouds.yaml, with the region.
func (r *rig) credentials() (gophercloud.AuthOptions, gophercloud.EndpointOpts) {
	r.Helper()
	auth, region, _, err := clouds.Parse(clouds.WithLocations(filepath.Join(r.dir, "clouds.yaml")), clouds.WithCloudName(r.rack.Name()))
	if err != nil {
		r.Fatal(err)
	}
	auth.AllowReauth = true
	return auth, region
}

func (r *rig) signIn(auth gophercloud.AuthOptions) (*gophercloud.ProviderClient, error) {
	pc, err := openstack.NewClient(auth.IdentityEndpoint)
	if err != nil {
		return nil, err
	}
	pc.HTTPClient = http.Client{Transport: &http.Transport{DialContext: r.rack.Dial, DisableKeepAlives: true}, Timeout: 5 * time.Minute}
	return pc, openstack.Authenticate(r.Context(), pc, auth)
}

func (r *rig) tenant() *tenant {
	r.Helper()
	auth, region := r.credentials()
	pc, err := r.signIn(auth)
	if err != nil {
		r.Fatal(err)
	}
	t := &tenant{rig: r}
	for _, s := range []struct {
		c   **gophercloud.ServiceClient
		new func(*gophercloud.ProviderClient, gophercloud.EndpointOpts) (*gophercloud.ServiceClient, error)
	}{{&t.compute, openstack.NewComputeV2}, {&t.network, openstack.NewNetworkV2}, {&t.image, openstack.NewImageV2},
		{&t.volume, openstack.NewBlockStorageV3}, {&t.identity, openstack.NewIdentityV3}} {
		if *s.c, err = s.new(pc, region); err != nil {
			r.Fatal(err)
		}
	}
	return t
}

// server is what the cloud says of one: its host, what runs, its addresses.
type server struct {
	servers.Server
	Fixed, Floating string
}

// find is the server of a name, false where there is none.
func (t *tenant) find(name string) (s server, found bool) {
	t.Helper()
	for _, v := range all(t, servers.List(t.compute, servers.ListOpts{Name: "^" + name + "$"}), servers.ExtractServers) {
		s.Server, found = v, true
	}
	if !found {
		return s, false
	}
	for _, p := range all(t, ports.List(t.network, ports.ListOpts{DeviceID: s.ID}), ports.ExtractPorts) {
		for _, ip := range p.FixedIPs {
			s.Fixed = ip.IPAddress
		}
		for _, f := range all(t, floatingips.List(t.network, floatingips.ListOpts{PortID: p.ID}), floatingips.ExtractFloatingIPs) {
			s.Floating = f.FloatingIP
		}
	}
	return s, true
}

func (t *tenant) server(name string) server {
	t.Helper()
	s, ok := t.find(name)
	if !ok {
		t.Fatalf("the cloud has no server %s", name)
	}
	t.Logf("%s: %s on %s, %s, fixed %s, floating %s", name, s.Status, s.Host, s.ID, s.Fixed, s.Floating)
	return s
}

// launch asks for a server on a node, unless it is there. One with a volume boots from
// it, one without has its disk on the node. The network has no DHCP, and no config drive
// is asked for: the cloud gives one by itself.
func (t *tenant) launch(name, node string, volume bool) {
	t.Helper()
	if _, ok := t.find(name); ok {
		return
	}
	image := only(t, images.List(t.image, images.ListOpts{Name: "tiny"}), images.ExtractImages)
	o := servers.CreateOpts{Name: name, ImageRef: image.ID, AvailabilityZone: "nova:" + node,
		Networks: []servers.Network{{UUID: only(t, networks.List(t.network, networks.ListOpts{Name: "selfservice"}), networks.ExtractNetworks).ID}}}
	for _, f := range all(t, flavors.ListDetail(t.compute, nil), flavors.ExtractFlavors) {
		if f.Name == "m1.nano" {
			o.FlavorRef = f.ID
		}
	}
	if volume {
		o.ImageRef = ""
		o.BlockDevice = []servers.BlockDevice{{SourceType: servers.SourceImage, UUID: image.ID, DestinationType: servers.DestinationVolume, VolumeSize: 1, DeleteOnTermination: true}}
	}
	if _, err := servers.Create(t.Context(), t.compute, o, nil).Extract(); err != nil {
		t.Fatal(err)
	}
}

// launched waits until a server runs, and gives it a floating address where it has none.
func (t *tenant) launched(name string) {
	t.Helper()
	var s server
	t.wait(name+" runs", serverLimit, func() bool {
		s, _ = t.find(name)
		if s.Status == "ERROR" {
			t.Fatalf("%s is in error: %s", name, s.Fault.Message)
		}
		return s.Status == "ACTIVE"
	})
	if s.Floating != "" {
		return
	}
	port := only(t, ports.List(t.network, ports.ListOpts{DeviceID: s.ID}), ports.ExtractPorts)
	outside := only(t, networks.List(t.network, networks.ListOpts{Name: "provider"}), networks.ExtractNetworks)
	if _, err := floatingips.Create(t.Context(), t.network, floatingips.CreateOpts{FloatingNetworkID: outside.ID, PortID: port.ID}).Extract(); err != nil {
		t.Fatal(err)
	}
}

// answers waits until a server answers ping at its floating address.
func (t *tenant) answers(name string) {
	t.Helper()
	s := t.server(name)
	t.wait(name+" answers ping", serverLimit, func() bool {
		return t.rack.Exec(t.Context(), "ping", "-c", "1", "-W", "2", s.Floating).Run() == nil
	})
}

// routing is the node whose agent serves the cloud's router.
func (t *tenant) routing() string {
	t.Helper()
	for _, r := range all(t, routers.List(t.network, nil), routers.ExtractRouters) {
		if a := all(t, routers.ListL3Agents(t.network, r.ID), routers.ExtractL3Agents); len(a) > 0 {
			return a[0].Host
		}
	}
	t.Fatal("nobody serves a router")
	return ""
}

// all is a whole list of what the cloud has.
func all[T any](t *tenant, p pagination.Pager, extract func(pagination.Page) ([]T, error)) []T {
	t.Helper()
	page, err := p.AllPages(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	list, err := extract(page)
	if err != nil {
		t.Fatal(err)
	}
	return list
}

func only[T any](t *tenant, p pagination.Pager, extract func(pagination.Page) ([]T, error)) T {
	t.Helper()
	list := all(t, p, extract)
	if len(list) != 1 {
		t.Fatalf("there are %d of %T, want 1", len(list), list)
	}
	return list[0]
}

// pings is a stream of pings to one address.
type pings struct {
	mu          sync.Mutex
	first, last time.Time
	answers     int
	gap         time.Duration // the longest between two answers
	end         func()
}

// ping begins to ping, five times a second.
func (r *rig) ping(t *testing.T, address string) *pings {
	r.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	cmd := r.rack.Exec(ctx, "ping", "-i", "0.2", address)
	out, err := cmd.StdoutPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		cancel()
		r.Fatal(err)
	}
	p := &pings{}
	done := make(chan struct{})
	go func() {
		defer close(done)
		for s := bufio.NewScanner(out); s.Scan(); {
			if strings.Contains(s.Text(), "bytes from") {
				p.answer(time.Now())
			}
		}
	}()
	p.end = func() {
		cancel()
		<-done
		_ = cmd.Wait() // it was killed
	}
	return p
}

func (p *pings) answer(now time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.answers++; p.answers == 1 {
		p.first = now
	} else {
		p.gap = max(p.gap, now.Sub(p.last))
	}
	p.last = now
}

// stop ends the pings and says how they went; the server must have answered to the end.
func (p *pings) stop(t *testing.T, name string) {
	t.Helper()
	p.end()
	t.Logf("%s: %d answers in %s, the longest gap %s", name, p.answers, p.last.Sub(p.first).Round(time.Second), p.gap.Round(100*time.Millisecond))
	if since := time.Since(p.last); p.answers == 0 || since > time.Minute {
		t.Errorf("%s does not answer since %s", name, since.Round(time.Second))
	}
}
