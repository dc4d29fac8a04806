package inventory

// Preview is all that a person must see before an install: what is made, what
// is lost, and what speaks against it.
type Preview struct {
	Rack string `json:"rack"`
	// Hash is SHA-256, hex, over the plan and every disk of its nodes as shown here;
	// InstallRequest.PreviewHash confirms exactly this.
	Hash     string        `json:"hash"`
	PlanHash string        `json:"plan_hash"`
	Action   PreviewAction `json:"action"`
	Nodes    []PreviewNode `json:"nodes"`
	// Chapters are those of the whole rack: the cloud's objects and the proof.
	Chapters []PreviewChapter `json:"chapters"`
	Erased   int              `json:"erased"` // disks whose fate it is
	// Servers are those on a compute node that is to be reinstalled.
	Servers  []HostedServer `json:"servers,omitempty"`
	Steps    int            `json:"steps"`
	Warnings []Warning      `json:"warnings"`
}

// PreviewAction is what an install without Erase would do now.
type PreviewAction string

// What an install would do.
const (
	ActionStart   PreviewAction = "start"   // the first run
	ActionRunning PreviewAction = "running" // nothing: a run is active
	ActionResume  PreviewAction = "resume"  // the failed or stopped run goes on
	ActionNothing PreviewAction = "nothing" // it is installed and the plan has not changed
	ActionConfirm PreviewAction = "confirm" // it refuses: installing again from the start wants Erase and the rack's name
)

// PreviewNode is one node's part.
type PreviewNode struct {
	Name      string           `json:"name"`
	Role      Role             `json:"role,omitempty"`
	State     NodeState        `json:"state"`
	Address   string           `json:"address,omitempty"`
	Firmware  Firmware         `json:"firmware"`
	NICs      []NIC            `json:"nics"`
	BMC       *BMC             `json:"bmc,omitempty"`
	Inspected bool             `json:"inspected"` // its hardware is known
	Disks     []PreviewDisk    `json:"disks"`
	Chapters  []PreviewChapter `json:"chapters"`
}

// Fate is what an install does to a disk.
type Fate string

// Fates of a disk.
const (
	Erased Fate = "erased"
	Kept   Fate = "kept"
)

// PreviewDisk is a disk and what becomes of it. Of a node that was never
// inspected only the disks that rack.yaml selects are known, by their Serial.
type PreviewDisk struct {
	DiskInfo
	Fate   Fate   `json:"fate"`
	Use    string `json:"use,omitempty"` // "system", "volumes" or "" for a disk that is left alone
	Reason string `json:"reason"`        // why it has this fate
	Known  bool   `json:"known"`         // it was seen by an inspection
	// Used: since it was looked at, an install of this rack has put something on
	// it, so that Contents are what was known to be put there.
	Used bool `json:"used,omitempty"`
}

// PreviewChapter is a chapter's (or phase's) steps on one node, in order.
type PreviewChapter struct {
	Chapter string        `json:"chapter"`
	Steps   []PreviewStep `json:"steps"`
}

// PreviewStep is a step without its specification.
type PreviewStep struct {
	Key   string   `json:"key"`
	Seq   int      `json:"seq"`
	Title string   `json:"title"`
	Why   string   `json:"why,omitempty"`
	Kind  string   `json:"kind"`
	Owner Owner    `json:"owner"`
	Needs []string `json:"needs,omitempty"`
}

// Warning is something that a person should know before confirming. Stops: the
// install would fail because of it.
type Warning struct {
	Code  string `json:"code"` // "never-inspected", "not-blank", "misfit", "slow-link", "no-link", "no-bmc", "newcomer", "hands-off", "server", "traffic"
	Node  string `json:"node,omitempty"`
	Text  string `json:"text"`
	Stops bool   `json:"stops,omitempty"`
}

// ConfirmedDisk is a disk as a person saw it when confirming; the wipe step
// carries it, and the node's agent refuses another one.
type ConfirmedDisk struct {
	Use      string   `json:"use"` // "system" or "volumes"
	Serial   string   `json:"serial,omitempty"`
	WWN      string   `json:"wwn,omitempty"`
	Bytes    int64    `json:"bytes"`
	Contents []string `json:"contents,omitempty"`
	// Used: the contents are from an earlier install of this rack and were not
	// looked at since; serial number, WWN and size must still fit.
	Used bool `json:"used,omitempty"`
}
