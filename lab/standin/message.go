package standin

import (
	"encoding/json"
	"time"
)

// The agent API's messages, as docs/design.md and the API's own schema have them.

type enrollRequest struct {
	Node  string `json:"node"`
	Nonce string `json:"nonce"`
	CSR   string `json:"csr"`
}

type enrollReply struct {
	Certificate string `json:"certificate"`
}

// Where an agent runs.
const (
	stageRamdisk   = "ramdisk"
	stageInstalled = "installed"
)

type pollRequest struct {
	Stage        string   `json:"stage"`
	BootID       string   `json:"boot_id"`
	Running      []string `json:"running"`
	InstallNonce string   `json:"install_nonce,omitempty"`
}

type pollReply struct {
	Tasks []task `json:"tasks"`
}

type task struct {
	Run     uint            `json:"run"`
	Key     string          `json:"key"`
	Attempt int             `json:"attempt"`
	Kind    string          `json:"kind"`
	Spec    json.RawMessage `json:"spec"`
	Timeout int             `json:"timeout"`
	Mask    []string        `json:"mask"`
}

// What a report says of a step.
const (
	stateRunning = "running"
	stateDone    = "done"
	stateFailed  = "failed"
)

type report struct {
	Run      uint      `json:"run"`
	Key      string    `json:"key"`
	Attempt  int       `json:"attempt"`
	State    string    `json:"state"`
	Started  time.Time `json:"started"`
	Ended    time.Time `json:"ended,omitzero"`
	Changed  bool      `json:"changed"`
	Reason   string    `json:"reason,omitempty"`
	Command  string    `json:"command,omitempty"`
	Stdout   string    `json:"stdout,omitempty"`
	Progress float64   `json:"progress,omitempty"`
	Hardware *hardware `json:"hardware,omitempty"`
}

type hardware struct {
	Product  string     `json:"product"`
	Serial   string     `json:"serial"`
	Firmware string     `json:"firmware"`
	CPU      string     `json:"cpu"`
	Cores    int        `json:"cores"`
	MemoryMB int        `json:"memory_mb"`
	Virt     string     `json:"virt"`
	Disks    []diskInfo `json:"disks"`
	NICs     []nicInfo  `json:"nics"`
	BootMode string     `json:"boot_mode"`
}

type diskInfo struct {
	Name     string   `json:"name"`
	Model    string   `json:"model,omitempty"`
	Serial   string   `json:"serial,omitempty"`
	WWN      string   `json:"wwn,omitempty"`
	Bytes    int64    `json:"bytes"`
	Contents []string `json:"contents,omitempty"`
}

// confirmedDisk is a disk as a person saw it when confirming an install.
type confirmedDisk struct {
	Use      string   `json:"use"`
	Serial   string   `json:"serial"`
	WWN      string   `json:"wwn"`
	Bytes    int64    `json:"bytes"`
	Contents []string `json:"contents"`
	Used     bool     `json:"used"`
}

type nicInfo struct {
	Name   string `json:"name"`
	MAC    string `json:"mac"`
	Link   bool   `json:"link"`
	Mbps   int    `json:"mbps,omitempty"`
	Driver string `json:"driver,omitempty"`
}
