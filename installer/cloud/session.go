package cloud

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"time"

	"github.com/gophercloud/gophercloud/v2"
	"github.com/gophercloud/gophercloud/v2/openstack"
	"github.com/gophercloud/gophercloud/v2/openstack/identity/v3/tokens"
	"github.com/gophercloud/gophercloud/v2/pagination"
)

// session is a log-in with its catalogue.
type session struct {
	c       *Cloud
	pc      *gophercloud.ProviderClient
	project string // the project's ID
	catalog *tokens.ServiceCatalog
}

// defaultDomain is where every user and project of the guide lives.
const defaultDomain = "default"

func (c *Cloud) authOptions(user, password, project string) gophercloud.AuthOptions {
	o := gophercloud.AuthOptions{IdentityEndpoint: c.cfg.AuthURL, Username: user, Password: password, DomainID: defaultDomain}
	if project != "" {
		o.Scope = &gophercloud.AuthScope{ProjectName: project, DomainID: defaultDomain}
		o.AllowReauth = true
	}
	return o
}

// login returns the session, which it opens when there is none.
func (c *Cloud) login(ctx context.Context) (*session, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.s != nil {
		return c.s, nil
	}
	pc, err := c.newClient()
	if err != nil {
		return nil, err
	}
	if err := openstack.Authenticate(ctx, pc, c.authOptions(c.cfg.User, c.cfg.Password, c.cfg.Project)); err != nil {
		if gophercloud.ResponseCodeIs(err, http.StatusUnauthorized) {
			return nil, permanent{fmt.Errorf("log in to Keystone at %s: it refuses user %s on project %s: the password in the inventory is not the one that keystone-manage bootstrap was given; run the identity chapter's bootstrap step again", c.cfg.AuthURL, c.cfg.User, c.cfg.Project)}
		}
		return nil, fmt.Errorf("log in to Keystone at %s: %w", c.cfg.AuthURL, err)
	}
	s := &session{c: c, pc: pc}
	r, ok := pc.GetAuthResult().(tokens.CreateResult)
	if !ok {
		return nil, errors.New("log in to Keystone: the answer holds no token")
	}
	if s.catalog, err = r.ExtractServiceCatalog(); err != nil {
		return nil, fmt.Errorf("read Keystone's catalogue: %w", err)
	}
	p, err := r.ExtractProject()
	if err != nil || p == nil {
		return nil, fmt.Errorf("log in to Keystone: the token has no project (%w)", err)
	}
	s.project = p.ID
	pc.EndpointLocator = s.locate
	c.s = s
	return s, nil
}

// forget drops a session whose catalogue is older than the cloud.
func (c *Cloud) forget() {
	c.mu.Lock()
	c.s = nil
	c.mu.Unlock()
}

// checkLogin reports whether a user of the default domain has this password.
func (c *Cloud) checkLogin(ctx context.Context, user, password string) (bool, error) {
	pc, err := c.newClient()
	if err != nil {
		return false, err
	}
	err = openstack.Authenticate(ctx, pc, c.authOptions(user, password, ""))
	if gophercloud.ResponseCodeIs(err, http.StatusUnauthorized) {
		return false, nil
	}
	return err == nil, err
}

// locate finds a service's public endpoint. gophercloud's own way asks every
// service for its versions first, which costs minutes while they start.
func (s *session) locate(o gophercloud.EndpointOpts) (string, error) {
	types := map[string]bool{}
	for _, t := range o.Types() {
		types[t] = true
	}
	for _, e := range s.catalog.Entries {
		if !types[e.Type] {
			continue
		}
		for _, p := range e.Endpoints {
			if p.Interface == string(gophercloud.AvailabilityPublic) && (p.RegionID == s.c.cfg.Region || p.Region == s.c.cfg.Region) {
				return gophercloud.NormalizeURL(p.URL), nil
			}
		}
	}
	return "", fmt.Errorf("the catalogue has no %s service in region %s: %w", o.Type, s.c.cfg.Region, errStaleCatalogue)
}

func (s *session) identity() (*gophercloud.ServiceClient, error) {
	return openstack.NewIdentityV3(s.pc, gophercloud.EndpointOpts{})
}

func (s *session) image() (*gophercloud.ServiceClient, error) {
	return openstack.NewImageV2(s.pc, gophercloud.EndpointOpts{Availability: gophercloud.AvailabilityPublic})
}

func (s *session) compute() (*gophercloud.ServiceClient, error) {
	return openstack.NewComputeV2(s.pc, gophercloud.EndpointOpts{Availability: gophercloud.AvailabilityPublic})
}

func (s *session) network() (*gophercloud.ServiceClient, error) {
	return openstack.NewNetworkV2(s.pc, gophercloud.EndpointOpts{Availability: gophercloud.AvailabilityPublic})
}

func (s *session) placement() (*gophercloud.ServiceClient, error) {
	return openstack.NewPlacementV1(s.pc, gophercloud.EndpointOpts{Availability: gophercloud.AvailabilityPublic})
}

// volume asks for microversion 3.27, the first with the attachments API.
func (s *session) volume() (*gophercloud.ServiceClient, error) {
	v, err := openstack.NewBlockStorageV3(s.pc, gophercloud.EndpointOpts{Availability: gophercloud.AvailabilityPublic})
	if err == nil {
		v.Microversion = "3.27"
	}
	return v, err
}

func (c *Cloud) newClient() (*gophercloud.ProviderClient, error) {
	pc, err := openstack.NewClient(c.cfg.AuthURL)
	if err != nil {
		return nil, fmt.Errorf("the address of Keystone %q: %w", c.cfg.AuthURL, err)
	}
	pc.HTTPClient = http.Client{Transport: c.transport()}
	return pc, nil
}

// transport never uses a proxy, and knows where the controller is. There is no
// limit on a whole request, since images are large; one on its answer.
func (c *Cloud) transport() http.RoundTripper {
	answer := 3 * time.Minute
	if c.cfg.Slow {
		answer = 15 * time.Minute
	}
	d := &net.Dialer{Timeout: 30 * time.Second, KeepAlive: 30 * time.Second}
	return &logged{log: c.log, next: &http.Transport{
		ResponseHeaderTimeout: answer,
		MaxIdleConnsPerHost:   4,
		IdleConnTimeout:       30 * time.Second,
		DialContext: func(ctx context.Context, network, addr string) (net.Conn, error) {
			host, port, err := net.SplitHostPort(addr)
			if err == nil && c.cfg.ControllerAddress != "" && (host == "controller" || host == c.cfg.Controller) {
				addr = net.JoinHostPort(c.cfg.ControllerAddress, port)
			}
			return d.DialContext(ctx, network, addr)
		},
	}}
}

// logged writes one line a request; never a body or a header, which hold secrets.
type logged struct {
	log  *slog.Logger
	next http.RoundTripper
}

// RoundTrip implements http.RoundTripper.
func (l *logged) RoundTrip(r *http.Request) (*http.Response, error) {
	begin := time.Now()
	resp, err := l.next.RoundTrip(r)
	status := 0
	if resp != nil {
		status = resp.StatusCode
	}
	l.log.DebugContext(r.Context(), "request", "method", r.Method, "url", r.URL.Redacted(), "status", status, "took", time.Since(begin).Round(time.Millisecond), "err", err)
	return resp, err
}

// listAll is a whole list of the cloud's API, of every page.
func listAll[T any](ctx context.Context, p pagination.Pager, extract func(pagination.Page) ([]T, error)) ([]T, error) {
	page, err := p.AllPages(ctx)
	if err != nil {
		return nil, err
	}
	return extract(page)
}
