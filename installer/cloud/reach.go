package cloud

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/gophercloud/gophercloud/v2"
	"github.com/gophercloud/gophercloud/v2/openstack/networking/v2/extensions/layer3/floatingips"
	"github.com/gophercloud/gophercloud/v2/openstack/networking/v2/networks"
	probing "github.com/prometheus-community/pro-bing"

	"sandai/installer/guide/kind"
)

// guest is a server of the proof and how it is reached.
type guest struct {
	node string // the compute node it runs on
	id   string
	name string
	port port
	fip  floatingips.FloatingIP
}

// guests finds the servers of the proof with their ports, and their floating
// IPs as far as there are any.
func (c *Cloud) guests(ctx context.Context, s *session) ([]guest, *gophercloud.ServiceClient, error) {
	cc, err := s.compute()
	if err != nil {
		return nil, nil, err
	}
	nc, err := s.network()
	if err != nil {
		return nil, nil, err
	}
	var out []guest
	for _, node := range c.cfg.Computes {
		v, err := mustServer(ctx, cc, node)
		if err != nil {
			return nil, nil, err
		}
		list, err := portsOf(ctx, nc, v.ID)
		if err != nil {
			return nil, nil, err
		}
		if len(list) == 0 {
			return nil, nil, fmt.Errorf("server %s has no port; delete it and run the proof's check servers again", v.Name)
		}
		g := guest{node: node, id: v.ID, name: v.Name, port: list[0]}
		fips, err := listAll(ctx, floatingips.List(nc, floatingips.ListOpts{PortID: g.port.ID}), floatingips.ExtractFloatingIPs)
		if err != nil {
			return nil, nil, fmt.Errorf("look for the floating IP of %s: %w", v.Name, err)
		}
		if len(fips) > 0 {
			g.fip = fips[0]
		}
		out = append(out, g)
	}
	return out, nc, nil
}

// reachable is guests with a floating IP each.
func (c *Cloud) reachable(ctx context.Context, s *session) ([]guest, *gophercloud.ServiceClient, error) {
	list, nc, err := c.guests(ctx, s)
	if err != nil {
		return nil, nil, err
	}
	for _, g := range list {
		if g.fip.FloatingIP == "" {
			return nil, nil, fmt.Errorf("server %s has no floating IP; run the proof's check floating again", g.name)
		}
	}
	return list, nc, nil
}

func (c *Cloud) proveFloating(ctx context.Context, s *session, p kind.APIProof, progress func(string)) (Result, error) {
	list, nc, err := c.guests(ctx, s)
	if err != nil {
		return Result{}, err
	}
	ext, err := mustNetwork(ctx, nc, p.External)
	if err != nil {
		return Result{}, err
	}
	changed := false
	var parts []string
	for _, g := range list {
		if g.fip.ID == "" {
			made, err := floatingips.Create(ctx, nc, floatingips.CreateOpts{FloatingNetworkID: ext.ID, PortID: g.port.ID, Description: g.name}).Extract()
			if err != nil {
				return Result{Changed: changed}, fmt.Errorf("make a floating IP for %s: %w", g.name, err)
			}
			g.fip, changed = *made, true
		}
		begin := time.Now()
		err := c.poll(ctx, "floating IP "+g.fip.FloatingIP, progress, func() (bool, string, error) {
			f, err := floatingips.Get(ctx, nc, g.fip.ID).Extract()
			if err != nil {
				return false, "", err
			}
			if f.Status == "ERROR" {
				return false, "", fmt.Errorf("floating IP %s of %s is in ERROR; see neutron-l3-agent's log on the network node", f.FloatingIP, g.name)
			}
			return f.Status == "ACTIVE", f.Status, nil
		})
		if err != nil {
			return Result{Changed: changed}, err
		}
		parts = append(parts, fmt.Sprintf("%s has %s, ACTIVE after %s", g.name, g.fip.FloatingIP, seconds(time.Since(begin))))
	}
	return Result{Changed: changed, Summary: join(parts)}, nil
}

