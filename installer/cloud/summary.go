package cloud

import (
	"context"
	"fmt"
	"slices"
	"strings"
)

// Endpoint is a service's public address.
type Endpoint struct {
	Service string // type, "image"
	Name    string // "glance"
	URL     string
}

// Server is a server of the proof.
type Server struct {
	Name     string
	Node     string // compute node
	Fixed    string
	Floating string
}

// Summary is what a report of a cloud tells.
type Summary struct {
	Endpoints []Endpoint // in the order of their types
	Parts     []Part     // services, hypervisors and agents
	Servers   []Server
}

// Summary asks the cloud what it consists of. It waits for nothing; what the
// proof has not made yet is left out.
func (c *Cloud) Summary(ctx context.Context) (Summary, error) {
	var out Summary
	err := c.retry(ctx, func(string) {}, func() error {
		s, err := c.login(ctx)
		if err != nil {
			return err
		}
		out, err = c.summary(ctx, s)
		return err
	})
	return out, err
}

func (c *Cloud) summary(ctx context.Context, s *session) (Summary, error) {
	var out Summary
	for _, e := range s.catalog.Entries {
		for _, p := range e.Endpoints {
			if p.Interface == "public" && (p.RegionID == c.cfg.Region || p.Region == c.cfg.Region) {
				out.Endpoints = append(out.Endpoints, Endpoint{Service: e.Type, Name: e.Name, URL: p.URL})
			}
		}
	}
	slices.SortFunc(out.Endpoints, func(a, b Endpoint) int { return strings.Compare(a.Service, b.Service) })
	for _, of := range []string{"compute", "network", "volume"} {
		parts, _, err := s.look(ctx, of)
		if err != nil {
			return out, fmt.Errorf("services of %s: %w", of, err)
		}
		out.Parts = append(out.Parts, parts...)
	}
	list, _, err := c.guests(ctx, s)
	if err != nil {
		if judge(err) == never {
			return out, nil // no proof yet
		}
		return out, err
	}
	for _, g := range list {
		v := Server{Name: g.name, Node: g.node, Floating: g.fip.FloatingIP}
		if len(g.port.FixedIPs) > 0 {
			v.Fixed = g.port.FixedIPs[0].IPAddress
		}
		out.Servers = append(out.Servers, v)
	}
	return out, nil
}
