package webtest

import (
	"context"
	"fmt"

	"sandai/inventory"
)

// Check implements web.RackControl: a look at one step of the first node.
func (m *Memory) Check(ctx context.Context, rack string) (inventory.Run, error) {
	return m.startChange(ctx, rack, inventory.RunCheck)
}

// Apply implements web.RackControl.
func (m *Memory) Apply(ctx context.Context, rack string, _ inventory.ApplyRequest) (inventory.Run, error) {
	return m.startChange(ctx, rack, inventory.RunApply)
}

// Rotate implements web.RackControl.
func (m *Memory) Rotate(ctx context.Context, rack string, req inventory.RotateRequest) (inventory.Run, error) {
	if req.Confirm != rack {
		return inventory.Run{}, inventory.Errorf(inventory.Invalid, "confirm with the rack's name")
	}
	return m.startChange(ctx, rack, inventory.RunRotate)
}

func (m *Memory) startChange(ctx context.Context, rack string, kind inventory.RunKind) (inventory.Run, error) {
	r, err := m.Rack(ctx, rack)
	if err != nil {
		return inventory.Run{}, err
	}
	run, err := m.LatestRun(ctx, r.ID)
	if err != nil || run.State != inventory.RunDone {
		return inventory.Run{}, inventory.Errorf(inventory.Conflict, "rack %s is not installed: install it first", rack)
	}
	node := r.Nodes[0].Name
	return m.begin(ctx, r, kind, []inventory.Step{{Key: node + "/environment/hosts", Seq: 1, Node: node, Chapter: "environment", Title: "Names of the nodes", State: inventory.StepPending}})
}

// ReinstallPreview implements web.NodeControl: of a node with one server.
func (m *Memory) ReinstallPreview(ctx context.Context, rack, node string) (inventory.Preview, error) {
	r, err := m.Rack(ctx, rack)
	if err != nil {
		return inventory.Preview{}, err
	}
	if _, err := m.Node(ctx, r.ID, node); err != nil {
		return inventory.Preview{}, err
	}
	plan, err := m.Plan(ctx, rack)
	if err != nil {
		return inventory.Preview{}, err
	}
	server := inventory.FateOf(inventory.HostedServer{ID: "5d4c", Name: "web", Project: "admin", Status: "ACTIVE", Image: "debian"}, true)
	return inventory.MakePreview(inventory.PreviewInput{Rack: r, PlanHash: plan.Hash, Steps: plan.Steps, Action: inventory.ActionStart, Only: node, Servers: []inventory.HostedServer{server}}), nil
}

// ReleasePreview implements web.NodeControl: as that of a reinstall.
func (m *Memory) ReleasePreview(ctx context.Context, rack, node string, o inventory.ReleaseOptions) (inventory.Preview, error) {
	v, err := m.ReinstallPreview(ctx, rack, node)
	for i, s := range v.Servers {
		s.Proof = true
		v.Servers[i] = inventory.Leaves(inventory.FateOf(s, true), false)
	}
	v.Hash += fmt.Sprintf("-%t-%t-%t", o.Remove, o.Full, o.Dead)
	return v, err
}

// Release implements web.NodeControl.
func (m *Memory) Release(ctx context.Context, rack, node string, req inventory.ReleaseRequest) (inventory.Run, error) {
	v, err := m.ReleasePreview(ctx, rack, node, req.ReleaseOptions)
	if err != nil {
		return inventory.Run{}, err
	}
	if req.Confirm != node || req.PreviewHash != v.Hash {
		return inventory.Run{}, inventory.Errorf(inventory.Conflict, "what the release of %s would do has changed since it was shown", node)
	}
	return m.startChange(ctx, rack, inventory.RunRelease)
}

// Reinstall implements web.NodeControl.
func (m *Memory) Reinstall(ctx context.Context, rack, node string, req inventory.ReinstallRequest) (inventory.Run, error) {
	v, err := m.ReinstallPreview(ctx, rack, node)
	if err != nil {
		return inventory.Run{}, err
	}
	if req.Confirm != node || req.PreviewHash != v.Hash {
		return inventory.Run{}, inventory.Errorf(inventory.Conflict, "what a reinstall of %s would do has changed since it was shown", node)
	}
	return m.startChange(ctx, rack, inventory.RunReinstall)
}
