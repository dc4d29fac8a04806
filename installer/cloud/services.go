package cloud

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	volumeservices "github.com/gophercloud/gophercloud/v2/openstack/blockstorage/v3/services"
	"github.com/gophercloud/gophercloud/v2/openstack/compute/v2/hypervisors"
	"github.com/gophercloud/gophercloud/v2/openstack/compute/v2/quotasets"
	computeservices "github.com/gophercloud/gophercloud/v2/openstack/compute/v2/services"
)

// Part is one daemon of the cloud as its API reports it.
type Part struct {
	Kind string // "compute", "hypervisor", "network" or "volume"
	Name string // "nova-scheduler", "neutron-l3-agent"; a hypervisor's type
	Host string
	Up   bool

	// What Status tells besides. Alive and enabled together are Up.
	Alive, Enabled bool
	Zone           string
	Reason         string    // why it is disabled
	Started        time.Time // zero where the API does not tell
	Heard          time.Time // its last report
}

func (p Part) String() string { return p.Name + " on " + p.Host }

// look asks the API of a kind for its parts, and returns what is expected and
// not there.
func (s *session) look(ctx context.Context, of string) (parts []Part, missing []string, err error) {
	switch of {
	case "compute":
		parts, err = s.computeParts(ctx)
	case "network":
		parts, err = s.networkParts(ctx)
	case "volume":
		if s.c.cfg.HasVolumes {
			parts, err = s.volumeParts(ctx)
		}
	default:
		return nil, nil, fmt.Errorf("there are no services of %q; it is compute, network or volume", of)
	}
	if err != nil {
		return nil, nil, err
	}
	for _, want := range s.missing(of, parts) {
		missing = append(missing, want.String())
	}
	return parts, missing, nil
}

// missing lists what is expected of a kind and not among the parts.
func (s *session) missing(of string, parts []Part) []Part {
	return slices.DeleteFunc(s.expected(of), func(want Part) bool {
		return slices.ContainsFunc(parts, func(p Part) bool {
			return p.Kind == want.Kind && (want.Name == "" || p.Name == want.Name) && (want.Host == "" || sameHost(p.Host, want.Host))
		})
	})
}

// expected lists what must be there; an empty Name or Host stands for any.
func (s *session) expected(of string) []Part {
	var want []Part
	switch of {
	case "compute":
		for _, b := range []string{"nova-scheduler", "nova-conductor"} {
			want = append(want, Part{Kind: "compute", Name: b})
		}
		for _, n := range s.c.cfg.Computes {
			want = append(want, Part{Kind: "compute", Name: "nova-compute", Host: n}, Part{Kind: "hypervisor", Host: n})
		}
	case "network":
		for _, n := range s.c.cfg.Networks {
			for _, a := range s.c.cfg.NetworkAgents {
				want = append(want, Part{Kind: "network", Name: a, Host: n})
			}
		}
		for _, n := range s.c.cfg.Computes {
			want = append(want, Part{Kind: "network", Name: "neutron-openvswitch-agent", Host: n})
		}
	case "volume":
		if s.c.cfg.HasVolumes {
			want = append(want, Part{Kind: "volume", Name: "cinder-scheduler"}, Part{Kind: "volume", Name: "cinder-volume"})
		}
	}
	return want
}

// sameHost compares a reported host with a node's name: Cinder adds the backend
// ("controller-1@lvm"), and a host may report its domain.
func sameHost(reported, node string) bool {
	host, _, _ := strings.Cut(reported, "@")
	short, _, _ := strings.Cut(host, ".")
	return host == node || short == node
}

// computeParts are Nova's services and its hypervisors. Nova lists a hypervisor
// only once its host is mapped to a cell.
func (s *session) computeParts(ctx context.Context) ([]Part, error) {
	cc, err := s.compute()
	if err != nil {
		return nil, err
	}
	list, err := listAll(ctx, computeservices.List(cc, nil), computeservices.ExtractServices)
	if err != nil {
		return nil, fmt.Errorf("ask for Nova's services: %w", err)
	}
	var out []Part
	for _, v := range list {
		out = append(out, Part{Kind: "compute", Name: v.Binary, Host: v.Host, Up: v.State == "up" && v.Status == "enabled",
			Alive: v.State == "up", Enabled: v.Status == "enabled", Zone: v.Zone, Reason: v.DisabledReason, Heard: v.UpdatedAt})
	}
	hl, err := listAll(ctx, hypervisors.List(cc, nil), hypervisors.ExtractHypervisors)
	if err != nil {
		return nil, fmt.Errorf("ask for the hypervisors: %w", err)
	}
	for _, h := range hl {
		out = append(out, Part{Kind: "hypervisor", Name: "hypervisor " + h.HypervisorType, Host: h.HypervisorHostname, Up: h.State == "up" && h.Status == "enabled"})
	}
	return out, nil
}

