package cloud

import (
	"context"
	"fmt"
	"slices"

	"github.com/gophercloud/gophercloud/v2"
	"github.com/gophercloud/gophercloud/v2/openstack/compute/v2/instanceactions"
	"github.com/gophercloud/gophercloud/v2/openstack/compute/v2/servers"
	computeservices "github.com/gophercloud/gophercloud/v2/openstack/compute/v2/services"

	"sandai/installer/guide/kind"
)

// whyDisabled is what others read in Nova while a node is away.
const whyDisabled = "Sandai works on it"

// setPlacing has Nova place servers on a node, or not.
func (s *session) setPlacing(ctx context.Context, svc *computeservices.Service, on bool) error {
	cc, err := s.computeByUUID()
	if err != nil {
		return err
	}
	opts := computeservices.UpdateOpts{Status: computeservices.ServiceEnabled}
	if !on {
		opts = computeservices.UpdateOpts{Status: computeservices.ServiceDisabled, DisabledReason: whyDisabled}
	}
	if err := computeservices.Update(ctx, cc, svc.ID, opts).Err; err != nil {
		return fmt.Errorf("set nova-compute on %s to %s: %w", svc.Host, opts.Status, err)
	}
	return nil
}

// drain takes a compute node out of the cloud, see kind.APIDrain.
func (s *session) drain(ctx context.Context, d kind.APIDrain, progress func(string)) (Result, error) {
	svc, err := s.computeService(ctx, d.Node)
	if err != nil {
		return Result{}, err
	}
	if svc == nil {
		return Result{Summary: "Nova does not know " + d.Node}, nil
	}
	was := svc.Status == string(computeservices.ServiceEnabled)
	if was {
		if err := s.setPlacing(ctx, svc, false); err != nil {
			return Result{}, err
		}
	}
	there, err := s.serversOn(ctx, d.Node)
	if err != nil {
		return Result{Changed: was}, err
	}
	for _, v := range there {
		if slices.ContainsFunc(d.Servers, func(k kind.DrainServer) bool { return k.ID == v.ID }) {
			continue
		}
		if was {
			err = s.setPlacing(ctx, svc, true)
		}
		if err == nil {
			err = permanent{fmt.Errorf("server %s (%s) came to %s since this was confirmed; nothing was changed: stop this run, look at the preview again and confirm that", v.Name, v.ID, d.Node)}
		}
		return Result{}, err
	}
	stopped := 0
	if svc.State == "up" { // else nobody there could stop one; they end with the machine
		if stopped, err = s.stopAll(ctx, d, progress); err != nil {
			return Result{Changed: true}, err
		}
	}
	return Result{Changed: was || stopped > 0, Summary: fmt.Sprintf("no server is placed on %s any more; of %d there, %d were stopped", d.Node, len(there), stopped)}, nil
}

func (s *session) stopAll(ctx context.Context, d kind.APIDrain, progress func(string)) (int, error) {
	cc, err := s.compute()
	if err != nil {
		return 0, err
	}
	asked := map[string]bool{}
	err = s.c.poll(ctx, "servers of "+d.Node, progress, func() (bool, string, error) {
		there, err := s.serversOn(ctx, d.Node)
		if err != nil {
			return false, "", err
		}
		state := ""
		for _, v := range there {
			if v.Status == "ACTIVE" && v.TaskState == "" && !asked[v.ID] {
				if err := servers.Stop(ctx, cc, v.ID).ExtractErr(); err != nil && !gophercloud.ResponseCodeIs(err, 409) { // 409: it is on its way already
					return false, "", fmt.Errorf("stop server %s: %w", v.Name, err)
				}
				asked[v.ID] = true
			}
			if v.Status == "ACTIVE" {
				state = fmt.Sprintf("%s is %s %s", v.Name, v.Status, v.TaskState)
			}
		}
		return state == "", state, nil
	})
	return len(asked), err
}

// bringBack has the cloud use a reinstalled node again, see kind.APIDrain.
func (s *session) bringBack(ctx context.Context, d kind.APIDrain, progress func(string)) (Result, error) {
	var svc *computeservices.Service
	err := s.c.poll(ctx, "nova-compute on "+d.Node, progress, func() (bool, string, error) {
		var err error
		if svc, err = s.computeService(ctx, d.Node); err != nil || svc == nil {
			return false, "unknown to Nova", err
		}
		if svc.ForcedDown { // by a release that was not gone on with
			return false, "held to be off", s.setDown(ctx, svc, false)
		}
		return svc.State == "up", svc.State, nil
	})
	if err != nil {
		return Result{}, err
	}
	changed := svc.Status != string(computeservices.ServiceEnabled)
	if changed {
		if err := s.setPlacing(ctx, svc, true); err != nil {
			return Result{}, err
		}
	}
	rebuilt := 0
	for _, k := range d.Servers { // all are asked for before one is waited for
		made, err := s.rebuild(ctx, d, k)
		if err != nil {
			return Result{Changed: true}, err
		}
		rebuilt += count(made)
	}
	for _, k := range d.Servers {
		if err := s.rebuilt(ctx, d, k, progress); err != nil {
			return Result{Changed: true}, err
		}
	}
	started, err := s.startAll(ctx, d, progress)
	if err != nil {
		return Result{Changed: true}, err
	}
	return Result{Changed: changed || rebuilt+started > 0,
		Summary: fmt.Sprintf("%s takes servers again; %d made anew, %d started, of %d", d.Node, rebuilt, started, len(d.Servers))}, nil
}

