package main

import (
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/netip"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"sandai/installer"
	"sandai/installer/cloud"
	"sandai/installer/guide/kind"
	"sandai/inventory"
	"sandai/pxe"
	"sandai/web"
)

// Ports on the provisioning address; docs/design.md lists them.
const (
	httpPort  = 8069
	agentPort = 8443
)

// wire is what one rack's nodes talk to.
type wire struct {
	pxe   *pxe.Server
	agent net.Listener
	tls   *tls.Config
	api   agents
	log   *slog.Logger
}

func (a *appliance) newWire(r inventory.Rack) (*wire, error) {
	prefix, err := netip.ParsePrefix(r.Address)
	if err != nil {
		return nil, fmt.Errorf("address of rack %s: %w", r.Name, err)
	}
	added, err := pxe.EnsureAddress(r.Interface, prefix)
	if err != nil {
		return nil, err
	}
	if added {
		a.log.Info("the interface was given the rack's address", "interface", r.Interface, "address", prefix)
	}
	w := &wire{api: agents{a.engine, r.ID, a.offered}, log: a.log.With("component", "agents", "rack", r.Name)}
	agentAddr := netip.AddrPortFrom(prefix.Addr(), agentPort)
	rackSide := boots{a.engine, r.ID}
	gateway, err := gatewayOf(r)
	if err != nil {
		return nil, err
	}
	w.pxe = pxe.New(pxe.Config{
		Interface: r.Interface, Address: prefix, Gateway: gateway, RackID: r.ID, HTTPPort: httpPort,
		AgentURL: "https://" + agentAddr.String(), CA: a.ca.Certificate(),
		Node:   func(ctx context.Context, name string) (inventory.Node, error) { return a.store.Node(ctx, r.ID, name) },
		Ready:  func() { a.heard(r.Name) },
		Logger: a.log.With("component", "pxe", "rack", r.Name),
	}, rackSide, a.store, a.engine, a.images)
	cert, err := a.ca.Server(prefix.Addr().AsSlice())
	if err != nil {
		return nil, err
	}
	w.tls = &tls.Config{Certificates: []tls.Certificate{cert}, ClientCAs: a.ca.Pool(), ClientAuth: tls.VerifyClientCertIfGiven, MinVersion: tls.VersionTLS13}
	if w.agent, err = net.Listen("tcp", agentAddr.String()); err != nil {
		return nil, fmt.Errorf("listen for the agents of rack %s: %w", r.Name, err)
	}
	if err := w.pxe.Listen(); err != nil {
		w.agent.Close()
		return nil, err
	}
	return w, nil
}

// wireRetry is how long a rack whose wire side failed is left before another try.
const wireRetry = 10 * time.Second

// keepWire serves the wire side of a rack until ctx ends. What is against it (no
// such interface, another DHCP server on the network) is told as an event and
// tried again: the page must be there for a person to set it right.
func (a *appliance) keepWire(ctx context.Context, rackID uint) error {
	for {
		r, err := a.store.RackByID(ctx, rackID)
		if err != nil {
			return err
		}
		w, err := a.newWire(r)
		if err == nil {
			err = w.run(ctx)
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if was, _ := a.wires.Swap(r.Name, err.Error()); was != err.Error() {
			text := fmt.Sprintf("rack %s hears no machines: %v", r.Name, err)
			a.log.Error(text, "again_in", wireRetry)
			a.tell(ctx, inventory.EventRefused, text)
		}
		t := time.NewTimer(wireRetry)
		select {
		case <-ctx.Done():
			t.Stop()
			return ctx.Err()
		case <-t.C:
		}
	}
}

// heard notes that a rack's machines are answered, and tells it where they were not.
func (a *appliance) heard(rack string) {
	if was, _ := a.wires.Swap(rack, ""); was != nil && was != "" {
		a.tell(context.Background(), inventory.EventServing, "rack "+rack+" hears its machines again")
	}
}

func (a *appliance) tell(ctx context.Context, t inventory.EventType, text string) {
	if _, err := a.store.AppendEvent(ctx, inventory.Event{Type: t, Text: text}); err != nil {
		a.log.Error("the event could not be stored", "err", err)
	}
}

// gatewayOf is the router of the provisioning network, the zero Addr when the
// rack has none.
func gatewayOf(r inventory.Rack) (netip.Addr, error) {
	n := r.Network(inventory.Provisioning)
	if n == nil || n.Gateway == "" {
		return netip.Addr{}, nil
	}
	a, err := netip.ParseAddr(n.Gateway)
	if err != nil {
		return a, fmt.Errorf("gateway of rack %s: %w", r.Name, err)
	}
	return a, nil
}

func (w *wire) run(ctx context.Context) error {
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error { return w.pxe.Run(ctx) })
	g.Go(func() error { return serveHTTP(ctx, w.agent, web.NewAgent(w.api, w.log), w.tls) })
	return g.Wait()
}

