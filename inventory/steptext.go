package inventory

// StepText is what the install guide says of a step, in each language.
type StepText struct {
	Title   Text
	Why     Text
	Chapter Text   // the chapter's title
	Source  string // what the chapter follows, "OpenStack Installation Guide 2025.1, Keystone"; "" for a phase
	Link    string // URL of the section in the official guide, "" where none is known
}

// StepCount is how far a run came.
type StepCount struct {
	Done  int `json:"done"` // done or skipped
	Total int `json:"total"`
}
