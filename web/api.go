package web

import (
	"context"
	"net/http"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humagin"
	"github.com/gin-gonic/gin"

	"sandai/inventory"
)

// Racks finds racks. Rack's error is NotFound where there is none of that name.
type Racks interface {
	RackNames(ctx context.Context) ([]string, error)
	Racks(ctx context.Context) ([]inventory.Rack, error)
	Rack(ctx context.Context, name string) (inventory.Rack, error)
}

// Runs finds runs and their steps; Runs and Steps come in the order in which
// they were made. The error is NotFound where there is none.
type Runs interface {
	LatestRun(ctx context.Context, rackID uint) (inventory.Run, error)
	Run(ctx context.Context, id uint) (inventory.Run, error)
	Runs(ctx context.Context, rackID uint) ([]inventory.Run, error)
	Steps(ctx context.Context, runID uint) ([]inventory.Step, error)
	Step(ctx context.Context, runID uint, key string) (inventory.Step, error)
	// CountSteps says of each of a rack's runs how far it came.
	CountSteps(ctx context.Context, rackID uint) (map[uint]inventory.StepCount, error)
}

// Events gives the events after an ID, oldest first. The channel of Subscribe
// wakes its reader after each write; the function ends the subscription.
// FindEvents gives those that a query asks for, newest first.
type Events interface {
	Events(ctx context.Context, afterID uint, limit int) ([]inventory.Event, error)
	FindEvents(ctx context.Context, q inventory.EventQuery) ([]inventory.Event, error)
	Subscribe() (<-chan struct{}, func())
}

// Installer imports, plans and installs racks. Import's error is Invalid with
// line, field and what was expected; Install's is Conflict where it would
// destroy what nobody confirmed.
type Installer interface {
	Import(ctx context.Context, name string, file []byte) (inventory.Rack, error)
	Plan(ctx context.Context, rack string) (inventory.Plan, error)
	Install(ctx context.Context, rack string, req inventory.InstallRequest) (inventory.Run, error)
	Report(ctx context.Context, rack string) (inventory.Report, error)
	// RunReport is the report of one run, whatever its kind.
	RunReport(ctx context.Context, run uint) (inventory.Report, error)
}

// Power speaks with a node's BMC. State is "on" or "off"; op is one of on, off,
// soft, cycle and reset.
type Power interface {
	PowerState(ctx context.Context, rack, node string) (string, error)
	SetPower(ctx context.Context, rack, node, op string) error
}

// Config is what the API and the page are made of; every field is needed.
type Config struct {
	Racks     Racks
	Runs      Runs
	Events    Events
	Installer Installer
	Power     Power
	Access    Access
	Consoles  Consoles
	Cloud     Cloud
	Calls     Calls
	Sensors   Sensors
	Control   Control
	// Interfaces and Wires are the appliance's own network. Without Wires nothing is
	// said about it.
	Interfaces Interfaces
	Wires      Wires
	Guide      Guide
	Images     Images
	Backups    Backups
	About      About
}

// About is what the page says of the appliance itself.
type About struct {
	State       string // directory of the database
	Cache       string // directory of the images
	Fingerprint string // SHA-256 of the CA's certificate, "AB:CD:…"
}

// Sizes of what a client may send, in bytes.
const (
	maxRackFile = 1 << 20
	maxRequest  = 64 << 10
)

// gin is asked for no chatter on the standard output; the setting is global.
func init() { gin.SetMode(gin.ReleaseMode) }

type server struct {
	Config
	gate    *gate
	changed *bell // for what is only in memory
	lamps   *lamps
	// previews are those that somebody may be about to confirm.
	previews shown
	probes   probes
	looks    *looks
}

// NewAPI serves the page and the API to who is signed in (gate). Serve it over
// TLS: passwords and tokens travel on it.
func NewAPI(c Config) http.Handler {
	s := &server{Config: c, gate: newGate(c.Access), changed: newBell()}
	s.gate.draw = s.turnedAway
	s.probes.find, s.probes.changed = c.Interfaces, s.changed
	s.lamps, s.looks = newLamps(c.Power, s.changed), newLooks(s.changed)
	if c.Images != nil { // tests of other things leave it out
		c.Images.OnChange(s.changed.ring)
	}
	r := gin.New()
	r.Use(gin.Recovery(), headers, s.gate.check)
	r.HandleMethodNotAllowed = true
	r.NoRoute(func(c *gin.Context) {
		fail(c, inventory.Errorf(inventory.NotFound, "there is nothing at %s; /openapi.json lists what there is", c.Request.URL.Path))
	})
	s.pages(r)
	s.signInPages(r)
	s.setupPages(r)
	s.consoles(r)

	cfg := huma.DefaultConfig("Sandai", Version())
	cfg.Info.Description = "Three blank servers become a cloud. Errors are {\"code\", \"text\"}; the text says what happened, why, and what to do next."
	cfg.DocsPath, cfg.SchemasPath, cfg.CreateHooks = "", "", nil // the page that renders the document would be fetched from a foreign server
	api := humagin.New(r, cfg)
	v1 := huma.NewGroup(api, "/api/v1")
	s.rackRoutes(v1)
	s.installRoutes(v1)
	s.runRoutes(v1)
	s.eventRoutes(v1)
	s.nodeRoutes(v1)
	s.consoleRoutes(v1)
	s.callRoutes(v1)
	s.sensorRoutes(v1)
	s.cloudRoutes(v1)
	s.imageRoutes(v1)
	s.controlRoutes(v1)
	s.sessionRoutes(v1)
	s.userRoutes(v1)
	s.tokenRoutes(v1)
	s.auditRoutes(v1)
	s.backupRoutes(v1)
	systemRoutes(v1)
	s.gate.learn(api.OpenAPI())
	return r
}

func headers(c *gin.Context) {
	h := c.Writer.Header()
	h.Set("Content-Security-Policy", "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("Cache-Control", "no-store")
}

// get and post describe an operation; id is its name in the OpenAPI document.
func get(id, path, summary string) huma.Operation {
	return huma.Operation{OperationID: id, Method: http.MethodGet, Path: path, Summary: summary}
}

func post(id, path, summary string) huma.Operation {
	return huma.Operation{OperationID: id, Method: http.MethodPost, Path: path, Summary: summary, MaxBodyBytes: maxRequest}
}

// answer is a JSON body.
type answer[T any] struct{ Body T }

func reply[T any](v T, err error) (*answer[T], error) {
	if err != nil {
		return nil, err
	}
	return &answer[T]{v}, nil
}
