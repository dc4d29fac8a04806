package main

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/sync/errgroup"

	"sandai/backup"
	"sandai/bmc"
	"sandai/images"
	"sandai/installer"
	"sandai/installer/guide"
	"sandai/installer/keep"
	"sandai/installer/pki"
	"sandai/inventory"
	"sandai/inventory/db"
	"sandai/web"
	"sandai/web/console"
)

func newServeCommand() *cobra.Command {
	var o serveOptions
	c := &cobra.Command{
		Use:   "serve",
		Short: "Run the appliance",
		Long: `Run the appliance: the API and page, and for each rack in the inventory DHCP,
TFTP, HTTP and the agents' endpoint on its provisioning interface. It may be
stopped or killed at any moment; a run goes on when it is started again.

While there is no user, each start prints one URL with a code that makes the
first one. API and page are served over TLS, with a certificate of the
appliance's own CA (ca.pem in the state directory, for browsers to import) or
with one's own. For the command line on this host it writes a token into the
state directory.`,
		Example: `  appliance serve --state /var/lib/sandai
  appliance serve --listen :443 --tls-cert rack.example.pem --tls-key rack.example.key`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			log := slog.New(slog.NewTextHandler(cmd.ErrOrStderr(), nil))
			o.state = stateDir(cmd)
			if (o.cert == "") != (o.key == "") {
				return &exitError{exitUsage, errors.New("--tls-cert and --tls-key go together: give both or neither")}
			}
			if o.patience <= 0 {
				return &exitError{exitUsage, errors.New("--patience is a number above 0")}
			}
			a, err := newAppliance(cmd.Context(), o, log)
			if err != nil {
				return err
			}
			defer a.store.Close()
			url, err := a.setupURL(cmd.Context(), o.state)
			if err != nil {
				return err
			}
			if url != "" {
				fmt.Fprintln(cmd.OutOrStdout(), "There is no user yet. Make the first at:", url)
			}
			return a.run(cmd.Context())
		},
	}
	c.Flags().StringVar(&o.listen, "listen", "127.0.0.1:8080", "address of the API and the page; :8080 for every address of this host")
	c.Flags().StringVar(&o.cache, "cache", "/var/cache/sandai", "image store")
	c.Flags().StringVar(&o.cert, "tls-cert", "", "PEM file with a certificate of one's own and its chain (default: made by the appliance's CA)")
	c.Flags().Float64Var(&o.patience, "patience", 1, "multiplies the deadline of each step of a new run; above 1 for very slow servers")
	c.Flags().StringVar(&o.key, "tls-key", "", "PEM file with its key")
	return c
}

// serveOptions are what the command line says of the appliance to run.
type serveOptions struct {
	state, cache, listen, cert, key string
	patience                        float64
}

// appliance is the whole program, wired.
type appliance struct {
	log    *slog.Logger
	state  string
	store  *db.Store
	images *images.Store
	ca     *pki.CA
	engine *installer.Engine
	hub    *console.Hub
	works  *images.Works
	about  web.About
	guide  *guide.Guide
	api    net.Listener
	certs  *certificates
	copies copies
	wires  sync.Map // by rack: why its machines are not heard, "" where they are

	mu     sync.Mutex
	clouds map[uint]keptCloud // by rack
}

func newAppliance(ctx context.Context, o serveOptions, log *slog.Logger) (*appliance, error) {
	if err := os.MkdirAll(o.state, 0o700); err != nil {
		return nil, fmt.Errorf("make the state directory: %w", err)
	}
	store, err := db.Open(ctx, filepath.Join(o.state, backup.Database), filepath.Join(o.state, backup.Keyset))
	if err != nil {
		return nil, err
	}
	a := &appliance{log: log, state: o.state, store: store, clouds: map[uint]keptCloud{}}
	if err := a.wire(ctx, o); err != nil {
		store.Close()
		return nil, err
	}
	return a, nil
}

func (a *appliance) wire(ctx context.Context, o serveOptions) (err error) {
	if a.images, err = images.OpenStore(filepath.Join(o.cache, "store")); err != nil {
		return err
	}
	if a.ca, err = pki.Load(ctx, a.store); err != nil {
		return err
	}
	if a.certs, err = a.newCertificates(ctx, o.listen, o.cert, o.key); err != nil {
		return err
	}
	if err := a.writeLocalToken(ctx, o.state); err != nil {
		return err
	}
	g, err := guide.Load("2025.1")
	if err != nil {
		return err
	}
	a.guide = g
	handout := installer.Handout{Dir: o.state}
	a.engine = installer.New(installer.Config{
		Store: a.store, Guide: g, Images: a.images, BMCs: a.newBMC, Cloud: a.cloudOf,
		Signer: a.ca, Keep: keep.Files{Dir: filepath.Join(o.state, "kept")}, Host: hostName(ctx), Patience: o.patience, Log: a.log.With("component", "engine"),
		ImagesURL: func(r inventory.Rack) string { return fmt.Sprintf("http://%s:%d", addressOf(r), httpPort) },
		CloudInfo: handout.Info,
		Done: func(ctx context.Context, r inventory.Rack, run inventory.Run) error {
			return a.handOut(ctx, handout, r, run)
		},
	})
	a.hub = console.New(console.Config{Lines: a.engine, Inventory: a.store, Dir: filepath.Join(o.state, "console"),
		Log: a.log.With("component", "console"), Typing: a.typing})
	if a.works, err = a.newWorks(o.cache); err != nil {
		return err
	}
	a.about = web.About{State: o.state, Cache: o.cache, Fingerprint: a.ca.Fingerprint()}
	a.api, err = net.Listen("tcp", o.listen)
	if err != nil {
		return fmt.Errorf("listen for the API: %w (is another appliance running? choose another address with --listen)", err)
	}
	return a.writeWhere(o.state)
}

