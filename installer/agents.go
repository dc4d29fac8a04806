package installer

import (
	"context"
	"crypto/subtle"
	"errors"
	"fmt"
	"slices"
	"time"

	"sandai/inventory"
)

// pollHold is how long a poll without work is held.
const pollHold = 20 * time.Second

// Enroll exchanges a boot nonce for a client certificate. The nonce stays valid
// until the certificate is used, so that a lost answer can be asked for again.
func (e *Engine) Enroll(ctx context.Context, rackID uint, req inventory.EnrollRequest) (inventory.EnrollReply, error) {
	n, err := e.store.Node(ctx, rackID, req.Node)
	if err != nil || n.BootNonce == "" || subtle.ConstantTimeCompare([]byte(n.BootNonce), []byte(req.Nonce)) != 1 {
		return inventory.EnrollReply{}, inventory.Errorf(inventory.Unauthorised, "%s has no boot due with that nonce: power-cycle it through an install", req.Node)
	}
	if err := untouchable(n); err != nil {
		return inventory.EnrollReply{}, err
	}
	cert, err := e.Signer.SignAgent(req.CSR, n.Name)
	if err != nil {
		return inventory.EnrollReply{}, err
	}
	err = e.Record(ctx, inventory.Event{Type: inventory.EventEnrolled, Node: n.Name, MAC: n.MAC(inventory.Provisioning), Text: "the agent of " + n.Name + " proved its nonce"})
	return inventory.EnrollReply{Certificate: cert, Now: time.Now()}, err
}

// Poll returns the tasks that a node's agent may start now and the calls that
// wait for it; without any it waits up to 20 s.
func (e *Engine) Poll(ctx context.Context, rackID uint, node string, req inventory.PollRequest) (inventory.PollReply, error) {
	began := time.Now()
	wake, cancel := e.store.Subscribe()
	defer cancel()
	err := e.seen(ctx, rackID, node, req)
	if inventory.CodeOf(err) == inventory.NotFound && err != nil && req.Stage == inventory.StageRamdisk && len(req.Running) == 0 {
		// A newcomer that got its role and name while it was looked at: this boot
		// of it is over.
		return inventory.PollReply{Tasks: []inventory.Task{visitTask(node, kindRestart)}}, nil
	}
	if err != nil {
		return inventory.PollReply{}, err
	}
	visit := e.desk.enter(rackID, node, req)
	defer visit.leave()
	hold := time.NewTimer(pollHold)
	defer hold.Stop()
	for {
		n, err := e.store.Node(ctx, rackID, node)
		if err != nil {
			return inventory.PollReply{}, err
		}
		var more <-chan struct{}
		if n.HandsOff == nil {
			var reply inventory.PollReply
			if reply.Tasks, err = e.tasks(ctx, n, req, began); err != nil {
				return inventory.PollReply{}, err
			}
			if reply.Calls, more = visit.take(); len(reply.Tasks) > 0 || len(reply.Calls) > 0 {
				return reply, nil
			}
		}
		select {
		case <-more:
		case <-ctx.Done():
			return inventory.PollReply{}, ctx.Err()
		case <-hold.C:
			return inventory.PollReply{}, nil
		case <-wake:
		}
	}
}

// seen notes the sign of life, and what it proves: a poll with a certificate
// spends the boot nonce; the install nonce proves the installed system.
func (e *Engine) seen(ctx context.Context, rackID uint, node string, req inventory.PollRequest) error {
	if err := e.stray(ctx, rackID, node, req); err != nil {
		return err // which is no sign of life of what is wanted there
	}
	n, err := e.store.UpdateNode(ctx, rackID, node, func(n *inventory.Node) error {
		n.LastSeen = time.Now()
		if req.Stage == inventory.StageRamdisk {
			n.BootNonce = ""
		} else {
			leaveRescue(n)
		}
		return nil
	})
	if err != nil {
		return err
	}
	if req.Stage != inventory.StageInstalled || n.State != inventory.Deploying {
		return nil
	}
	// State and event in one transaction: a node that is installed without the
	// event would keep its boot step waiting for ever.
	_, err = e.store.UpdateNode(ctx, rackID, node, func(n *inventory.Node) error {
		setState(n, inventory.Installed, "")
		return nil
	}, inventory.Event{Time: time.Now(), Type: inventory.EventInstalled, Node: node, MAC: n.MAC(inventory.Provisioning), Text: "the installed system of " + node + " reported with its install nonce"})
	return err
}

// stray refuses the agent of a system that is being replaced or wiped: the machine
// was started from its disk though it was to start from the network. That is noted
// once for each start, for the watch to see.
func (e *Engine) stray(ctx context.Context, rackID uint, node string, req inventory.PollRequest) error {
	n, err := e.store.Node(ctx, rackID, node)
	if err != nil || req.Stage != inventory.StageInstalled || n.State != inventory.Deploying && n.State != inventory.Releasing {
		return err
	}
	if n.State == inventory.Deploying {
		want, err := e.store.Secret(ctx, rackID, nonceSecret(node))
		if err != nil {
			return err
		}
		if subtle.ConstantTimeCompare([]byte(want), []byte(req.InstallNonce)) == 1 {
			return nil
		}
	}
	noted, err := e.store.NodeEvents(ctx, n, []inventory.EventType{inventory.EventStray}, n.Since)
	if err != nil {
		return err
	}
	if len(noted) == 0 {
		if err := e.Record(ctx, inventory.Event{Type: inventory.EventStray, Node: n.Name, MAC: n.MAC(inventory.Provisioning), Text: n.Name + " started the earlier system from its disk"}); err != nil {
			return err
		}
	}
	return inventory.Errorf(inventory.Unauthorised, "%s runs an older installation than the one under way", node)
}

