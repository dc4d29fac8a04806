package inventory

import (
	"encoding/json"
	"time"
)

// Stage says where an agent runs.
type Stage string

// Stages of the agent.
const (
	StageRamdisk   Stage = "ramdisk"
	StageInstalled Stage = "installed"
)

// What a controller hands to the appliance while it is reinstalled.
const (
	SavedDatabases = "databases" // a dump in SQL of the cloud's databases
	SavedFiles     = "files"     // a tar of what else the cloud needs, paths from /
)

// SavedBytes is the HTTP trailer that says how long an item is, which ends only with it.
const SavedBytes = "Saved-Bytes"

// RestoredMark is where a new system notes that it has both back.
const RestoredMark = "/var/lib/sandai/restored"

// EnrollRequest proves the boot nonce and asks for a client certificate.
type EnrollRequest struct {
	Node  string `json:"node"`
	Nonce string `json:"nonce"`
	CSR   string `json:"csr"` // PEM, PKCS #10; the subject is ignored
}

// EnrollReply carries the certificate. Now lets the agent set its clock.
type EnrollReply struct {
	Certificate string    `json:"certificate"` // PEM, common name is the node's name
	Now         time.Time `json:"now"`
}

// PollRequest asks for work. The appliance holds it for up to 20 s until there
// is some. Running lists the keys of the tasks that the agent still works on,
// so that none is handed out twice.
type PollRequest struct {
	Stage   Stage    `json:"stage"`
	BootID  string   `json:"boot_id"` // /proc/sys/kernel/random/boot_id
	Running []string `json:"running"`
	// InstallNonce is what the seed step wrote; only the installed system sends it.
	InstallNonce string `json:"install_nonce,omitempty"`
	// Calls says that this agent answers calls; older ones are given none.
	Calls bool `json:"calls,omitempty"`
	// Look says that this agent can carry out a task by only looking; older ones
	// would change what they should look at, and are given none.
	Look bool `json:"look,omitempty"`
}

// PollReply lists tasks that may start now, side by side, and calls to answer.
type PollReply struct {
	Tasks []Task `json:"tasks"`
	Calls []Call `json:"calls,omitempty"`
}

// Task is a step as the agent gets it: Spec with every ${…} resolved.
type Task struct {
	Run     uint            `json:"run"`
	Key     string          `json:"key"`
	Attempt int             `json:"attempt"`
	Kind    string          `json:"kind"`
	Spec    json.RawMessage `json:"spec"`
	Notify  []string        `json:"notify,omitempty"`
	Timeout int             `json:"timeout"`        // seconds
	Look    bool            `json:"look,omitempty"` // only say what would be changed
	Mask    []string        `json:"mask"`           // secret values in Spec, to be masked in every output
}

// StepReport is what an agent says of a task. State is StepRunning, StepDone or
// StepFailed; a StepRunning report may carry output so far.
type StepReport struct {
	Run      uint      `json:"run"`
	Key      string    `json:"key"`
	Attempt  int       `json:"attempt"`
	State    StepState `json:"state"`
	Started  time.Time `json:"started"`
	Ended    time.Time `json:"ended,omitzero"`
	Changed  bool      `json:"changed"`
	Reason   string    `json:"reason,omitempty"`
	Command  string    `json:"command,omitempty"`
	Stdout   string    `json:"stdout,omitempty"`
	Stderr   string    `json:"stderr,omitempty"`
	Diff     string    `json:"diff,omitempty"`     // what was changed, see Step.Diff
	Progress float64   `json:"progress,omitempty"` // 0 to 1 where known
	Hardware *Hardware `json:"hardware,omitempty"` // of the inspect task
}