// boots and agents bind the engine to one rack.
type boots struct {
	e    *installer.Engine
	rack uint
}

func (b boots) Decide(ctx context.Context, m inventory.Machine) (inventory.BootDecision, error) {
	return b.e.Decide(ctx, b.rack, m)
}

func (b boots) Spend(ctx context.Context, m inventory.Machine) (inventory.BootDecision, error) {
	return b.e.Spend(ctx, b.rack, m)
}

type agents struct {
	e    *installer.Engine
	rack uint
	copy func() (io.ReadCloser, error) // of the appliance, sealed
}

func (a agents) Enroll(ctx context.Context, r inventory.EnrollRequest) (inventory.EnrollReply, error) {
	return a.e.Enroll(ctx, a.rack, r)
}

func (a agents) Poll(ctx context.Context, node string, r inventory.PollRequest) (inventory.PollReply, error) {
	return a.e.Poll(ctx, a.rack, node, r)
}

func (a agents) Report(ctx context.Context, node string, r inventory.StepReport) error {
	return a.e.TakeReport(ctx, a.rack, node, r)
}

func (a agents) Answer(ctx context.Context, node string, r inventory.CallAnswer) error {
	return a.e.TakeAnswer(ctx, a.rack, node, r)
}

func (a agents) Save(ctx context.Context, node, item string, r io.Reader) error {
	return a.e.Save(ctx, a.rack, node, item, r)
}

func (a agents) Saved(ctx context.Context, node, item string) (io.ReadCloser, error) {
	if item == inventory.CopyItem {
		return a.copy()
	}
	return a.e.Saved(ctx, a.rack, node, item)
}

// keptCloud is the client of a rack's cloud, and the nodes that it was made for.
type keptCloud struct {
	client installer.Cloud
	nodes  string
}

// cloudOf returns the client of a rack's cloud. It is kept, because logging in
// anew for every step costs an emulated controller seconds, until another node has
// one of the roles.
func (a *appliance) cloudOf(r inventory.Rack, password string) installer.Cloud {
	var nodes strings.Builder
	for _, n := range r.Nodes {
		fmt.Fprintf(&nodes, "%s %s %s %q\n", n.Name, n.Role, n.Address, n.VolumeDisk)
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	c, ok := a.clouds[r.ID]
	if !ok || c.nodes != nodes.String() {
		c = keptCloud{a.newCloud(r, password), nodes.String()}
		a.clouds[r.ID] = c
	}
	return c.client
}

func (a *appliance) newCloud(r inventory.Rack, password string) installer.Cloud {
	cfg := cloud.Config{User: "admin", Password: password, Project: "admin", Region: r.Region,
		Images: a.images, Slow: r.Slow, Logger: a.log.With("component", "cloud"), Keys: keys{a, r.ID}}
	for _, n := range r.Nodes {
		switch n.Role {
		case inventory.Controller:
			cfg.Controller, cfg.ControllerAddress, cfg.HasVolumes = n.Name, n.Address, n.VolumeDisk != ""
			cfg.AuthURL = "http://" + n.Address + ":5000/v3"
		case inventory.Compute:
			cfg.Computes = append(cfg.Computes, n.Name)
		case inventory.NetworkRole:
			cfg.Networks = append(cfg.Networks, n.Name)
		}
	}
	return cloudSteps{cloud.New(cfg)}
}

type cloudSteps struct{ c *cloud.Cloud }

func (s cloudSteps) Do(ctx context.Context, a kind.API, progress func(string)) (bool, string, string, error) {
	r, err := s.c.Do(ctx, a, progress)
	return r.Changed, r.Summary, r.Output, err
}

func (s cloudSteps) Watched() (inventory.Journey, bool) { return s.c.Watched() }

func (s cloudSteps) Journey(ctx context.Context, known inventory.Journey, ask installer.AskNode) (inventory.Journey, error) {
	return s.c.Journey(ctx, known, cloud.Ask(ask))
}

func (s cloudSteps) Hosted(ctx context.Context, node string) (inventory.Hosted, error) {
	return s.c.Hosted(ctx, node)
}

func (s cloudSteps) Status(ctx context.Context) inventory.CloudStatus { return s.c.Status(ctx) }

// keys keeps the proof's ssh key sealed with the rack's other secrets.
type keys struct {
	a    *appliance
	rack uint
}

func (k keys) Ensure(ctx context.Context, name string, gen func() (string, error)) (string, error) {
	return k.a.store.EnsureSecret(ctx, k.rack, name, gen)
}
