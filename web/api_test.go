package web_test

import (
	"bufio"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"sandai/inventory"
	"sandai/web"
	"sandai/web/webtest"
)

func config(m *webtest.Memory) web.Config {
	return web.Config{Racks: m, Runs: m, Events: m, Installer: m, Power: m, Access: m, Consoles: m.Consoles(), Cloud: m, Calls: m, Sensors: m, Control: m, Images: m}
}

// serve serves what is in m to an admin.
func serve(t *testing.T, m *webtest.Memory) string {
	t.Helper()
	s := httptest.NewServer(m.As(inventory.Admin, web.NewAPI(config(m))))
	t.Cleanup(s.Close)
	return s.URL
}

// installed is an inventory with a rack whose run is done.
func installed() *webtest.Memory {
	m := webtest.New()
	m.AddRack(webtest.Rack("demo"))
	m.Cloud = webtest.Cloud
	m.AddRun(inventory.Run{RackID: 1, Rack: "demo", State: inventory.RunDone, Created: webtest.T0, Ended: webtest.At(80), Attempt: 1, PlanHash: "5a9d41aafe03c1d2"}, webtest.Steps())
	m.AddEvent(inventory.Event{Time: webtest.T0, Type: inventory.EventPower, Node: "controller-1", Text: "power on"})
	return m
}

type result struct {
	status int
	body   string
}

func call(t *testing.T, method, url, body string, header ...string) result {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	if body != "" {
		req.Header.Set("Content-Type", "application/json")
	}
	for i := 0; i+1 < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return result{res.StatusCode, string(b)}
}

func TestAnswers(t *testing.T) {
	base := serve(t, installed())
	for name, tt := range map[string]struct {
		method, path, body string
		status             int
		holds              string
	}{
		"racks":               {"GET", "/racks", "", 200, `"name":"demo"`},
		"rack":                {"GET", "/racks/demo", "", 200, `"controller-1"`},
		"no such rack":        {"GET", "/racks/x", "", 404, `{"code":"not found","text":"there is no rack x"}`},
		"plan":                {"GET", "/racks/demo/plan", "", 200, `"hash":"5a9d41aafe03c1d2"`},
		"report":              {"GET", "/racks/demo/report", "", 200, `"horizon":"http://10.77.0.11/horizon/"`},
		"runs":                {"GET", "/racks/demo/runs", "", 200, `"state":"done"`},
		"run":                 {"GET", "/runs/1", "", 200, `"rack":"demo"`},
		"no such run":         {"GET", "/runs/7", "", 404, `"code":"not found"`},
		"run is no number":    {"GET", "/runs/x", "", 422, `"code":"invalid"`},
		"steps":               {"GET", "/runs/1/steps", "", 200, `"key":"rack/proof/ping"`},
		"step":                {"GET", "/runs/1/step?key=rack/proof/ping", "", 200, `"stdout":"output of rack/proof/ping"`},
		"step without key":    {"GET", "/runs/1/step", "", 422, `"code":"invalid"`},
		"no such step":        {"GET", "/runs/1/step?key=x", "", 404, `has no step x`},
		"progress":            {"GET", "/racks/demo/progress", "", 200, `"done":8,"total":8,"elapsed":80`},
		"events":              {"GET", "/events", "", 200, `"power on"`},
		"events after":        {"GET", "/events?after=1", "", 200, `[]`},
		"too many events":     {"GET", "/events?limit=501", "", 422, `"code":"invalid"`},
		"install":             {"POST", "/racks/demo/install", `{}`, 200, `"state":"done"`},
		"erase unconfirmed":   {"POST", "/racks/demo/install", `{"erase":true}`, 422, `--erase demo`},
		"unknown field":       {"POST", "/racks/demo/install", `{"eraze":true}`, 422, `"code":"invalid"`},
		"power":               {"GET", "/nodes/controller-1/power", "", 200, `"state":"off"`},
		"power of none":       {"GET", "/nodes/x/power", "", 404, `there is no node x`},
		"power in a rack":     {"GET", "/nodes/controller-1/power?rack=demo", "", 200, `"state":"off"`},
		"power in another":    {"GET", "/nodes/controller-1/power?rack=other", "", 404, `there is no node`},
		"unknown power":       {"POST", "/nodes/controller-1/power", `{"op":"explode"}`, 422, `"code":"invalid"`},
		"version":             {"GET", "/version", "", 200, `"go":"go1`},
		"health":              {"GET", "/healthz", "", 200, `"ok":true`},
		"nothing there":       {"GET", "/nothing", "", 404, `{"code":"not found"`},
		"console, no upgrade": {"POST", "/nodes/controller-1/console", "", 422, `Upgrade`},
	} {
		t.Run(name, func(t *testing.T) {
			got := call(t, tt.method, base+"/api/v1"+tt.path, tt.body)
			if got.status != tt.status || !strings.Contains(got.body, tt.holds) {
				t.Errorf("got %d %s, want %d with %s", got.status, got.body, tt.status, tt.holds)
			}
			if strings.Contains(got.body, "never-shown-nonce") {
				t.Error("the answer holds the boot nonce")
			}
		})
	}
}

func TestEmpty(t *testing.T) {
	base := serve(t, webtest.New())
	for path, want := range map[string]result{
		"/racks":               {200, "[]"},
		"/events":              {200, "[]"},
		"/racks/demo/progress": {404, `{"code":"not found","text":"there is no rack demo"}`},
	} {
		got := call(t, "GET", base+"/api/v1"+path, "")
		got.body = strings.TrimSpace(got.body)
		if got != want {
			t.Errorf("%s: got %v, want %v", path, got, want)
		}
	}
}