func (a *appliance) newBMC(cfg bmc.Config) (bmc.Controller, error) {
	cfg.Logger = a.log.With("component", "bmc", "bmc", cfg.Address)
	return bmc.New(cfg)
}

// typing notes who types on a node's console from now on.
func (a *appliance) typing(rack, node, who string) {
	a.log.Info("a console's keyboard has a new holder", "rack", rack, "node", node, "who", who)
	_, err := a.store.AppendEvent(context.Background(), inventory.Event{Time: time.Now(), Type: inventory.EventConsole, Node: node, Text: who + " types on the console of " + node})
	if err != nil {
		a.log.Error("that could not be noted", "err", err)
	}
}

func (a *appliance) handOut(ctx context.Context, h installer.Handout, r inventory.Rack, run inventory.Run) error {
	if r.Release == inventory.ReleaseDebian {
		return nil // no cloud, nothing to hand out
	}
	password, err := a.store.Secret(ctx, r.ID, installer.AdminSecret)
	if err != nil {
		return err
	}
	report, err := a.engine.Report(ctx, r.Name)
	if err != nil {
		return err
	}
	if report.Run.ID == run.ID {
		report.Run = run
	}
	return h.Write(ctx, r, report, password)
}

// run runs every component; the first to end ends all.
func (a *appliance) run(ctx context.Context) error {
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error { return a.engine.Run(ctx) })
	g.Go(func() error { return a.works.Run(ctx) })
	g.Go(func() error { return serveHTTP(ctx, a.api, a.certs.strict(a.apiHandler()), a.certs.config()) })
	g.Go(func() error { return a.racks(ctx) })
	g.Go(func() error { return a.hub.Run(ctx) })
	g.Go(func() error { return a.keepCopies(ctx) })
	a.log.Info("the appliance is up", "api", "https://"+a.api.Addr().String())
	err := g.Wait()
	if errors.Is(err, context.Canceled) {
		a.log.Info("the appliance stops")
		return nil
	}
	return err
}

func (a *appliance) apiHandler() http.Handler {
	return web.NewAPI(web.Config{Racks: a.store, Runs: a.store, Events: a.store, Installer: a.engine, Power: a.engine, Access: a.store,
		Consoles: a.hub, Cloud: a.engine, Calls: a.engine, Sensors: a.engine, Control: a.engine, Images: a.works, About: a.about, Guide: stepTexts{a.guide},
		Interfaces: hostNet{}, Wires: a, Backups: a})
}

// racks starts the wire side of each rack as it appears in the inventory.
func (a *appliance) racks(ctx context.Context) error {
	wake, cancel := a.store.Subscribe()
	defer cancel()
	g, ctx := errgroup.WithContext(ctx)
	started := map[uint]bool{}
	for {
		racks, err := a.store.Racks(ctx)
		if err != nil {
			return err
		}
		for _, r := range racks {
			if started[r.ID] {
				continue
			}
			started[r.ID] = true
			g.Go(func() error { return a.keepWire(ctx, r.ID) })
		}
		select {
		case <-ctx.Done():
			return errors.Join(ctx.Err(), g.Wait())
		case <-wake:
		}
	}
}

// serveHTTP serves until ctx ends, then lets requests finish for a moment.
func serveHTTP(ctx context.Context, l net.Listener, h http.Handler, t *tls.Config) error {
	s := &http.Server{Handler: h, TLSConfig: t, ReadHeaderTimeout: 30 * time.Second,
		BaseContext: func(net.Listener) context.Context { return ctx }}
	stop := context.AfterFunc(ctx, func() {
		c, cancel := context.WithTimeout(context.Background(), 2*time.Second)
		defer cancel()
		if s.Shutdown(c) != nil {
			s.Close()
		}
	})
	defer stop()
	var err error
	if t != nil {
		err = s.ServeTLS(l, "", "")
	} else {
		err = s.Serve(l)
	}
	if errors.Is(err, http.ErrServerClosed) {
		return ctx.Err()
	}
	return err
}

func addressOf(r inventory.Rack) netip.Addr {
	p, err := netip.ParsePrefix(r.Address)
	if err != nil {
		return netip.Addr{}
	}
	return p.Addr()
}

// stepTexts tells what each step of a run is for: the phases' texts are the
// engine's, the others the guide's.
type stepTexts struct{ g *guide.Guide }

func (t stepTexts) StepText(key string) inventory.StepText {
	if text := installer.PhaseText(key); text.Title.JA != "" {
		return text
	}
	return t.g.StepText(key)
}
