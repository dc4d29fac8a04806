package cloud

import (
	"context"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"

	"sandai/inventory"
)

// Status asks the whole cloud how it fares, its parts side by side. It does not
// fail: what could not be asked is in Errors.
func (c *Cloud) Status(ctx context.Context) inventory.CloudStatus {
	out := inventory.CloudStatus{Asked: time.Now(), Endpoints: []inventory.EndpointStatus{}, Services: []inventory.ServiceStatus{},
		Errors: []inventory.CloudError{}, Capacity: inventory.Capacity{ComputeNodes: []inventory.NodeCapacity{}}}
	s, err := c.login(ctx)
	if err != nil {
		out.Errors = append(out.Errors, inventory.CloudError{Part: inventory.PartLogin, Text: explain(err)})
		return out
	}
	st := &statusTaker{c: c, s: s, out: &out}
	st.wg.Go(func() { st.endpoints(ctx) })
	st.ask(inventory.PartCompute, func() error { return st.services(ctx, inventory.PartCompute, s.computeParts) })
	st.ask(inventory.PartNetwork, func() error { return st.services(ctx, inventory.PartNetwork, s.networkParts) })
	st.ask(inventory.PartPlacement, func() error { return st.placement(ctx) })
	st.ask(inventory.PartFloating, func() error { return st.floating(ctx) })
	st.ask(inventory.PartInstances, func() error { return st.instances(ctx) })
	if c.cfg.HasVolumes {
		st.ask(inventory.PartVolume, func() error { return st.services(ctx, inventory.PartVolume, s.volumeParts) })
		st.ask(inventory.PartVolumes, func() error { return st.volumes(ctx) })
	}
	st.wg.Wait()
	slices.SortFunc(out.Errors, func(a, b inventory.CloudError) int { return strings.Compare(a.Part, b.Part) })
	slices.SortFunc(out.Services, func(a, b inventory.ServiceStatus) int {
		return strings.Compare(a.Kind+" "+a.Binary+" "+a.Host, b.Kind+" "+b.Binary+" "+b.Host)
	})
	return out
}

// statusTaker fills in a status from several goroutines.
type statusTaker struct {
	c  *Cloud
	s  *session
	wg sync.WaitGroup

	mu  sync.Mutex
	out *inventory.CloudStatus
}

func (t *statusTaker) ask(part string, f func() error) {
	t.wg.Go(func() {
		if err := f(); err != nil {
			t.set(func(o *inventory.CloudStatus) {
				o.Errors = append(o.Errors, inventory.CloudError{Part: part, Text: explain(err)})
			})
		}
	})
}

func (t *statusTaker) set(f func(*inventory.CloudStatus)) {
	t.mu.Lock()
	defer t.mu.Unlock()
	f(t.out)
}

// services takes the daemons of a kind, and those that should be there and never
// reported.
func (t *statusTaker) services(ctx context.Context, kind string, look func(context.Context) ([]Part, error)) error {
	parts, err := look(ctx)
	if err != nil {
		return err
	}
	var list []inventory.ServiceStatus
	for _, p := range parts {
		if p.Kind != kind {
			continue // hypervisors
		}
		v := inventory.ServiceStatus{Kind: kind, Binary: p.Name, Host: p.Host, Zone: p.Zone, Up: p.Alive, Enabled: p.Enabled, Reason: p.Reason,
			Heard: notZero(p.Heard), Since: notZero(p.Started)}
		if !p.Alive {
			v.Since = v.Heard
		}
		list = append(list, v)
	}
	for _, p := range t.s.missing(kind, parts) {
		if p.Kind == kind {
			list = append(list, inventory.ServiceStatus{Kind: kind, Binary: p.Name, Host: p.Host, Reason: "it has never reported"})
		}
	}
	t.set(func(o *inventory.CloudStatus) { o.Services = append(o.Services, list...) })
	return nil
}

func notZero(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	return &t
}

// version is where an API's path goes on to one of its versions.
var version = regexp.MustCompile(`/v\d.*$`)

// endpoints asks every public API for its list of versions, which needs no token
// and hardly any work.
func (t *statusTaker) endpoints(ctx context.Context) {
	var list []inventory.EndpointStatus
	for _, e := range t.s.catalog.Entries {
		for _, p := range e.Endpoints {
			if p.Interface == "public" && (p.RegionID == t.c.cfg.Region || p.Region == t.c.cfg.Region) {
				list = append(list, inventory.EndpointStatus{Service: e.Type, Name: e.Name, URL: p.URL})
			}
		}
	}
	slices.SortFunc(list, func(a, b inventory.EndpointStatus) int { return strings.Compare(a.Service, b.Service) })
	client := &http.Client{Transport: t.s.pc.HTTPClient.Transport,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	var wg sync.WaitGroup
	for i := range list {
		wg.Go(func() { reach(ctx, client, &list[i]) })
	}
	wg.Wait()
	t.set(func(o *inventory.CloudStatus) { o.Endpoints = list })
}

func reach(ctx context.Context, client *http.Client, e *inventory.EndpointStatus) {
	u, err := url.Parse(e.URL)
	if err != nil {
		e.Error = err.Error()
		return
	}
	u.Path = version.ReplaceAllString(u.Path, "") + "/"
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, u.String(), nil)
	if err != nil {
		e.Error = err.Error()
		return
	}
	begin := time.Now()
	resp, err := client.Do(req)
	e.Milliseconds = float64(time.Since(begin).Microseconds()) / 1000
	if err != nil {
		e.Error = err.Error()
		return
	}
	resp.Body.Close()
	e.Status, e.Up = resp.StatusCode, resp.StatusCode < 500
	if !e.Up {
		e.Error = "it answers " + resp.Status
	}
}
