package webtest

import (
	"context"
	"time"

	"sandai/inventory"
)

// Import implements web.Installer through Parse.
func (m *Memory) Import(_ context.Context, name string, file []byte) (inventory.Rack, error) {
	unlock, err := m.lock()
	parse := m.Parse
	unlock()
	if err != nil {
		return inventory.Rack{}, err
	}
	r, err := parse(name, file)
	if err != nil {
		return r, &inventory.Error{Code: inventory.Invalid, Text: err.Error(), Err: err}
	}
	m.AddRack(r)
	return r, nil
}

// Plan implements web.Installer: two steps a node.
func (m *Memory) Plan(ctx context.Context, rack string) (inventory.Plan, error) {
	r, err := m.Rack(ctx, rack)
	if err != nil {
		return inventory.Plan{}, err
	}
	p := inventory.Plan{Rack: rack, Hash: "5a9d41aafe03c1d2", Text: "rack " + rack + "\n"}
	for _, n := range r.Nodes {
		p.Erase = append(p.Erase, inventory.DiskErase{Node: n.Name, Disk: inventory.DiskInfo{Serial: n.SystemDisk}})
		for _, c := range []string{"power", "identity"} {
			key := n.Name + "/" + c + "/" + c
			if c == "identity" {
				key = n.Name + "/identity/keystone.conf"
			}
			p.Text += key + "\n"
			p.Steps = append(p.Steps, inventory.Step{Key: key, Seq: len(p.Steps) + 1, Node: n.Name, Chapter: c, Title: "Title of " + c, State: inventory.StepPending})
		}
	}
	return p, nil
}

// Install implements web.Installer by the engine's rules, without the erasing.
func (m *Memory) Install(ctx context.Context, rack string, req inventory.InstallRequest) (inventory.Run, error) {
	r, err := m.Rack(ctx, rack)
	if err != nil {
		return inventory.Run{}, err
	}
	if req.Erase && req.Confirm != rack {
		return inventory.Run{}, inventory.Errorf(inventory.Invalid, "erasing wants the rack's name: --erase %s", rack)
	}
	run, err := m.LatestRun(ctx, r.ID)
	switch {
	case err == nil && run.State == inventory.RunFailed:
		m.SetRun(run.ID, func(r *inventory.Run) { r.State, r.Reason, r.Ended = inventory.RunActive, "", nil; r.Attempt++ })
	case err == nil && !req.Erase:
		return run, nil
	default:
		p, err := m.Plan(ctx, rack)
		if err != nil {
			return run, err
		}
		run = inventory.Run{RackID: r.ID, Rack: rack, PlanHash: p.Hash, State: inventory.RunActive, Created: time.Now(), Attempt: 1, Erase: req.Erase}
		run.ID = m.AddRun(run, p.Steps)
	}
	m.mu.Lock()
	begin := m.OnInstall
	m.mu.Unlock()
	if run, err = m.Run(ctx, run.ID); err == nil && begin != nil {
		go begin(m, run)
	}
	return run, err
}

// Report implements web.Installer.
func (m *Memory) Report(ctx context.Context, rack string) (inventory.Report, error) {
	r, err := m.Rack(ctx, rack)
	if err != nil {
		return inventory.Report{}, err
	}
	run, err := m.LatestRun(ctx, r.ID)
	if err != nil {
		return inventory.Report{}, err
	}
	return m.RunReport(ctx, run.ID)
}

// RunReport implements web.Installer.
func (m *Memory) RunReport(ctx context.Context, id uint) (inventory.Report, error) {
	run, err := m.Run(ctx, id)
	if err != nil {
		return inventory.Report{}, err
	}
	steps, err := m.Steps(ctx, run.ID)
	rep := inventory.Report{Rack: run.Rack, Run: run, Cloud: m.Cloud, Phases: []inventory.PhaseTime{}, Proof: []inventory.ProofResult{}}
	for _, s := range steps {
		p := inventory.PhaseTime{Node: s.Node, Phase: s.Chapter, State: s.State, Started: s.StartedAt, Ended: s.EndedAt}
		if s.StartedAt != nil && s.EndedAt != nil {
			p.Seconds = s.EndedAt.Sub(*s.StartedAt).Seconds()
		}
		rep.Phases = append(rep.Phases, p)
		if s.Chapter == "proof" {
			rep.Proof = append(rep.Proof, inventory.ProofResult{Key: s.Key, Check: s.Title, State: s.State, Summary: s.Command})
		}
	}
	if run.Ended != nil {
		rep.TotalSeconds = run.Ended.Sub(run.Created).Seconds()
	}
	return rep, err
}
