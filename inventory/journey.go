package inventory

import "time"

// Journey is the way of one server of the proof from the request to the running
// instance, as it was seen on the live cloud.
type Journey struct {
	Rack      string         `json:"rack"`
	Run       uint           `json:"run"`
	Server    string         `json:"server"` // "sandai-proof-compute-1"
	ID        string         `json:"id"`     // Nova's
	Node      string         `json:"node"`   // where it runs
	Requests  []string       `json:"requests"`
	Collected time.Time      `json:"collected"`
	Steps     []JourneyStep  `json:"steps"`
	States    []JourneyState `json:"states"`
	Problems  []string       `json:"problems,omitempty"` // logs that could not be read, and why
}

// Seen counts the steps that were observed.
func (j *Journey) Seen() int {
	n := 0
	for _, s := range j.Steps {
		if s.Seen != nil {
			n++
		}
	}
	return n
}

// JourneyStep is one row. Seen is nil where the step was not observed; Note then
// says why it could not be.
type JourneyStep struct {
	Number int        `json:"number"` // the book's, 1 to 28; 0 for what has joined since
	Who    string     `json:"who"`
	What   Text       `json:"what"`
	Seen   *time.Time `json:"seen,omitempty"`
	// Second is true where the source gives whole seconds only.
	Second bool   `json:"second,omitempty"`
	Source string `json:"source,omitempty"` // "controller-1:/var/log/nova/nova-api.log"
	Line   string `json:"line,omitempty"`   // as found there
	Note   Text   `json:"note,omitzero"`    // where today differs from the book
}

// JourneyState is what the API said of the server from At on.
type JourneyState struct {
	At     time.Time `json:"at"`
	Status string    `json:"status"` // "BUILD"
	Task   string    `json:"task"`   // "spawning", "" for none
	Power  string    `json:"power"`  // "running", "none"
}
