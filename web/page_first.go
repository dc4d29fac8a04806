package web

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/gin-gonic/gin"

	"sandai/inventory"
	"sandai/web/page"
)

// Interfaces look at the network interfaces of the appliance itself.
type Interfaces interface {
	Interfaces(ctx context.Context) ([]inventory.HostInterface, error)
	// FindDHCP looks for some seconds for a DHCP server on an interface, and
	// returns nil where none answers.
	FindDHCP(ctx context.Context, name string) (*inventory.DHCPServer, error)
}

// Wires say what keeps a rack's machines from being heard: "" where they are,
// else what happened, why, what to do next.
type Wires interface {
	WireProblem(rack string) string
}

// probeAge is how long what a look for DHCP servers found is taken for true when
// an interface is chosen.
const probeAge = time.Minute

// probes looks for DHCP servers, once at a time on an interface, and keeps what
// was found; changed rings when a look has ended.
type probes struct {
	find    Interfaces
	changed *bell

	mu   sync.Mutex
	last map[string]page.Probe
}

// of returns what is known.
func (p *probes) of() map[string]page.Probe {
	p.mu.Lock()
	defer p.mu.Unlock()
	out := map[string]page.Probe{}
	for k, v := range p.last {
		out[k] = v
	}
	return out
}

// start begins a look, unless one is under way or a younger one than age is known.
func (p *probes) start(name string, age time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	was := p.last[name]
	if was.Running || time.Since(was.At) < age {
		return
	}
	if p.last == nil {
		p.last = map[string]page.Probe{}
	}
	p.last[name] = page.Probe{Running: true}
	go func() {
		// A look outlives the request that asked for it; it ends by itself.
		found, err := p.find.FindDHCP(context.Background(), name)
		now := page.Probe{At: time.Now(), Server: found}
		if err != nil {
			now.Err = err.Error()
		}
		p.mu.Lock()
		p.last[name] = now
		p.mu.Unlock()
		p.changed.ring()
	}()
}

func (s *server) firstPages(r *gin.Engine) {
	r.GET("/first", func(c *gin.Context) {
		s.firstPage(c, http.StatusOK, page.FirstData{Chosen: c.Query("interface")}, "")
	})
	r.POST("/first", s.firstAction)
	r.POST("/first/look", s.lookAction)
	r.POST("/first/import", s.importAction)
}

// firstPage draws the interfaces, and for the chosen one the form that makes a
// rack; d has what was chosen and typed, and what was wrong with it.
func (s *server) firstPage(c *gin.Context, status int, d page.FirstData, problem string) {
	f, err := s.frame(c, "rack", "", page.Text{EN: "A rack", JA: "ラックの追加"})
	if err == nil {
		d.Interfaces, err = s.Interfaces.Interfaces(c.Request.Context())
	}
	if err == nil {
		d.Racks, err = s.Racks.Racks(c.Request.Context())
	}
	if err != nil {
		s.problem(c, f, err)
		return
	}
	f.Problem, f.URL = problem, firstPath(d.Chosen)
	if i := slices.IndexFunc(d.Interfaces, func(i inventory.HostInterface) bool { return i.Name == d.Chosen }); i >= 0 && s.mayProbe(d.Interfaces[i], d.Racks) == nil {
		s.probes.start(d.Chosen, probeAge)
	}
	d.Probes = s.probes.of()
	s.show(c, status, "first", f, page.FirstPage(d))
}

func firstPath(chosen string) string {
	if chosen == "" {
		return "/first"
	}
	return "/first?interface=" + url.QueryEscape(chosen)
}

// mayProbe says why DHCP servers are not looked for on an interface.
func (s *server) mayProbe(i inventory.HostInterface, racks []inventory.Rack) error {
	for _, r := range racks {
		if r.Interface == i.Name {
			return inventory.Errorf(inventory.Conflict, "%s serves rack %s, and Sandai's own DHCP server would answer", i.Name, r.Name)
		}
	}
	if !i.Up {
		return inventory.Errorf(inventory.Conflict, "%s is switched off, so nobody can be asked there: ip link set %s up", i.Name, i.Name)
	}
	return nil
}

// lookAction looks for DHCP servers on an interface.
func (s *server) lookAction(c *gin.Context) {
	name := c.PostForm("interface")
	all, err := s.Interfaces.Interfaces(c.Request.Context())
	racks, err2 := s.Racks.Racks(c.Request.Context())
	if err = errors.Join(err, err2); err == nil {
		i := slices.IndexFunc(all, func(i inventory.HostInterface) bool { return i.Name == name })
		if i < 0 {
			err = inventory.Errorf(inventory.NotFound, "the appliance has no interface %q (any more): choose one of those shown", name)
		} else {
			err = s.mayProbe(all[i], racks)
		}
	}
	if err != nil {
		s.firstPage(c, errorOf(err).status, page.FirstData{}, err.Error())
		return
	}
	s.probes.start(name, 0)
	c.Redirect(http.StatusSeeOther, firstPath(c.Query("interface")))
}

