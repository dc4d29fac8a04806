package pxe

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"time"

	"github.com/pin/tftp/v3"
	"golang.org/x/sync/errgroup"

	"sandai/inventory"
)

// Boots answers what a machine is to be given.
type Boots interface {
	// Decide is a pure question: asking never spends a nonce. A machine that is
	// not in the inventory is recorded as a newcomer.
	Decide(ctx context.Context, m inventory.Machine) (inventory.BootDecision, error)
	// Spend is Decide at the moment when the boot script is handed out: it
	// counts the nonce, and may therefore answer something else than Decide.
	Spend(ctx context.Context, m inventory.Machine) (inventory.BootDecision, error)
}

// Leaser finds the IPv4 address of a MAC: a known node's fixed address, or one
// of the pool. inventory.Unavailable when the pool is used up.
type Leaser interface {
	Lease(ctx context.Context, rackID uint, mac string, now time.Time) (inventory.Lease, error)
}

// Recorder keeps the events of the wire.
type Recorder interface {
	Record(ctx context.Context, e inventory.Event) error
}

// Images is the store of what machines fetch.
type Images interface {
	// Get finds an image by name; inventory.NotFound when it was not built yet.
	Get(name string) (inventory.Image, error)
	// Path is where the stored bytes of a digest (64 hex digits) lie; the file
	// need not exist.
	Path(digest string) string
}

// Names under which the store holds what pxe serves.
const (
	imageKernel   = "deploy-kernel"
	imageRamdisk  = "deploy-ramdisk"
	imageUndionly = "undionly.kpxe"
	imageIPXE     = "ipxe.efi"
)

// Config says where and for which rack a Server works.
type Config struct {
	Interface string       // of the provisioning network, "eth1"
	Address   netip.Prefix // the appliance's own address there, "10.77.0.1/24"
	RackID    uint
	HTTPPort  int           // 8069 when 0
	AgentURL  string        // "https://10.77.0.1:8443"; made from Address when ""
	CA        []byte        // PEM, handed to the ramdisk as /etc/sandai/ca.pem
	Console   string        // of the deploy kernel; "ttyS0,115200n8" when ""
	Gateway   netip.Addr    // of the provisioning network; the zero value when it has none
	Domain    string        // DHCP option 15; "" sends none
	LeaseTime time.Duration // for leases that do not say when they expire; 12 h when 0
	ProbeTime time.Duration // how long to look for a foreign DHCP server; the constant when 0
	// Node finds a node by name, for the address on the kernel's command line.
	// Optional: without it, or for a node with no address, the lease's is used.
	Node func(ctx context.Context, name string) (inventory.Node, error)
	// Ready is called when no other DHCP server was found and machines are about
	// to be answered. Optional.
	Ready  func()
	Logger *slog.Logger // slog.Default when nil
}

// ProbeTime is how long a foreign DHCP server is looked for: dnsmasq pings an
// address for 3 s before it offers it, and the first DISCOVER may be lost while
// a switch port learns or a server starts.
const ProbeTime = 5 * time.Second

func (c *Config) defaults() {
	if c.HTTPPort == 0 {
		c.HTTPPort = 8069
	}
	if c.AgentURL == "" {
		c.AgentURL = "https://" + netip.AddrPortFrom(c.Address.Addr(), 8443).String()
	}
	if c.Console == "" {
		c.Console = "ttyS0,115200n8"
	}
	if c.LeaseTime == 0 {
		c.LeaseTime = 12 * time.Hour
	}
	if c.ProbeTime == 0 {
		c.ProbeTime = ProbeTime
	}
	if c.Ready == nil {
		c.Ready = func() {}
	}
	if c.Logger == nil {
		c.Logger = slog.Default()
	}
}

// Server serves one rack's provisioning network.
type Server struct {
	cfg    Config
	boots  Boots
	leases Leaser
	images Images
	events *events
	hosts  hosts
	log    *slog.Logger
	ports  ports
	slots  chan struct{} // one for each TFTP transfer that may run at a time

	dhcpConn, tftpConn net.PacketConn
	httpListener       net.Listener
	ra                 *advertiser
}

// ports are fixed by the standards; only tests use others.
type ports struct{ dhcp, tftp int }

