package cloud

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"strings"
	"sync"
	"time"

	"sandai/installer/guide/kind"
	"sandai/inventory"
)

// ImageSource gives the bytes of guest images; the appliance's store is one.
// Open returns the decompressed bytes, RawSize of them, and NotFound when there
// is no such image.
type ImageSource interface {
	Open(ctx context.Context, name string) (io.ReadCloser, inventory.Image, error)
}

// KeyStore keeps a secret under a name: Ensure returns it, made by generate
// when there is none yet.
type KeyStore interface {
	Ensure(ctx context.Context, name string, generate func() (string, error)) (string, error)
}

// Config says which cloud, and what the rack it stands on consists of.
type Config struct {
	AuthURL  string // Keystone, "http://10.77.0.11:5000/v3"
	User     string // in the default domain, with the admin role on Project
	Password string
	Project  string // in the default domain
	Region   string

	// Controller is the controller's name in the catalogue's URLs, which are
	// made with "controller" too; both are reached at ControllerAddress, since
	// the appliance has no name service for them.
	Controller        string
	ControllerAddress string

	Computes   []string // names of the compute nodes, which are their hypervisors' names
	Networks   []string // names of the network nodes
	HasVolumes bool     // the rack has a disk for volumes
	// NetworkAgents are the Neutron daemons of a network node; nil stands for
	// the four that the guide starts.
	NetworkAgents []string
	Slow          bool // an emulated rack: requests may take many minutes

	Images ImageSource
	Keys   KeyStore
	Logger *slog.Logger
}

// Result is what a step left behind.
type Result struct {
	Changed bool
	Summary string // one line with figures
	Output  string // more of it, for the page
}

// Cloud is a client of one cloud. Its methods may be called from any goroutine.
type Cloud struct {
	cfg Config
	log *slog.Logger

	mu sync.Mutex
	s  *session // nil before the first log-in

	watched *inventory.Journey // of the proof's server that was made last

	// What touches the network beside HTTP, replaced by tests.
	ping func(ctx context.Context, addr string, payload int) (time.Duration, error)
	dial func(ctx context.Context, network, addr string) (net.Conn, error)
	// Waiting between looks grows from pollMin to pollMax.
	pollMin, pollMax time.Duration
}

// New returns a client. It logs in at its first use, and again when the token
// has expired.
func New(cfg Config) *Cloud {
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	if cfg.NetworkAgents == nil {
		cfg.NetworkAgents = []string{"neutron-openvswitch-agent", "neutron-l3-agent", "neutron-dhcp-agent", "neutron-metadata-agent"}
	}
	d := &net.Dialer{Timeout: 20 * time.Second}
	return &Cloud{cfg: cfg, log: cfg.Logger, ping: pingOnce, dial: d.DialContext, pollMin: time.Second, pollMax: 5 * time.Second}
}

// Do carries out a step. progress is told, in a line, what it waits for; it may
// be nil. The error says what the cloud answered and what to do about it.
func (c *Cloud) Do(ctx context.Context, a kind.API, progress func(string)) (Result, error) {
	if err := a.Validate(); err != nil {
		return Result{}, err
	}
	if progress == nil {
		progress = func(string) {}
	}
	begin := time.Now()
	var out Result
	err := c.retry(ctx, progress, func() error {
		r, err := c.once(ctx, a, progress)
		r.Changed = r.Changed || out.Changed // an earlier try may have made it
		out = r
		return err
	})
	if err != nil {
		return out, err
	}
	out.Summary += fmt.Sprintf(", %s", seconds(time.Since(begin)))
	return out, nil
}

func (c *Cloud) once(ctx context.Context, a kind.API, progress func(string)) (Result, error) {
	s, err := c.login(ctx)
	if err != nil {
		return Result{}, err
	}
	switch {
	case a.Project != nil:
		return c.doProject(ctx, s, *a.Project)
	case a.Role != nil:
		return c.doRole(ctx, s, *a.Role)
	case a.User != nil:
		return c.doUser(ctx, s, *a.User)
	case a.Service != nil:
		return c.doService(ctx, s, *a.Service)
	case a.Image != nil:
		return c.doImage(ctx, s, *a.Image, progress)
	case a.Flavor != nil:
		return c.doFlavor(ctx, s, *a.Flavor)
	case a.Network != nil:
		return c.doNetwork(ctx, s, *a.Network)
	case a.Subnet != nil:
		return c.doSubnet(ctx, s, *a.Subnet)
	case a.Router != nil:
		return c.doRouter(ctx, s, *a.Router)
	case a.Rule != nil:
		return c.doRule(ctx, s, *a.Rule)
	case a.Services != nil:
		return c.doServices(ctx, s, a.Services.Of, progress)
	case a.Drain != nil:
		return s.drain(ctx, *a.Drain, progress)
	case a.Evacuate != nil:
		return s.evacuate(ctx, *a.Evacuate, progress)
	case a.Reschedule != nil:
		return s.reschedule(ctx, *a.Reschedule, progress)
	case a.Leave != nil:
		return s.leave(ctx, *a.Leave)
	case a.Return != nil:
		return s.bringBack(ctx, *a.Return, progress)
	default:
		return c.doProof(ctx, s, *a.Proof, progress)
	}
}

func (c *Cloud) doProof(ctx context.Context, s *session, p kind.APIProof, progress func(string)) (Result, error) {
	switch p.Check {
	case kind.ProofClear:
		return c.clearProof(ctx, s, progress)
	case "servers":
		return c.proveServers(ctx, s, p, progress)
	case "floating":
		return c.proveFloating(ctx, s, p, progress)
	case "ping":
		return c.provePing(ctx, s, progress)
	case "ssh":
		return c.proveSSH(ctx, s, progress)
	case "volume":
		return c.proveVolume(ctx, s, progress)
	case "health":
		return c.proveHealth(ctx, s, progress)
	}
	return Result{}, fmt.Errorf("the proof has no check %q; it is clear, servers, floating, ping, ssh, volume or health", p.Check)
}

// seconds prints a duration the way every summary does: "12.3 s".
func seconds(d time.Duration) string { return fmt.Sprintf("%.1f s", d.Seconds()) }

// did words a change for a summary.
func did(changed bool, what string) string {
	if changed {
		return what + " made"
	}
	return what + " was there"
}

func join(parts []string) string { return strings.Join(parts, "; ") }