// firstFields are those of the form that makes a rack.
var firstFields = []string{"rack", "release", "region", "inspect_newcomers", "address", "provisioning_cidr", "provisioning_gateway", "provisioning_pool", "provisioning_mtu",
	"provider_cidr", "provider_gateway", "provider_pool", "provider_mtu", "tenant_cidr", "ssh_keys"}

// firstAction makes a rack without servers.
func (s *server) firstAction(c *gin.Context) {
	d := page.FirstData{Chosen: c.PostForm("interface"), Typed: map[string]string{}}
	for _, name := range firstFields {
		d.Typed[name] = strings.TrimSpace(c.PostForm(name))
	}
	r, wrong := rackOfForm(d.Chosen, d.Typed)
	if wrong != nil {
		d.Errors = wrong
		s.firstPage(c, http.StatusUnprocessableEntity, d, "")
		return
	}
	r, err := s.Control.CreateRack(c.Request.Context(), r)
	if err != nil {
		d.Errors = fieldErrors(err, "")
		problem := err.Error()
		if len(d.Errors) > 0 {
			problem = "the rack was not made: what is wrong stands at the fields"
		}
		if inventory.CodeOf(err) == inventory.Conflict {
			d.Errors = map[string]string{"rack": err.Error()}
		}
		if e := d.Errors["interface"]; e != "" { // the choice above the form
			problem = "interface: " + e
		}
		s.firstPage(c, errorOf(err).status, d, problem)
		return
	}
	c.Redirect(http.StatusSeeOther, rackPath(r.Name))
}

// rackOfForm makes a rack of what was typed, for the engine to judge; wrong says
// by field what is no number.
func rackOfForm(ifname string, typed map[string]string) (r inventory.Rack, wrong map[string]string) {
	r = inventory.Rack{Name: typed["rack"], Release: typed["release"], Region: typed["region"], Interface: ifname, Address: typed["address"],
		InspectNewcomers: typed["inspect_newcomers"] == "yes", SSHKeys: []string{}}
	for line := range strings.Lines(typed["ssh_keys"]) {
		if line = strings.TrimSpace(line); line != "" {
			r.SSHKeys = append(r.SSHKeys, line)
		}
	}
	for _, kind := range []inventory.NetworkKind{inventory.Provisioning, inventory.Provider, inventory.Tenant} {
		field := func(name string) string { return typed[string(kind)+"_"+name] }
		n := inventory.Network{Kind: kind, CIDR: field("cidr"), Gateway: field("gateway")}
		first, last, _ := strings.Cut(field("pool"), "-")
		n.PoolStart, n.PoolEnd = strings.TrimSpace(first), strings.TrimSpace(last)
		if m := field("mtu"); m != "" {
			var err error
			if n.MTU, err = strconv.Atoi(m); err != nil {
				if wrong == nil {
					wrong = map[string]string{}
				}
				wrong[string(kind)+"_mtu"] = "is " + strconv.Quote(m) + ", expected bytes from 1280 to 9216, 1500 if left out"
			}
		}
		r.Networks = append(r.Networks, n)
	}
	return r, wrong
}

// importAction puts the rack of a rack.yaml into the inventory, whole or not at all.
func (s *server) importAction(c *gin.Context) {
	c.Request.Body = http.MaxBytesReader(c.Writer, c.Request.Body, maxRackFile+maxRequest) // the file, and the form around it
	name, file, err := formFile(c)
	if err == nil {
		var r inventory.Rack
		if r, err = s.Installer.Import(c.Request.Context(), name, file); err == nil {
			c.Redirect(http.StatusSeeOther, rackPath(r.Name))
			return
		}
	}
	s.firstPage(c, errorOf(err).status, page.FirstData{FileError: err.Error()}, "")
}

func formFile(c *gin.Context) (name string, file []byte, err error) {
	h, err := c.FormFile("file")
	var big *http.MaxBytesError
	switch {
	case errors.As(err, &big):
		return "", nil, inventory.Errorf(inventory.Invalid, "the file has more than %d bytes, and no rack needs so many: choose the rack.yaml", maxRackFile)
	case err != nil:
		return "", nil, inventory.Errorf(inventory.Invalid, "no file came: choose a rack.yaml")
	}
	in, err := h.Open()
	if err != nil {
		return "", nil, inventory.Errorf(inventory.Internal, "read the file that was handed in: %w", err)
	}
	defer in.Close()
	file, err = io.ReadAll(in)
	return h.Filename, file, err
}