// pingTime is how long an echo may take; a guest in two levels of emulation
// needs most of it at times.
const pingTime = 5 * time.Second

// ipICMP is the size of the IPv4 and ICMP headers in bytes.
const ipICMP = 28

// errNoEcho: no answer came in pingTime, or the packet was too large to leave.
var errNoEcho = errors.New("no answer")

// pingOnce sends one echo request with the don't-fragment bit and so many bytes
// of payload, and returns the round-trip time. It needs CAP_NET_RAW.
func pingOnce(ctx context.Context, addr string, payload int) (time.Duration, error) {
	p, err := probing.NewPinger(addr)
	if err != nil {
		return 0, err
	}
	p.SetPrivileged(true)
	p.SetDoNotFragment(true)
	p.Count, p.Timeout, p.Size = 1, pingTime, payload
	if err := p.RunWithContext(ctx); err != nil {
		return 0, fmt.Errorf("%w: %w", errNoEcho, err)
	}
	st := p.Statistics()
	if st.PacketsRecv == 0 {
		return 0, errNoEcho
	}
	return st.MinRtt, nil
}

func (c *Cloud) provePing(ctx context.Context, s *session, progress func(string)) (Result, error) {
	list, nc, err := c.reachable(ctx, s)
	if err != nil {
		return Result{}, err
	}
	var parts []string
	for _, g := range list {
		addr := g.fip.FloatingIP
		begin := time.Now()
		if err := c.echo(ctx, "ping "+addr, addr, 56, progress); err != nil {
			return Result{}, err
		}
		first := time.Since(begin)
		best := time.Duration(0)
		for range 5 {
			if d, err := c.ping(ctx, addr, 56); err == nil && (best == 0 || d < best) {
				best = d
			}
		}
		size, err := c.pathMTU(ctx, nc, g, progress)
		if err != nil {
			return Result{}, err
		}
		parts = append(parts, fmt.Sprintf("%s (%s) answered after %s, round trip %.1f ms, MTU %s", addr, g.name, seconds(first), float64(best.Microseconds())/1000, size))
	}
	return Result{Summary: join(parts)}, nil
}

// echo pings until there is an answer.
func (c *Cloud) echo(ctx context.Context, what, addr string, payload int, progress func(string)) error {
	return c.poll(ctx, what, progress, func() (bool, string, error) {
		_, err := c.ping(ctx, addr, payload)
		if err != nil {
			return false, err.Error(), nil
		}
		return true, "answers", nil
	})
}

// mtuTries is how many packets of full size may be lost before the path's MTU
// is said to be smaller than the network's.
const mtuTries = 6

// pathMTU checks that a packet of the network's whole MTU comes through
// unbroken, and says whether a larger one does too.
func (c *Cloud) pathMTU(ctx context.Context, nc *gophercloud.ServiceClient, g guest, progress func(string)) (string, error) {
	var n network
	if err := networks.Get(ctx, nc, g.port.NetworkID).ExtractInto(&n); err != nil {
		return "", fmt.Errorf("read the MTU of the network of %s: %w", g.name, err)
	}
	if n.MTU == 0 {
		return "", fmt.Errorf("no word from Neutron of the MTU of the network of %s; enable its net-mtu extension", g.name)
	}
	for try := 1; ; try++ {
		_, err := c.ping(ctx, g.fip.FloatingIP, n.MTU-ipICMP)
		if err == nil {
			break
		}
		if ctx.Err() != nil || try == mtuTries {
			return "", fmt.Errorf("small packets reach %s and packets of its network's MTU of %d bytes do not (%w): the network below carries less; set the provisioning network's mtu to what the switches carry", g.fip.FloatingIP, n.MTU, err)
		}
		progress(fmt.Sprintf("a packet of %d bytes to %s got no answer, try %d", n.MTU, g.fip.FloatingIP, try))
	}
	if _, err := c.ping(ctx, g.fip.FloatingIP, n.MTU-ipICMP+1); err == nil {
		return fmt.Sprintf("%d or more", n.MTU), nil
	}
	return fmt.Sprint(n.MTU), nil
}
