package cloud

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"sandai/inventory"
)

type object = map[string]any

// fakeCloud answers like Keystone, Glance, Neutron, Nova and Cinder do, with
// the shapes of their JSON, and keeps what is made.
type fakeCloud struct {
	t   *testing.T
	srv *httptest.Server

	mu       sync.Mutex
	kinds    map[string][]object // by plural name
	seq      int
	log      []string // "POST /network/v2.0/networks"
	failures []failure
	looks    map[string]int // how often an object was asked for while it changes
	tokens   int
	expired  string // a token that is not valid any more
	bytes    map[string][]byte
	attached map[string]string // volume → server
	faulty   bool              // servers go into ERROR
	deaf     bool              // attachments are dropped
}

// failure answers the next requests that match with an error.
type failure struct {
	method, path string
	status       int
	times        int
	after        bool // the request is carried out, and its answer lost
}

func newFakeCloud(t *testing.T) *fakeCloud {
	f := &fakeCloud{t: t, kinds: map[string][]object{}, looks: map[string]int{}, bytes: map[string][]byte{}, attached: map[string]string{}}
	f.srv = httptest.NewServer(f)
	t.Cleanup(f.srv.Close)
	f.add("projects", object{"id": "p-admin", "name": "admin", "domain_id": "default"})
	f.add("users", object{"id": "u-admin", "name": "admin", "domain_id": "default", "password": "s3cret"})
	f.add("roles", object{"id": "r-admin", "name": "admin"})
	f.add("security_groups", object{"id": "sg-other", "name": "default", "project_id": "p-other"}, object{"id": "sg-admin", "name": "default", "project_id": "p-admin"})
	for _, b := range []string{"nova-scheduler", "nova-conductor"} {
		f.add("nova_services", object{"id": f.id(), "binary": b, "host": "controller-1", "state": "up", "status": "enabled", "zone": "internal", "updated_at": "2025-01-01T00:00:00.000000"})
	}
	return f
}

// ready adds what running nodes report.
func (f *fakeCloud) ready() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.addLocked("nova_services", object{"id": f.id(), "binary": "nova-compute", "host": "compute-1", "state": "up", "status": "enabled", "zone": "nova", "updated_at": "2025-01-01T00:00:00.000000"})
	f.addLocked("hypervisors", object{"id": 1, "hypervisor_hostname": "compute-1", "hypervisor_type": "QEMU", "hypervisor_version": 8002, "state": "up", "status": "enabled", "cpu_info": "{}", "free_disk_gb": 1, "local_gb": 1, "service": object{"host": "compute-1", "id": 7, "disabled_reason": nil}})
	for _, a := range [][2]string{{"neutron-openvswitch-agent", "compute-1"}, {"neutron-openvswitch-agent", "network-1"}, {"neutron-l3-agent", "network-1"}, {"neutron-metadata-agent", "network-1"}, {"neutron-dhcp-agent", "network-1"}} {
		f.addLocked("agents", agentOf(f.id(), a[0], a[1], true))
	}
	for _, b := range [][2]string{{"cinder-scheduler", "controller-1"}, {"cinder-volume", "controller-1@lvm"}} {
		f.addLocked("volume_services", object{"binary": b[0], "host": b[1], "state": "up", "status": "enabled", "zone": "nova", "updated_at": "2025-01-01T00:00:00.000000"})
	}
}

func (f *fakeCloud) id() string { f.seq++; return fmt.Sprintf("id-%d", f.seq) }

func (f *fakeCloud) add(kind string, list ...object) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.addLocked(kind, list...)
}

func (f *fakeCloud) addLocked(kind string, list ...object) {
	f.kinds[kind] = append(f.kinds[kind], list...)
}

func (f *fakeCloud) get(kind, id string) object {
	for _, o := range f.kinds[kind] {
		if o["id"] == id || o["name"] == id && kind == "keypairs" {
			return o
		}
	}
	return nil
}

func (f *fakeCloud) remove(kind, id string) {
	f.kinds[kind] = slices.DeleteFunc(f.kinds[kind], func(o object) bool { return o["id"] == id || o["name"] == id && kind == "keypairs" })
}

// made counts the requests that make something of a path.
func (f *fakeCloud) made(path string) int {
	f.mu.Lock()
	defer f.mu.Unlock()
	n := 0
	for _, l := range f.log {
		if l == "POST "+path {
			n++
		}
	}
	return n
}