func count(is bool) int {
	if is {
		return 1
	}
	return 0
}

// rebuild has a server made anew from its image, unless that was asked for since
// the reinstall was decided.
func (s *session) rebuild(ctx context.Context, d kind.APIDrain, k kind.DrainServer) (bool, error) {
	if k.Image == "" {
		return false, nil
	}
	cc, err := s.compute()
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
	request, err := s.askedSince(ctx, d, k, actionRebuild)
	if err != nil {
		return false, err
	}
	made := request == "" || v.Status == "ERROR"
	if made {
		if _, err := servers.Rebuild(ctx, cc, k.ID, servers.RebuildOpts{ImageRef: k.Image}).Extract(); err != nil {
			return false, fmt.Errorf("make server %s anew: %w", k.Name, err)
		}
	}
	return made, nil
}

// rebuilt waits until a server is made anew.
func (s *session) rebuilt(ctx context.Context, d kind.APIDrain, k kind.DrainServer, progress func(string)) error {
	if k.Image == "" {
		return nil
	}
	return s.pollServer(ctx, k, progress, func(v *servers.Server) (bool, string, error) {
		if v.Status == "ERROR" {
			return false, "", permanent{fmt.Errorf("server %s went into ERROR when it was made anew: %s; see nova-compute's log on %s, then try the step again", k.Name, v.Fault.Message, d.Node)}
		}
		return v.TaskState == "" && (v.Status == "ACTIVE" || v.Status == "SHUTOFF"), v.Status + " " + v.TaskState, nil
	})
}

// pollServer waits until done says that a server is as it should be. One whose owner
// deletes it meanwhile is waited for no longer.
func (s *session) pollServer(ctx context.Context, k kind.DrainServer, progress func(string), done func(*servers.Server) (bool, string, error)) error {
	cc, err := s.compute()
	if err != nil {
		return err
	}
	return s.c.poll(ctx, "server "+k.Name, progress, func() (bool, string, error) {
		v, err := servers.Get(ctx, cc, k.ID).Extract()
		if gophercloud.ResponseCodeIs(err, 404) {
			return true, "", nil
		}
		if err != nil {
			return false, "", err
		}
		return done(v)
	})
}

// Nova's names of actions on a server.
const (
	actionRebuild  = "rebuild"
	actionEvacuate = "evacuate"
)

// askedSince is the newest request since something was decided about a server that
// asked for an action, "" where there is none.
func (s *session) askedSince(ctx context.Context, d kind.APIDrain, k kind.DrainServer, action string) (string, error) {
	cc, err := s.compute()
	if err != nil {
		return "", err
	}
	list, err := listAll(ctx, instanceactions.List(cc, k.ID, nil), instanceactions.ExtractInstanceActions)
	if err != nil {
		return "", fmt.Errorf("ask what was done to server %s: %w", k.Name, err)
	}
	for _, a := range list { // the newest is the first
		if a.Action == action && a.StartTime.After(d.Since) {
			return a.RequestID, nil
		}
	}
	return "", nil
}

// startTries is how often a server is started that goes off again. Of a start that
// failed, Nova's status says nothing but that the server is off.
const startTries = 3

// startAll starts the servers that ran before, when their nodes have nothing else to do,
// and counts them.
func (s *session) startAll(ctx context.Context, d kind.APIDrain, progress func(string)) (started int, err error) {
	for _, k := range d.Servers {
		up, err := s.start(ctx, k, progress)
		if err != nil {
			return started, err
		}
		started += count(up)
	}
	return started, nil
}

// start starts a server that ran before.
func (s *session) start(ctx context.Context, k kind.DrainServer, progress func(string)) (bool, error) {
	if !k.Start {
		return false, nil
	}
	cc, err := s.compute()
	if err != nil {
		return false, err
	}
	asked := 0
	ask := func(what string, err error) error {
		if asked++; err != nil && !gophercloud.ResponseCodeIs(err, 409) { // 409: it is on its way already
			return fmt.Errorf("%s server %s: %w", what, k.Name, err)
		}
		return nil
	}
	return true, s.pollServer(ctx, k, progress, func(v *servers.Server) (bool, string, error) {
		var err error
		switch {
		case v.Status == "ERROR":
			return false, "", permanent{fmt.Errorf("server %s went into ERROR when it was started: %s; see nova-compute's log on its node, then try the step again", k.Name, v.Fault.Message)}
		case v.TaskState != "":
		case v.Status == "SHUTOFF" && asked == startTries:
			return false, "", permanent{fmt.Errorf("server %s was started %d times and went off again: see nova-compute's log on its node, then try the step again", k.Name, asked)}
		case v.Status == "SHUTOFF":
			err = ask("start", servers.Start(ctx, cc, k.ID).ExtractErr())
		case v.Status == "ACTIVE" && v.PowerState == servers.SHUTDOWN && asked == 0: // it ended with the machine, which was dead when it was to be stopped
			err = ask("start", servers.Reboot(ctx, cc, k.ID, servers.RebootOpts{Type: servers.HardReboot}).ExtractErr())
		}
		return v.Status == "ACTIVE" && v.TaskState == "" && v.PowerState == servers.RUNNING, v.Status + " " + v.TaskState, err
	})
}
