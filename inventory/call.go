package inventory

import "time"

// CallKind says what a call asks of a node; the set is closed.
type CallKind string

// Kinds of calls.
const (
	CallUnits   CallKind = "units"   // how Units fare
	CallJournal CallKind = "journal" // the last Lines of the one unit's journal and log files
	CallRestart CallKind = "restart" // restart the one unit, and say how it fares then
	CallCopy    CallKind = "copy"    // fetch the item CopyItem and keep it, if its SHA-256 is Digest
	CallGrep    CallKind = "grep"    // lines of Files, and of the journals of Units, between Since and Until that hold one of Match
)

// Call is a short request to a node's installed agent outside of runs. It lives
// in the appliance's memory, and is handed out once.
type Call struct {
	ID      string   `json:"id"`
	Kind    CallKind `json:"kind"`
	Seconds int      `json:"seconds"` // an answer that comes later than this is dropped
	Units   []string `json:"units,omitempty"`
	Lines   int      `json:"lines,omitempty"`
	Files   []string `json:"files,omitempty"` // below /var/log
	// Match is what a line must hold one of, such as request IDs.
	Match []string  `json:"match,omitempty"`
	Since time.Time `json:"since,omitzero"`
	Until time.Time `json:"until,omitzero"`
	// Digest is SHA-256 in hexadecimal.
	Digest string `json:"digest,omitempty"`
}

// MaxCallText bounds the text of one call's answer, in bytes.
const MaxCallText = 64 << 10

// CallAnswer is what a node says to a call: Error, or what its kind gives.
type CallAnswer struct {
	ID    string    `json:"id"`
	Code  Code      `json:"code,omitempty"`  // of Error
	Error string    `json:"error,omitempty"` // why it could not be done
	Units []Unit    `json:"units,omitempty"` // of units and restart
	Logs  []LogText `json:"logs,omitempty"`  // of journal; of grep those with an error
	Lines []LogLine `json:"lines,omitempty"` // of grep, in the order of time
	Now   time.Time `json:"now"`             // by the node's clock
}

// Unit is how one of systemd's units fares (org.freedesktop.systemd1(5)).
type Unit struct {
	Name        string    `json:"name"` // "nova-api.service"
	Chapter     string    `json:"chapter,omitempty"`
	Description string    `json:"description,omitempty"`
	Load        string    `json:"load"`   // "loaded", "not-found", "masked"
	Active      string    `json:"active"` // "active", "inactive", "failed", "activating", …
	Sub         string    `json:"sub"`    // "running", "dead", "auto-restart", …
	Result      string    `json:"result,omitempty"`
	Since       time.Time `json:"since,omitzero"` // when Active was entered
	Restarts    int       `json:"restarts"`       // by systemd, since the unit was last started
	MemoryBytes int64     `json:"memory_bytes"`   // 0 where it is not counted
	MainPID     int       `json:"main_pid,omitempty"`
	// Restartable says that a person may restart it from the page.
	Restartable bool `json:"restartable"`
}

// LogText is the end of one log, or what was found in it.
type LogText struct {
	Source string `json:"source"` // "journal" or the file's path
	Text   string `json:"text"`   // secrets masked, "***"
	Cut    bool   `json:"cut"`    // there was more
	Error  string `json:"error,omitempty"`
}

// LogLine is one line of a log whose time could be read.
type LogLine struct {
	Source string    `json:"source"` // the file's path, or "journal"
	At     time.Time `json:"at"`
	Second bool      `json:"second,omitempty"` // the log gives whole seconds only
	Text   string    `json:"text"`             // secrets masked, "***"
}

// Journal is what a unit has written of late.
type Journal struct {
	Node string    `json:"node"`
	Unit string    `json:"unit"`
	Logs []LogText `json:"logs"`
	Now  time.Time `json:"now"` // by the node's clock
}
