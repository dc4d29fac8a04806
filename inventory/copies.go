package inventory

import "time"

// CopyItem is the name under which a node's agent fetches the sealed copy of the
// appliance that a CallCopy tells it of.
const CopyItem = "appliance-copy"

// CopyPath is where a node keeps it; whoever has lost the appliance takes it from there.
const CopyPath = "/var/lib/sandai/appliance.copy"

// Copies says how the sealed copies of the appliance on its nodes stand.
type Copies struct {
	On   bool       `json:"on"`             // they are made
	Last *time.Time `json:"last,omitempty"` // when the last were
	Text string     `json:"text,omitempty"` // what became of them, a line for each rack
}
