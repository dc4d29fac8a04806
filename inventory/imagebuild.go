package inventory

import "time"

// ImageBuild is the latest build of images that the appliance was asked for: the
// one under way, or how the last one ended. It is not kept over a restart.
type ImageBuild struct {
	Names   []string     `json:"names"` // what was asked for; none: all of them
	By      string       `json:"by,omitempty"`
	Active  bool         `json:"active"`
	Started *time.Time   `json:"started,omitempty"` // nil: none was asked for since the appliance started
	Ended   *time.Time   `json:"ended,omitempty"`
	Error   string       `json:"error,omitempty"` // what went wrong, and what to do
	Images  []ImageWork  `json:"images"`          // in the order in which they began
	Output  []ImageWords `json:"output"`          // the last lines of what the builds say
}

// ImageWork is how far one image of a build is.
type ImageWork struct {
	Image   string         `json:"image"`
	State   ImageWorkState `json:"state"`
	Phase   string         `json:"phase,omitempty"` // what is being done
	Started time.Time      `json:"started"`
	Seconds float64        `json:"seconds"` // what it took, once it ended
}

// ImageWorkState is where the work on an image is.
type ImageWorkState string

// States of the work on an image. Kept: nothing that goes into it has changed.
const (
	ImageKept     ImageWorkState = "kept"
	ImageBuilding ImageWorkState = "building"
	ImageBuilt    ImageWorkState = "built"
	ImageFailed   ImageWorkState = "failed"
)

// ImageWords is one line of a build's output.
type ImageWords struct {
	Image string `json:"image"` // "" for the build as a whole
	Line  string `json:"line"`
}