func (s *session) networkParts(ctx context.Context) ([]Part, error) {
	nc, err := s.network()
	if err != nil {
		return nil, err
	}
	list, err := networkAgents(ctx, nc)
	if err != nil {
		return nil, err
	}
	var out []Part
	for _, v := range list {
		out = append(out, Part{Kind: "network", Name: v.Binary, Host: v.Host, Up: v.Alive && v.AdminStateUp,
			Alive: v.Alive, Enabled: v.AdminStateUp, Zone: v.AvailabilityZone, Started: v.StartedAt, Heard: v.HeartbeatTimestamp})
	}
	return out, nil
}

func (s *session) volumeParts(ctx context.Context) ([]Part, error) {
	vc, err := s.volume()
	if err != nil {
		return nil, err
	}
	list, err := listAll(ctx, volumeservices.List(vc, volumeservices.ListOpts{}), volumeservices.ExtractServices)
	if err != nil {
		return nil, fmt.Errorf("ask for Cinder's services: %w", err)
	}
	var out []Part
	for _, v := range list {
		out = append(out, Part{Kind: "volume", Name: v.Binary, Host: v.Host, Up: v.State == "up" && v.Status == "enabled",
			Alive: v.State == "up", Enabled: v.Status == "enabled", Zone: v.Zone, Reason: v.DisabledReason, Heard: v.UpdatedAt})
	}
	return out, nil
}

// awaitParts waits until everything expected of the kinds is there and every
// part there is up.
func (c *Cloud) awaitParts(ctx context.Context, s *session, kinds []string, progress func(string)) ([]Part, error) {
	var all []Part
	err := c.poll(ctx, "services of "+strings.Join(kinds, ", "), progress, func() (bool, string, error) {
		all = nil
		var wrong []string
		for _, of := range kinds {
			parts, missing, err := s.look(ctx, of)
			if err != nil {
				return false, "", err
			}
			all = append(all, parts...)
			for _, m := range missing {
				wrong = append(wrong, strings.TrimSpace(m)+" is missing")
			}
			for _, p := range parts {
				if !p.Up {
					wrong = append(wrong, p.String()+" is down")
				}
			}
		}
		if len(wrong) > 0 {
			return false, fmt.Sprintf("%d up, and %s", up(all), strings.Join(wrong, ", ")), nil
		}
		return true, fmt.Sprintf("all %d up", len(all)), nil
	})
	return all, err
}

func up(parts []Part) int {
	n := 0
	for _, p := range parts {
		if p.Up {
			n++
		}
	}
	return n
}

func (c *Cloud) doServices(ctx context.Context, s *session, of string, progress func(string)) (Result, error) {
	if of == "volume" && !c.cfg.HasVolumes {
		return Result{Summary: "the rack has no disk for volumes, so there are no volume services"}, nil
	}
	parts, err := c.awaitParts(ctx, s, []string{of}, progress)
	if err != nil {
		return Result{}, err
	}
	return Result{Summary: fmt.Sprintf("%s: %d up", of, len(parts)), Output: table(parts)}, nil
}

func table(parts []Part) string {
	var b strings.Builder
	for _, p := range parts {
		state := "up"
		if !p.Up {
			state = "down"
		}
		fmt.Fprintf(&b, "%-28s %-20s %s\n", p.Name, p.Host, state)
	}
	return b.String()
}

func (c *Cloud) proveHealth(ctx context.Context, s *session, progress func(string)) (Result, error) {
	cc, err := s.compute()
	if err != nil {
		return Result{}, err
	}
	q, err := quotasets.GetDetail(ctx, cc, s.project).Extract()
	if err != nil {
		return Result{}, fmt.Errorf("read the project's quotas: %w", err)
	}
	parts, err := c.awaitParts(ctx, s, []string{"compute", "network", "volume"}, progress)
	if err != nil {
		return Result{}, err
	}
	return Result{Output: table(parts), Summary: fmt.Sprintf("%d services, agents and hypervisors up; quota: %d of %d servers, %d of %d cores, %d of %d MiB",
		len(parts), q.Instances.InUse, q.Instances.Limit, q.Cores.InUse, q.Cores.Limit, q.RAM.InUse, q.RAM.Limit)}, nil
}
