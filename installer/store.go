package installer

import (
	"context"
	"io"
	"time"

	"sandai/bmc"
	"sandai/installer/guide"
	"sandai/installer/guide/kind"
	"sandai/inventory"
)

// Store is the inventory as the engine needs it; inventory/db implements it.
// Errors carry an inventory.Code: NotFound where a named thing is missing,
// Conflict where a rule of the schema would be broken.
type Store interface {
	nodeStore
	runStore
	secretStore
	PutRack(ctx context.Context, r inventory.Rack, bmcPasswords map[string]string) error
	Rack(ctx context.Context, name string) (inventory.Rack, error)
	RackByID(ctx context.Context, id uint) (inventory.Rack, error)
	// Journey is NotFound where no run of the rack has collected one.
	Journey(ctx context.Context, rackID uint) (inventory.Journey, error)
	PutJourney(ctx context.Context, runID uint, j inventory.Journey) error
	// Subscribe wakes its reader after each committed write.
	Subscribe() (<-chan struct{}, func())
}

type nodeStore interface {
	Node(ctx context.Context, rackID uint, name string) (inventory.Node, error)
	NodeByMAC(ctx context.Context, mac string) (inventory.Node, error)
	UpdateNode(ctx context.Context, rackID uint, name string, fn func(*inventory.Node) error, ev ...inventory.Event) (inventory.Node, error)
	// RemoveNode forgets a node with all that is its own; NotFound where there is none.
	RemoveNode(ctx context.Context, rackID uint, name string, ev ...inventory.Event) error
	Discover(ctx context.Context, rackID uint, m inventory.Machine, nonce string, now time.Time) (inventory.Node, bool, error)
	AppendEvent(ctx context.Context, e inventory.Event) (inventory.Event, error)
	NodeEvents(ctx context.Context, node inventory.Node, types []inventory.EventType, since time.Time) ([]inventory.Event, error)
}

type runStore interface {
	CreateRun(ctx context.Context, run *inventory.Run, steps []inventory.Step) error
	Run(ctx context.Context, id uint) (inventory.Run, error)
	LatestOf(ctx context.Context, rackID uint, kinds ...inventory.RunKind) (inventory.Run, error)
	Runs(ctx context.Context, rackID uint) ([]inventory.Run, error) // the newest first
	ActiveRuns(ctx context.Context) ([]inventory.Run, error)
	UpdateRun(ctx context.Context, id uint, fn func(*inventory.Run) error, ev ...inventory.Event) (inventory.Run, error)
	Steps(ctx context.Context, runID uint) ([]inventory.Step, error)
	UpdateStep(ctx context.Context, runID uint, key string, fn func(*inventory.Step) error, ev ...inventory.Event) (inventory.Step, error)
}

type secretStore interface {
	Secret(ctx context.Context, rackID uint, name string) (string, error)
	SecretNames(ctx context.Context, rackID uint) ([]string, error)
	PutSecret(ctx context.Context, rackID uint, name, value string) error
	PutSecrets(ctx context.Context, rackID uint, values map[string]string) error // all or none
	EnsureSecret(ctx context.Context, rackID uint, name string, gen func() (string, error)) (string, error)
}

// BMCs opens the controller of one BMC; bmc.New is the real one.
type BMCs func(cfg bmc.Config) (bmc.Controller, error)

// Images finds a stored image by name; images.Store implements it. The error is
// NotFound with the command that builds it.
type Images interface {
	Get(name string) (inventory.Image, error)
	Open(ctx context.Context, name string) (io.ReadCloser, inventory.Image, error)
}

// Cloud is one cloud: it carries out api steps and tells how it fares; installer/cloud implements it.
type Cloud interface {
	Do(ctx context.Context, a kind.API, progress func(string)) (changed bool, summary, output string, err error)
	// Status asks how the cloud fares; what cannot be asked is in its Errors.
	Status(ctx context.Context) inventory.CloudStatus
	// Hosted is what a compute node carries for the cloud.
	Hosted(ctx context.Context, node string) (inventory.Hosted, error)
	// Watched is what the proof saw of the server that it made last, false where
	// it made none; Journey completes it from the API and from nodes' logs, which
	// ask reads.
	Watched() (inventory.Journey, bool)
	Journey(ctx context.Context, known inventory.Journey, ask AskNode) (inventory.Journey, error)
}

// AskNode puts a call to a node's agent; the answer has the rack's secrets masked.
type AskNode func(ctx context.Context, node string, c inventory.Call) (inventory.CallAnswer, error)

// Guide is the install guide; installer/guide implements it.
type Guide interface {
	Compile(rack inventory.Rack) ([]inventory.Step, error)
	Secrets() []guide.SecretSpec
}

// Signer signs an agent's certificate request; installer/pki implements it.
type Signer interface {
	SignAgent(csr, node string) (string, error)
}