func (f *fakeCloud) fail(x failure) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.failures = append(f.failures, x)
}

// config is a client's that finds the fake under the name "controller".
func (f *fakeCloud) config() Config {
	u, _ := url.Parse(f.srv.URL)
	return Config{AuthURL: "http://controller:" + u.Port() + "/identity/v3", User: "admin", Password: "s3cret", Project: "admin", Region: "RegionOne",
		Controller: "controller-1", ControllerAddress: "127.0.0.1", Computes: []string{"compute-1"}, Networks: []string{"network-1"}, HasVolumes: true,
		Images: memImages{}, Keys: &memKeys{}}
}

func (f *fakeCloud) client() *Cloud {
	c := New(f.config())
	c.pollMin, c.pollMax = time.Millisecond, 2*time.Millisecond
	c.ping = func(context.Context, string, int) (time.Duration, error) { return 0, errNoEcho }
	return c
}

func (f *fakeCloud) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if !strings.HasPrefix(r.Host, "controller:") {
		f.t.Errorf("a request for host %s", r.Host)
	}
	f.log = append(f.log, r.Method+" "+r.URL.Path)
	for i := range f.failures {
		x := &f.failures[i]
		if x.times > 0 && x.method == r.Method && strings.Contains(r.URL.Path, x.path) {
			x.times--
			if x.after {
				f.route(httptest.NewRecorder(), r)
			}
			reply(w, x.status, object{"badThing": object{"code": x.status, "message": "a reason out of the service"}})
			return
		}
	}
	f.route(w, r)
}

func (f *fakeCloud) route(w http.ResponseWriter, r *http.Request) {
	if r.URL.Path == "/identity/v3/auth/tokens" {
		f.auth(w, r)
		return
	}
	if tok := r.Header.Get("X-Auth-Token"); tok == "" || tok == f.expired {
		reply(w, 401, object{"error": object{"message": "The request you have made requires authentication.", "code": 401}})
		return
	}
	parts := strings.Split(strings.Trim(r.URL.Path, "/"), "/")
	switch parts[0] {
	case "identity":
		f.identity(w, r, parts[2:])
	case "image":
		f.image(w, r, parts[2:])
	case "network":
		f.network(w, r, parts[2:])
	case "compute":
		f.compute(w, r, parts[2:])
	case "volume":
		f.volume(w, r, parts[3:])
	case "placement":
		f.placement(w, r, parts[1:])
	default:
		notFound(w)
	}
}

func reply(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	if v != nil {
		_ = json.NewEncoder(w).Encode(v)
	}
}

func notFound(w http.ResponseWriter) {
	reply(w, 404, object{"itemNotFound": object{"message": "not there", "code": 404}})
}

func body(r *http.Request, key string) object {
	var v object
	_ = json.NewDecoder(r.Body).Decode(&v)
	if key != "" {
		v, _ = v[key].(object)
	}
	return v
}

// match keeps the objects whose fields equal the query's; unknown ones match.
func match(list []object, q url.Values, fields ...string) []object {
	out := []object{}
	for _, o := range list {
		ok := true
		for _, k := range fields {
			if q.Has(k) && fmt.Sprint(o[k]) != q.Get(k) {
				ok = false
			}
		}
		if ok {
			out = append(out, o)
		}
	}
	return out
}

func (f *fakeCloud) auth(w http.ResponseWriter, r *http.Request) {
	b := body(r, "auth")
	user := b["identity"].(object)["password"].(object)["user"].(object)
	for _, u := range f.kinds["users"] {
		if u["name"] != user["name"] || u["password"] != user["password"] {
			continue
		}
		f.tokens++
		tok := object{"methods": []string{"password"}, "expires_at": "2099-01-01T00:00:00.000000Z", "user": object{"id": u["id"], "name": u["name"]}}
		if b["scope"] != nil {
			tok["project"] = object{"id": "p-admin", "name": "admin", "domain": object{"id": "default"}}
			tok["catalog"] = f.catalog()
		}
		w.Header().Set("X-Subject-Token", fmt.Sprintf("token-%d", f.tokens))
		reply(w, 201, object{"token": tok})
		return
	}
	reply(w, 401, object{"error": object{"message": "The request you have made requires authentication.", "code": 401}})
}

