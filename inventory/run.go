package inventory

import (
	"encoding/json"
	"slices"
	"time"
)

// RunState is where a run is.
type RunState string

// States of a run. A failed run can be resumed: its failed steps are tried
// again. A stopped one goes on where a person stopped it.
const (
	RunActive  RunState = "active"
	RunDone    RunState = "done"
	RunFailed  RunState = "failed"
	RunStopped RunState = "stopped"
)

// RunKind says what a run is for.
type RunKind string

// Kinds of runs.
const (
	RunInstall   RunKind = "install"
	RunReinstall RunKind = "reinstall" // one node of an installed rack is installed anew
	RunRelease   RunKind = "release"   // one node is taken out of the rack: its disk is wiped, it has no role afterwards or is gone
	RunApply     RunKind = "apply"     // an installed rack is made as its plan says: what differs is changed, new nodes are installed
	RunRotate    RunKind = "rotate"    // the cloud of an installed rack is given new passwords
	RunCheck     RunKind = "check"     // an installed rack is compared with its plan; nothing is changed
	RunInspect   RunKind = "inspect"   // the hardware of some nodes is looked at
	RunRescue    RunKind = "rescue"    // one node is started into the ramdisk, with a shell
	RunProof     RunKind = "proof"     // an installed cloud proves itself once more
)

// ChangingKinds are those whose runs decide how the rack is: the newest of them
// has to be done before the rack is as its plan says. No other writes to a disk.
var ChangingKinds = []RunKind{RunInstall, RunReinstall, RunRelease, RunApply, RunRotate}

// Changes reports whether the kind is one of ChangingKinds.
func (k RunKind) Changes() bool { return slices.Contains(ChangingKinds, k) }

// Apart reports whether the nodes of such a run do not wait for each other: one
// that fails does not hold the others up.
func (k RunKind) Apart() bool { return k == RunInspect || k == RunCheck }

// Run is one execution of a plan on a rack.
type Run struct {
	ID       uint       `gorm:"primaryKey" json:"id"`
	RackID   uint       `json:"-"`
	Rack     string     `json:"rack"`
	Kind     RunKind    `json:"kind"`
	Nodes    []string   `gorm:"serializer:json" json:"nodes,omitempty"` // that a reinstall, release or rescue is of; none: the whole rack
	PlanHash string     `json:"plan_hash"`                              // SHA-256 of the plan's text
	Erase    bool       `json:"erase"`                                  // a person confirmed that disks which are not blank may be erased
	State    RunState   `json:"state"`
	Reason   string     `json:"reason,omitempty"`
	Created  time.Time  `gorm:"serializer:stamp" json:"created"`
	Ended    *time.Time `gorm:"serializer:stamp" json:"ended,omitempty"`
	// Attempt counts resumes; it starts at 1. Resumed is when the last one was.
	Attempt int        `json:"attempt"`
	Resumed *time.Time `gorm:"serializer:stamp" json:"resumed,omitempty"`
	// StopAt is when a person asked for a stop after the steps in hand, StopBy
	// who (a user's name, "" where nobody signs in) and StopWhy the reason given.
	// While the run is active the stop has not taken hold yet and can be
	// withdrawn. A resume clears all three.
	StopAt  *time.Time `gorm:"serializer:stamp" json:"stop_at,omitempty"`
	StopBy  string     `json:"stop_by,omitempty"`
	StopWhy string     `json:"stop_why,omitempty"`
}

// Stopping reports whether a stop was asked for that has not taken hold yet.
func (r *Run) Stopping() bool { return r.State == RunActive && r.StopAt != nil }

// StepState is where a step is.
type StepState string

// States of a step. Ready: everything it needs is done and its owner may take
// it. Ready and Running have a deadline.
const (
	StepPending StepState = "pending"
	StepReady   StepState = "ready"
	StepRunning StepState = "running"
	StepDone    StepState = "done"
	StepFailed  StepState = "failed"
	StepSkipped StepState = "skipped"
)

// Owner says who carries a step out.
type Owner string

// Owners. A Signal step ends when the appliance sees something happen on the
// wire (the first DHCP frame, the kernel fetched); nobody runs it.
const (
	OwnerAppliance Owner = "appliance"
	OwnerAgent     Owner = "agent"
	OwnerSignal    Owner = "signal"
)

// Step is one fact of a run: a phase of a node's installation, a step of the
// guide, or a check of the proof.
type Step struct {
	ID    uint `gorm:"primaryKey" json:"-"`
	RunID uint `json:"-"`
	// Key is unique within the run: "controller-1/identity/keystone.conf", or
	// "rack/proof/ping" for a step that belongs to no node.
	Key     string          `json:"key"`
	Seq     int             `json:"seq"`  // order in the plan, from 1
	Node    string          `json:"node"` // node's name or ""
	Chapter string          `json:"chapter"`
	Title   string          `json:"title"`
	Why     string          `json:"why,omitempty"`
	Kind    string          `json:"kind"`
	Owner   Owner           `json:"owner"`
	Spec    json.RawMessage `gorm:"serializer:rawjson" json:"spec,omitempty"` // with ${…} unresolved, so never a secret
	Needs   []string        `gorm:"serializer:json" json:"needs,omitempty"`
	Notify  []string        `gorm:"serializer:json" json:"notify,omitempty"` // systemd units to restart when the step changed something
	State   StepState       `json:"state"`
	Timeout int             `json:"timeout"` // seconds allowed in Ready and Running together
	Attempt int             `json:"attempt"`

	ReadyAt   *time.Time `gorm:"serializer:stamp" json:"ready_at,omitempty"`
	StartedAt *time.Time `gorm:"serializer:stamp" json:"started_at,omitempty"`
	EndedAt   *time.Time `gorm:"serializer:stamp" json:"ended_at,omitempty"`
	Deadline  *time.Time `gorm:"serializer:stamp" json:"deadline,omitempty"`

	Progress float64 `json:"progress,omitempty"` // 0 to 1 while running, where known
	Changed  bool    `json:"changed"`
	Reason   string  `json:"reason,omitempty"` // why it failed or was skipped, and what to do next
	By       string  `json:"by,omitempty"`     // who skipped it or had it tried again, a user's name
	Command  string  `json:"command,omitempty"`
	Stdout   string  `json:"stdout,omitempty"` // at most 16 KiB, the end is kept
	Stderr   string  `json:"stderr,omitempty"`
	// Diff is what the step changed: a unified diff, or a line for each change;
	// at most 16 KiB, secrets masked. "" where it changed nothing or cannot say.
	Diff string `json:"diff,omitempty"`
}

// Ended reports whether the step will not change by itself any more.
func (s *Step) Ended() bool {
	return s.State == StepDone || s.State == StepFailed || s.State == StepSkipped
}
