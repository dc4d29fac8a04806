package cloud

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/gophercloud/gophercloud/v2"
	"github.com/gophercloud/gophercloud/v2/openstack/compute/v2/instanceactions"
	"github.com/gophercloud/gophercloud/v2/openstack/compute/v2/servers"

	"sandai/inventory"
)

// Ask puts a call to a node's agent; its answer has the rack's secrets masked.
type Ask func(ctx context.Context, node string, c inventory.Call) (inventory.CallAnswer, error)

// Journey collects the way of one of the proof's servers: its actions from
// Nova's API and the lines of the services' logs that carry its request. known
// is what the check "servers" watched while it was made, if it did. What cannot
// be read is in Problems; the error is only for a server that is not there.
func (c *Cloud) Journey(ctx context.Context, known inventory.Journey, ask Ask) (inventory.Journey, error) {
	var cc *gophercloud.ServiceClient
	var v *servers.Server
	err := c.retry(ctx, func(string) {}, func() error {
		s, err := c.login(ctx)
		if err != nil {
			return err
		}
		if cc, err = s.compute(); err != nil {
			return err
		}
		v, err = c.journeyServer(ctx, cc, &known)
		return err
	})
	if err != nil {
		return known, fmt.Errorf("look for the proof's server: %w", err)
	}
	out := inventory.Journey{Server: v.Name, ID: v.ID, Node: v.HypervisorHostname, States: known.States, Collected: time.Now().UTC()}
	if out.States == nil {
		out.States = []inventory.JourneyState{}
		out.Problems = append(out.Problems, "the server was there before this appliance's process looked: its states on the way are not known")
	}
	e := &evidence{id: v.ID, image: fmt.Sprint(v.Image["id"]), created: v.Created, request: first(known.Requests)}
	for _, m := range known.Steps {
		if m.Source == markSource {
			e.marks = append(e.marks, m)
		}
	}

	actions := *cc
	actions.Microversion = "2.62" // the first that tells the host of an event
	if err := e.readActions(ctx, &actions, v.ID); err != nil {
		out.Problems = append(out.Problems, "os-instance-actions: "+explain(err))
	}
	if e.request == "" {
		out.Problems = append(out.Problems, "Nova does not tell the request that made the server, so its lines in the logs are not known")
	} else {
		out.Requests = []string{e.request}
		out.Problems = append(out.Problems, c.readLogs(ctx, e, v, ask)...)
	}
	out.Steps = e.steps()
	return out, nil
}

// journeyServer finds the server of a known journey, or where that is gone, as
// after a new installation, the proof's first.
func (c *Cloud) journeyServer(ctx context.Context, cc *gophercloud.ServiceClient, known *inventory.Journey) (*servers.Server, error) {
	if known.ID != "" {
		v, err := servers.Get(ctx, cc, known.ID).Extract()
		if !gophercloud.ResponseCodeIs(err, 404) {
			return v, err
		}
		*known = inventory.Journey{}
	}
	if len(c.cfg.Computes) == 0 {
		return nil, permanent{errors.New("the rack has no compute node")}
	}
	return mustServer(ctx, cc, c.cfg.Computes[0])
}

func first(list []string) string {
	if len(list) == 0 {
		return ""
	}
	return list[0]
}

// readActions finds the request that made the server and the events of that.
func (e *evidence) readActions(ctx context.Context, cc *gophercloud.ServiceClient, id string) error {
	list, err := listAll(ctx, instanceactions.List(cc, id, nil), instanceactions.ExtractInstanceActions)
	if err != nil {
		return err
	}
	for _, a := range list {
		if a.Action != "create" {
			continue
		}
		e.request, e.action = a.RequestID, a.StartTime
		d, err := instanceactions.Get(ctx, cc, id, a.RequestID).Extract()
		if err != nil {
			return err
		}
		if d.Events != nil {
			e.events = *d.Events
		}
	}
	return nil
}

// readLogs asks the controller and the server's compute node for the lines that
// belong to the request, and returns what could not be read.
func (c *Cloud) readLogs(ctx context.Context, e *evidence, v *servers.Server, ask Ask) (problems []string) {
	since, until := v.Created.Add(-10*time.Minute), time.Now().Add(time.Minute)
	if len(e.marks) > 0 && e.marks[0].Seen != nil {
		since = e.marks[0].Seen.Add(-2 * time.Second)
	}
	if !v.LaunchedAt.IsZero() {
		until = v.LaunchedAt.Add(2 * time.Minute)
	}
	compute := v.HypervisorHostname
	for _, n := range c.cfg.Computes {
		if sameHost(v.HypervisorHostname, n) {
			compute = n
		}
	}
	log := func(names ...string) (out []string) {
		for _, n := range names {
			out = append(out, "/var/log/"+n+".log")
		}
		return out
	}
	for _, q := range []struct {
		node string
		call inventory.Call
	}{
		{c.cfg.Controller, inventory.Call{Match: []string{"/v3/auth/tokens"}, Files: log("keystone/keystone")}},
		{c.cfg.Controller, inventory.Call{Match: []string{e.request, "Creating event network-vif-plugged"},
			Files: log("nova/nova-api-wsgi", "nova/nova-conductor", "nova/nova-scheduler", "placement/placement-api", "glance/glance-api")}},
		{c.cfg.Controller, inventory.Call{Match: []string{e.request}, Files: log("neutron/neutron-api", "cinder/cinder-api")}},
		{compute, inventory.Call{Match: []string{e.request, "[instance: " + v.ID + "]"}, Files: log("nova/nova-compute")}},
		{compute, inventory.Call{Match: []string{"starting up libvirt"}, Files: log("libvirt/qemu/" + v.InstanceName)}},
	} {
		q.call.Kind, q.call.Since, q.call.Until = inventory.CallGrep, since, until
		before := time.Now()
		a, err := ask(ctx, q.node, q.call)
		if err != nil {
			problems = append(problems, strings.Join(q.call.Files, ", ")+": "+err.Error())
			continue
		}
		if d := skew(before, time.Now(), a.Now); d != 0 {
			problems = append(problems, fmt.Sprintf("the clock of %s is %s off the appliance's; times seen there are by its own", q.node, seconds(d)))
		}
		for _, l := range a.Logs {
			problems = append(problems, q.node+":"+l.Source+": "+l.Error)
		}
		for _, l := range a.Lines {
			l.Source = q.node + ":" + l.Source
			e.add(l)
		}
	}
	return problems
}

// skew is how far a node's clock is off, beyond what the question itself took;
// less than a second is not worth a word.
func skew(before, after, node time.Time) time.Duration {
	var d time.Duration
	switch {
	case node.IsZero():
	case node.Before(before):
		d = node.Sub(before)
	case node.After(after):
		d = node.Sub(after)
	}
	if d.Abs() < time.Second {
		return 0
	}
	return d
}
