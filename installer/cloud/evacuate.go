package cloud

import (
	"context"
	"errors"
	"fmt"

	"github.com/gophercloud/gophercloud/v2"
	"github.com/gophercloud/gophercloud/v2/openstack/compute/v2/instanceactions"
	"github.com/gophercloud/gophercloud/v2/openstack/compute/v2/servers"
	computeservices "github.com/gophercloud/gophercloud/v2/openstack/compute/v2/services"

	"sandai/installer/guide/kind"
)

// eventRebuild is Nova's name of an evacuation's work on the node that takes the server.
const eventRebuild = "compute_rebuild_instance"

// evacuate has Nova make the servers of a node that is off anew on others, see
// kind.APIDrain and "evacuate" in Nova's API.
func (s *session) evacuate(ctx context.Context, d kind.APIDrain, progress func(string)) (Result, error) {
	svc, err := s.computeService(ctx, d.Node)
	if err != nil {
		return Result{}, err
	}
	if svc == nil || len(d.Servers) == 0 {
		return Result{Summary: "no server is to leave " + d.Node}, nil
	}
	if svc.State == "up" {
		// It would be a minute until Nova believes by itself that the node is off.
		if err := s.setDown(ctx, svc, true); err != nil {
			return Result{}, err
		}
	}
	moved := 0
	for _, k := range d.Servers { // all are asked for before one is waited for
		asked, err := s.evacuateOne(ctx, d, k)
		if err != nil {
			return Result{Changed: true}, err
		}
		moved += count(asked)
	}
	for _, k := range d.Servers {
		if err := s.evacuated(ctx, d, k, progress); err != nil {
			return Result{Changed: true}, err
		}
	}
	if _, err := s.startAll(ctx, d, progress); err != nil {
		return Result{Changed: true}, err
	}
	return Result{Changed: true, Summary: fmt.Sprintf("of %d on %s, %d were asked to go to other nodes; all that are left are there", len(d.Servers), d.Node, moved)}, nil
}

// forceDown is gophercloud's option, which cannot say false.
type forceDown bool

func (f forceDown) ToServiceUpdateMap() (map[string]any, error) {
	return map[string]any{"forced_down": bool(f)}, nil
}

// setDown tells Nova that a node is certainly off, or takes that back.
func (s *session) setDown(ctx context.Context, svc *computeservices.Service, down bool) error {
	cc, err := s.computeByUUID()
	if err != nil {
		return err
	}
	if err := computeservices.Update(ctx, cc, svc.ID, forceDown(down)).Err; err != nil {
		return fmt.Errorf("tell Nova whether %s is off: %w", svc.Host, err)
	}
	return nil
}

// evacuateOne asks for a server's evacuation, unless it is elsewhere already or was
// asked for since the release was decided and did not fail.
func (s *session) evacuateOne(ctx context.Context, d kind.APIDrain, k kind.DrainServer) (bool, error) {
	cc, err := s.computeByUUID()
	if err != nil {
		return false, err
	}
	v, err := servers.Get(ctx, cc, k.ID).Extract()
	if gophercloud.ResponseCodeIs(err, 404) {
		return false, nil // its owner deleted it meanwhile
	}
	if err != nil {
		return false, fmt.Errorf("ask for server %s: %w", k.Name, err)
	}
	if !sameHost(v.Host, d.Node) {
		return false, nil
	}
	request, err := s.askedSince(ctx, d, k, actionEvacuate)
	if err != nil || request != "" && v.Status != "ERROR" {
		return false, err
	}
	// gophercloud's call always says onSharedStorage, which microversions from 2.14
	// on refuse: they look themselves.
	_, err = cc.Post(ctx, cc.ServiceURL("servers", k.ID, "action"), map[string]any{actionEvacuate: map[string]any{}}, nil, &gophercloud.RequestOpts{OkCodes: []int{200}})
	if err != nil {
		return false, fmt.Errorf("have server %s leave %s: %w", k.Name, d.Node, err)
	}
	return true, nil
}

// evacuated waits until a server is whole on another node. That Nova shows it there
// is not the end: one that was off is started for a moment, and stopped again.
func (s *session) evacuated(ctx context.Context, d kind.APIDrain, k kind.DrainServer, progress func(string)) error {
	cc, err := s.computeByUUID()
	if err != nil {
		return err
	}
	request, err := s.askedSince(ctx, d, k, actionEvacuate)
	if err != nil && !gophercloud.ResponseCodeIs(err, 404) {
		return err
	}
	return s.pollServer(ctx, k, progress, func(v *servers.Server) (bool, string, error) {
		if v.Status == "ERROR" && v.TaskState == "" {
			return false, "", permanent{fmt.Errorf("server %s found no other node: %s; nothing was wiped yet: make room (or have its owner delete it), then try the step again", k.Name, v.Fault.Message)}
		}
		if sameHost(v.Host, d.Node) || v.TaskState != "" || request == "" {
			return !sameHost(v.Host, d.Node) && v.TaskState == "", v.Status + " " + v.TaskState, nil
		}
		a, err := instanceactions.Get(ctx, cc, k.ID, request).Extract()
		if err != nil {
			return false, "", fmt.Errorf("ask how far server %s is: %w", k.Name, err)
		}
		over, err := rebuildOver(a)
		return over, v.Status + " on " + v.Host, err
	})
}

// rebuildOver reports whether an evacuation's work on its new node has ended.
func rebuildOver(a instanceactions.InstanceActionDetail) (bool, error) {
	if a.Events == nil {
		return false, errors.New("the events of an evacuation are not shown: the user of the appliance is no administrator of Nova")
	}
	for _, ev := range *a.Events {
		if ev.Event == eventRebuild && !ev.FinishTime.IsZero() {
			return true, nil
		}
	}
	return false, nil
}