// New makes a Server; nothing is bound before Listen.
func New(cfg Config, b Boots, l Leaser, r Recorder, i Images) *Server {
	cfg.defaults()
	return &Server{
		cfg: cfg, boots: b, leases: l, images: i, log: cfg.Logger,
		events: &events{to: r, log: cfg.Logger},
		ports:  ports{dhcp: 67, tftp: 69},
		slots:  make(chan struct{}, maxTransfers),
	}
}

// Listen binds every socket: DHCP (UDP 67, on the interface), TFTP (UDP 69) and
// HTTP on the provisioning address, ICMPv6 on the interface. When one fails the
// others are closed again and the error names the address and the reason.
func (s *Server) Listen() (err error) {
	defer func() {
		if err != nil {
			s.Close()
		}
	}()
	if err := checkInterface(s.cfg.Interface, s.cfg.Address); err != nil {
		return err
	}
	if s.dhcpConn, err = listenDHCP(s.cfg.Interface, s.ports.dhcp); err != nil {
		return err
	}
	addr := s.cfg.Address.Addr()
	tftpAddr := netip.AddrPortFrom(addr, uint16(s.ports.tftp))
	if s.tftpConn, err = listenTFTP(tftpAddr.String()); err != nil {
		return fmt.Errorf("listen for TFTP on UDP %s: %w; stop the program that has the port (ss -lunp)", tftpAddr, err)
	}
	httpAddr := netip.AddrPortFrom(addr, uint16(s.cfg.HTTPPort))
	if s.httpListener, err = net.Listen("tcp4", httpAddr.String()); err != nil {
		return fmt.Errorf("listen for firmware HTTP on TCP %s: %w; stop the program that has the port (ss -ltnp)", httpAddr, err)
	}
	s.ra, err = newAdvertiser(s.cfg.Interface, s.log)
	return err
}

// Close frees what Listen bound. Run does it by itself.
func (s *Server) Close() {
	if s.dhcpConn != nil {
		s.dhcpConn.Close()
	}
	if s.tftpConn != nil {
		s.tftpConn.Close()
	}
	if s.httpListener != nil {
		s.httpListener.Close()
	}
	s.ra.close()
}

// Run serves until ctx ends or a component does; the first to end ends all, and
// its error is returned. Listen must have succeeded before.
func (s *Server) Run(ctx context.Context) error {
	if s.dhcpConn == nil || s.tftpConn == nil || s.httpListener == nil {
		return errors.New("serve the provisioning network: nothing is bound; call Listen first")
	}
	defer s.Close()
	g, ctx := errgroup.WithContext(ctx)
	for _, c := range []struct {
		name string
		run  func(context.Context) error
	}{
		{"DHCP", s.runDHCP}, {"TFTP", s.runTFTP}, {"HTTP", s.runHTTP}, {"router advertisements", s.ra.run},
	} {
		g.Go(func() error {
			err := c.run(ctx)
			if err == nil && ctx.Err() == nil {
				err = errors.New("it ended by itself")
			}
			if err != nil {
				return fmt.Errorf("%s on %s: %w", c.name, s.cfg.Interface, err)
			}
			return nil
		})
	}
	return g.Wait()
}

// runTFTP serves until ctx ends.
func (s *Server) runTFTP(ctx context.Context) error {
	srv := tftp.NewServer(func(name string, rf readerFrom) error { return s.serveTFTP(ctx, name, rf) }, nil)
	srv.SetTimeout(tftpTimeout)
	srv.SetRetries(tftpRetries)
	done := make(chan error, 1)
	go func() { done <- srv.Serve(s.tftpConn) }()
	select {
	case err := <-done:
		return err
	case <-ctx.Done():
	}
	// Shutdown waits for transfers; a client that went away must not hold us
	// for all its retries.
	stopped := make(chan struct{})
	go func() { srv.Shutdown(); close(stopped) }()
	select {
	case <-stopped:
	case <-time.After(time.Second):
	}
	return nil
}

// runHTTP serves until ctx ends.
func (s *Server) runHTTP(ctx context.Context) error {
	srv := s.httpServer(ctx)
	done := make(chan error, 1)
	go func() { done <- srv.Serve(limited(s.httpListener)) }()
	select {
	case err := <-done:
		return err
	case <-ctx.Done():
		srv.Close()
	}
	if err := <-done; !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}