// TestBroken: whatever breaks below, the answer has a code, a text and the
// status that goes with the code.
func TestBroken(t *testing.T) {
	m := installed()
	base := serve(t, m)
	for _, tt := range []struct {
		err    error
		status int
		code   string
	}{
		{inventory.Errorf(inventory.Unavailable, "the disk is full"), 503, "unavailable"},
		{inventory.Errorf(inventory.Conflict, "two racks"), 409, "conflict"},
		{inventory.Errorf(inventory.Unauthorised, "who are you"), 401, "unauthorised"},
		{errors.New("a wire is loose"), 500, "internal"},
	} {
		m.Break(tt.err)
		for _, path := range []string{"/racks", "/racks/demo", "/racks/demo/plan", "/racks/demo/report", "/racks/demo/progress",
			"/racks/demo/runs", "/racks/demo/export", "/runs/1", "/runs/1/steps", "/runs/1/step?key=x", "/events", "/nodes/controller-1/power"} {
			got := call(t, "GET", base+"/api/v1"+path, "")
			var e web.Error
			if err := json.Unmarshal([]byte(got.body), &e); err != nil || got.status != tt.status || string(e.Code) != tt.code || e.Text != tt.err.Error() {
				t.Errorf("%s with %q: got %d %s, want %d %s", path, tt.err, got.status, got.body, tt.status, tt.code)
			}
		}
	}
}

func TestImport(t *testing.T) {
	m := webtest.New()
	m.Parse = func(name string, file []byte) (inventory.Rack, error) {
		if string(file) != "rack: demo\n" {
			return inventory.Rack{}, errors.New(name + ":1: rack: a name was expected")
		}
		return webtest.Rack("demo"), nil
	}
	base := serve(t, m) + "/api/v1/racks?file=my.yaml"
	if got := call(t, "POST", base, "rack: 7\n", "Content-Type", "application/yaml"); got.status != 422 || !strings.Contains(got.body, "my.yaml:1: rack: a name was expected") {
		t.Errorf("a wrong file: got %v", got)
	}
	if got := call(t, "POST", base, strings.Repeat("#", 1<<20+1), "Content-Type", "application/yaml"); got.status != 413 || !strings.Contains(got.body, `"code":"invalid"`) {
		t.Errorf("a file over 1 MiB: got %d %.200s", got.status, got.body)
	}
	if got := call(t, "POST", base, "rack: demo\n", "Content-Type", "application/yaml"); got.status != 200 || !strings.Contains(got.body, `"name":"demo"`) {
		t.Errorf("a right file: got %v", got)
	}
}

func TestOpenAPI(t *testing.T) {
	got := call(t, "GET", serve(t, webtest.New())+"/openapi.json", "")
	var doc struct {
		OpenAPI string
		Paths   map[string]map[string]any
	}
	if err := json.Unmarshal([]byte(got.body), &doc); err != nil || doc.OpenAPI != "3.1.0" {
		t.Fatalf("got %d, %v: %.200s", got.status, err, got.body)
	}
	for _, p := range []string{"/api/v1/racks", "/api/v1/racks/{name}/install", "/api/v1/runs/{id}/steps", "/api/v1/events/stream", "/api/v1/nodes/{name}/power"} {
		if doc.Paths[p] == nil {
			t.Errorf("the document does not name %s", p)
		}
	}
}

func TestPower(t *testing.T) {
	url := serve(t, installed()) + "/api/v1/nodes/compute-1/power"
	for _, tt := range []struct{ op, after string }{{"on", "on"}, {"soft", "off"}, {"cycle", "on"}, {"off", "off"}} {
		if got := call(t, "POST", url, `{"op":"`+tt.op+`"}`); got.status != 204 {
			t.Fatalf("%s: got %v", tt.op, got)
		}
		if got := call(t, "GET", url, ""); !strings.Contains(got.body, `"state":"`+tt.after+`"`) {
			t.Errorf("after %s: got %v", tt.op, got)
		}
	}
}

// TestStream: a reader that lost its connection goes on after the last event it
// saw, and its subscription ends with the connection.
func TestStream(t *testing.T) {
	m := installed()
	for _, text := range []string{"two", "three", "four"} {
		m.AddEvent(inventory.Event{Time: webtest.T0, Type: inventory.EventRun, Text: text})
	}
	base := serve(t, m)
	read := func(last string, n int) (out []string) {
		req, err := http.NewRequestWithContext(t.Context(), "GET", base+"/api/v1/events/stream", nil)
		if err != nil {
			t.Fatal(err)
		}
		if last != "" {
			req.Header.Set("Last-Event-ID", last)
		}
		res, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		defer res.Body.Close()
		if ct := res.Header.Get("Content-Type"); ct != "text/event-stream" {
			t.Errorf("content type %q", ct)
		}
		lines := bufio.NewScanner(res.Body)
		for len(out) < n && lines.Scan() {
			if id, ok := strings.CutPrefix(lines.Text(), "id: "); ok {
				out = append(out, id)
			}
		}
		return out
	}
	if d := cmp.Diff([]string{"1", "2"}, read("", 2)); d != "" {
		t.Error(d)
	}
	late := make(chan []string, 1)
	go func() { late <- read("2", 3) }()
	m.AddEvent(inventory.Event{Time: webtest.T0, Type: inventory.EventRun, Text: "five"})
	if d := cmp.Diff([]string{"3", "4", "5"}, <-late); d != "" {
		t.Error(d)
	}
	for end := time.Now().Add(10 * time.Second); m.Subscribers() > 0; {
		if time.Now().After(end) {
			t.Fatalf("%d subscriptions outlived their readers", m.Subscribers())
		}
		time.Sleep(5 * time.Millisecond)
	}
}