func (f *fakeCloud) catalog() []object {
	var out []object
	for _, s := range f.kinds["services"] {
		var eps []object
		for _, e := range f.kinds["endpoints"] {
			if e["service_id"] == s["id"] {
				eps = append(eps, object{"id": e["id"], "interface": e["interface"], "region": e["region"], "region_id": e["region"], "url": strings.ReplaceAll(e["url"].(string), "%(project_id)s", "p-admin")})
			}
		}
		out = append(out, object{"type": s["type"], "name": s["name"], "id": s["id"], "endpoints": eps})
	}
	return out
}

// services fills the catalogue without going through the client.
func (f *fakeCloud) services() {
	u, _ := url.Parse(f.srv.URL)
	base := "http://controller:" + u.Port()
	for typ, path := range map[string]string{"image": "/image", "network": "/network", "compute": "/compute/v2.1", "volumev3": "/volume/v3/%(project_id)s"} {
		id := f.id()
		f.add("services", object{"id": id, "type": typ, "name": typ})
		f.add("endpoints", object{"id": f.id(), "service_id": id, "interface": "public", "region": "RegionOne", "url": base + path})
	}
}

func (f *fakeCloud) identity(w http.ResponseWriter, r *http.Request, p []string) {
	singular := map[string]string{"projects": "project", "users": "user", "roles": "role", "services": "service", "endpoints": "endpoint"}[p[0]]
	switch {
	case len(p) >= 5 && p[4] == "roles": // projects/P/users/U/roles[/R]
		key := "grants " + p[1] + " " + p[3]
		if r.Method == "PUT" {
			f.addLocked(key, f.get("roles", p[5]))
			w.WriteHeader(204)
			return
		}
		reply(w, 200, object{"roles": match(f.kinds[key], nil), "links": object{}})
	case singular == "":
		notFound(w)
	case r.Method == "GET":
		reply(w, 200, object{p[0]: match(f.kinds[p[0]], r.URL.Query(), "name", "domain_id", "type", "service_id"), "links": object{"next": nil}})
	case r.Method == "POST":
		o := body(r, singular)
		o["id"] = f.id()
		f.addLocked(p[0], o)
		reply(w, 201, object{singular: o})
	case r.Method == "PATCH":
		o := f.get(p[0], p[1])
		maps.Copy(o, body(r, singular))
		reply(w, 200, object{singular: o})
	}
}

func (f *fakeCloud) image(w http.ResponseWriter, r *http.Request, p []string) {
	switch {
	case r.Method == "GET" && len(p) == 1:
		reply(w, 200, object{"images": match(f.kinds["images"], r.URL.Query(), "name")})
	case r.Method == "POST":
		o := body(r, "")
		maps.Copy(o, object{"id": f.id(), "status": "queued", "created_at": "2025-01-01T00:00:00Z", "updated_at": "2025-01-01T00:00:00Z", "size": nil})
		f.addLocked("images", o)
		reply(w, 201, o)
	case r.Method == "DELETE":
		f.remove("images", p[1])
		w.WriteHeader(204)
	case r.Method == "PUT":
		o := f.get("images", p[1])
		data, err := io.ReadAll(r.Body)
		if o == nil || o["status"] != "queued" || err != nil {
			reply(w, 409, object{"message": "not queued"})
			return
		}
		f.bytes[p[1]] = data
		o["status"], o["size"] = "saving", len(data)
		w.WriteHeader(204)
	default:
		o := f.get("images", p[1])
		if o == nil {
			notFound(w)
			return
		}
		if f.looks[p[1]]++; o["status"] == "saving" && f.looks[p[1]] > 2 {
			o["status"] = "active"
		}
		reply(w, 200, o)
	}
}

type memImages struct{}

func (memImages) Open(_ context.Context, name string) (io.ReadCloser, inventory.Image, error) {
	if name != "guest-tiny" {
		return nil, inventory.Image{}, inventory.Errorf(inventory.NotFound, "there is no image %s; build it with: make images", name)
	}
	data := strings.Repeat("guest", 1000)
	return io.NopCloser(strings.NewReader(data)), inventory.Image{Name: name, RawDigest: "d1", RawSize: int64(len(data))}, nil
}

type memKeys struct {
	mu sync.Mutex
	m  map[string]string
}

func (k *memKeys) Ensure(_ context.Context, name string, gen func() (string, error)) (string, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if v, ok := k.m[name]; ok {
		return v, nil
	}
	v, err := gen()
	if k.m == nil {
		k.m = map[string]string{}
	}
	k.m[name] = v
	return v, err
}