// tasks lists the steps that wait for this agent. A step that is running but
// that the agent does not know any more (it was restarted) is handed out again:
// its journal or its transient unit finds what became of it. What the agent said
// to work on when its poll began is an older attempt of a step that became ready
// since: one that failed and is tried again. A machine in the ramdisk that no run
// works on is only looked at.
func (e *Engine) tasks(ctx context.Context, n inventory.Node, req inventory.PollRequest, began time.Time) ([]inventory.Task, error) {
	runs, err := e.store.ActiveRuns(ctx)
	if err != nil {
		return nil, err
	}
	var out []inventory.Task
	works := false // a run has something to do on this node, now or later
	if i := slices.IndexFunc(runs, func(r inventory.Run) bool { return r.RackID == n.RackID }); i >= 0 {
		steps, err := e.store.Steps(ctx, runs[i].ID)
		if err != nil {
			return nil, err
		}
		for _, s := range steps {
			works = works || s.Node == n.Name && !s.Ended()
			busy := slices.Contains(req.Running, s.Key) && !(s.ReadyAt != nil && s.ReadyAt.After(began))
			if s.Owner != inventory.OwnerAgent || s.Node != n.Name || busy ||
				(s.State != inventory.StepReady && s.State != inventory.StepRunning) ||
				inRamdisk(s.Chapter) != (req.Stage == inventory.StageRamdisk) {
				continue
			}
			if runs[i].Kind == inventory.RunCheck && !req.Look {
				return nil, e.giveUp(ctx, runs[i], s, fmt.Sprintf("the agent of %s is older than this appliance and cannot look without changing: reinstall the node (appliance node reinstall %s)", n.Name, n.Name))
			}
			t, err := e.task(ctx, runs[i], s)
			if err != nil {
				return nil, fmt.Errorf("prepare %s: %w", s.Key, err)
			}
			out = append(out, t)
		}
	}
	if works || req.Stage != inventory.StageRamdisk {
		return out, nil
	}
	return visitTasks(n, req), nil
}

func (e *Engine) task(ctx context.Context, run inventory.Run, s inventory.Step) (inventory.Task, error) {
	rack, err := e.store.RackByID(ctx, run.RackID)
	if err != nil {
		return inventory.Task{}, err
	}
	i := slices.IndexFunc(rack.Nodes, func(n inventory.Node) bool { return n.Name == s.Node })
	if i < 0 {
		return inventory.Task{}, inventory.Errorf(inventory.NotFound, "%s is not in rack %s any more", s.Node, rack.Name)
	}
	spec, mask, err := e.resolve(ctx, rack, &rack.Nodes[i], s.Spec)
	if err != nil {
		return inventory.Task{}, err
	}
	if s.Kind == phaseWipe && run.Erase {
		if spec, err = withField(spec, "erase", true); err != nil { // a person confirmed what is on the disks
			return inventory.Task{}, err
		}
	}
	return inventory.Task{Run: run.ID, Key: s.Key, Attempt: s.Attempt, Kind: s.Kind, Spec: spec,
		Notify: s.Notify, Timeout: s.Timeout, Look: run.Kind == inventory.RunCheck, Mask: mask}, nil
}

// TakeReport takes what an agent says of a step. A report of an earlier attempt or
// of a step that has ended is accepted and changes nothing, because agents send
// a report until it is accepted.
func (e *Engine) TakeReport(ctx context.Context, rackID uint, node string, r inventory.StepReport) error {
	if r.Run == 0 {
		return e.takeVisit(ctx, rackID, node, r)
	}
	run, err := e.store.Run(ctx, r.Run)
	if err != nil {
		return err
	}
	if run.RackID != rackID {
		return inventory.Errorf(inventory.Unauthorised, "run %d is not of this node's rack", r.Run)
	}
	if r.Hardware != nil {
		if err := e.takeHardware(ctx, rackID, node, *r.Hardware, &run.ID); err != nil {
			return err
		}
	}
	return e.takeReport(ctx, run, node, r)
}

func (e *Engine) takeReport(ctx context.Context, run inventory.Run, node string, r inventory.StepReport) error {
	now := time.Now()
	var ev []inventory.Event
	if r.State != inventory.StepRunning {
		ev = append(ev, stepEvent(run, inventory.Step{Key: r.Key, Node: node}, string(r.State), r.Reason))
	}
	_, err := e.store.UpdateStep(ctx, run.ID, r.Key, func(s *inventory.Step) error {
		switch {
		case s.Node != node || s.Owner != inventory.OwnerAgent:
			return inventory.Errorf(inventory.Unauthorised, "%s is not a step of %s", r.Key, node)
		case s.Ended() || s.Attempt != r.Attempt || s.State == inventory.StepPending:
			return errMeanwhile
		}
		if s.StartedAt == nil || s.State == inventory.StepReady {
			s.StartedAt = &now
		}
		s.State = r.State
		s.Command, s.Stdout, s.Stderr, s.Diff = r.Command, clip(r.Stdout), clip(r.Stderr), clip(r.Diff)
		switch r.State {
		case inventory.StepRunning:
			s.Progress = r.Progress
		case inventory.StepDone, inventory.StepFailed:
			s.EndedAt, s.Deadline, s.Changed, s.Reason = &now, nil, r.Changed, r.Reason
		default:
			return inventory.Errorf(inventory.Invalid, "a report's state is running, done or failed, not %q", r.State)
		}
		return nil
	}, ev...)
	if errors.Is(err, errMeanwhile) {
		return nil
	}
	return err
}
