package inventory

import "time"

// Plan is what an install would do, before it does anything.
type Plan struct {
	Rack     string      `json:"rack"`
	Hash     string      `json:"hash"` // SHA-256 of the plan, hex
	Text     string      `json:"text"` // for a person, a line a step
	Erase    []DiskErase `json:"erase"`
	Warnings []string    `json:"warnings,omitempty"`
	Steps    []Step      `json:"steps"`
}

// DiskErase is a disk that an install writes over. Where the node was never
// inspected only Disk.Serial is known, the selector of rack.yaml.
type DiskErase struct {
	Node string   `json:"node"`
	Disk DiskInfo `json:"disk"`
}

// InstallRequest asks for an install. With Erase, disks that are not blank are
// erased and an installed rack is installed again; Confirm must then be the
// rack's name.
//
// With PreviewHash the request is refused if the plan or a disk is no longer
// what the preview showed, and each node's wipe step refuses a disk that is not
// the one that was shown.
type InstallRequest struct {
	PlanHash    string `json:"plan_hash,omitempty"`    // refuse if the plan has another hash
	PreviewHash string `json:"preview_hash,omitempty"` // refuse if the preview has another hash
	Erase       bool   `json:"erase,omitempty"`
	Confirm     string `json:"confirm,omitempty"`
}

// ApplyRequest asks for an installed rack to be made as its plan is now.
type ApplyRequest struct {
	PlanHash string `json:"plan_hash,omitempty"` // refuse if the plan has another hash
}

// RotateRequest asks for new passwords of a rack's cloud. Confirm is the rack's name.
type RotateRequest struct {
	Confirm string `json:"confirm"`
}

// ReinstallRequest asks for one node to be installed anew. PreviewHash confirms
// what was shown of its disks and its servers; Confirm is the node's name.
type ReinstallRequest struct {
	PreviewHash string `json:"preview_hash"`
	Confirm     string `json:"confirm"`
}

// ReleaseOptions say how a node is released.
type ReleaseOptions struct {
	Remove bool `json:"remove,omitempty"` // forget the node: nothing of it stays in the inventory
	Full   bool `json:"full,omitempty"`   // overwrite the whole disk, not only what makes its contents known
	Dead   bool `json:"dead,omitempty"`   // the machine does not start any more: nothing is wiped
}

// ReleaseRequest asks for one node to be taken out of the rack. PreviewHash
// confirms what was shown of its disks and its servers; Confirm is the node's name.
type ReleaseRequest struct {
	ReleaseOptions
	PreviewHash string `json:"preview_hash"`
	Confirm     string `json:"confirm"`
}

// RescueRequest asks for one node to be started into the ramdisk with a shell.
// Confirm is the node's name: what runs on it ends.
type RescueRequest struct {
	Confirm string `json:"confirm"`
}

// Report is how a rack's latest install went, and what its latest proof found.
type Report struct {
	Rack         string        `json:"rack"`
	Run          Run           `json:"run"`
	TotalSeconds float64       `json:"total_seconds"`
	Phases       []PhaseTime   `json:"phases"`
	Proof        []ProofResult `json:"proof"`
	// ProofRun is the run of the proof where that was run again since, else the
	// install itself; ProofAt is when it ended.
	ProofRun uint          `json:"proof_run,omitempty"`
	ProofAt  *time.Time    `json:"proof_at,omitempty"`
	Skipped  []SkippedStep `json:"skipped,omitempty"`
	Cloud    CloudInfo     `json:"cloud"`
	Machine  string        `json:"machine,omitempty"` // what the figures were measured on
}

// PhaseTime is the time of one phase or chapter on one node; Node is "" for
// what belongs to the whole rack.
type PhaseTime struct {
	Node    string     `json:"node"`
	Phase   string     `json:"phase"`
	State   StepState  `json:"state"`
	Started *time.Time `json:"started,omitempty"`
	Ended   *time.Time `json:"ended,omitempty"`
	Seconds float64    `json:"seconds"`
}

// SkippedStep is a step that a person left out.
type SkippedStep struct {
	Key    string `json:"key"`
	Title  string `json:"title"`
	Reason string `json:"reason"`
	By     string `json:"by,omitempty"` // a user's name
}

// ProofResult is one check of the proof.
type ProofResult struct {
	Key     string    `json:"key"`   // of its step
	Check   string    `json:"check"` // the step's title
	State   StepState `json:"state"`
	Summary string    `json:"summary"` // figures when it passed, the reason when not
}

// CloudInfo says where the cloud answers and where its secrets are kept.
type CloudInfo struct {
	Horizon  string     `json:"horizon"`
	Keystone string     `json:"keystone"`
	Users    []UserInfo `json:"users"`
	Openrc   string     `json:"openrc"` // path
	Clouds   string     `json:"clouds"` // path of clouds.yaml
}

// UserInfo names a user and the file that holds the password, never the password.
type UserInfo struct {
	Name       string `json:"name"`
	PasswordIn string `json:"password_in"`
}
