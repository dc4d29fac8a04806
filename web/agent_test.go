package web_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"sandai/inventory"
	"sandai/web"
)

// agents answers with what it was asked.
type agents struct{ err error }

func (a agents) Enroll(_ context.Context, r inventory.EnrollRequest) (inventory.EnrollReply, error) {
	return inventory.EnrollReply{Certificate: "for " + r.Node, Now: time.Unix(0, 0).UTC()}, a.err
}

func (a agents) Poll(_ context.Context, node string, r inventory.PollRequest) (inventory.PollReply, error) {
	return inventory.PollReply{Tasks: []inventory.Task{{Key: node + "/" + string(r.Stage)}}}, a.err
}

func (a agents) Report(_ context.Context, _ string, _ inventory.StepReport) error { return a.err }

func (a agents) Answer(_ context.Context, node string, r inventory.CallAnswer) error {
	if a.err == nil && r.ID == "" {
		return inventory.Errorf(inventory.Invalid, "%s answers nothing", node)
	}
	return a.err
}

func (a agents) Save(_ context.Context, node, item string, r io.Reader) error {
	b, err := io.ReadAll(r)
	if a.err == nil && err == nil && string(b) != node+"'s "+item {
		err = inventory.Errorf(inventory.Invalid, "%q came", b)
	}
	return errors.Join(a.err, err)
}

func (a agents) Saved(_ context.Context, node, item string) (io.ReadCloser, error) {
	if item == "half" {
		return io.NopCloser(io.MultiReader(strings.NewReader("ha"), iotest.ErrReader(io.ErrUnexpectedEOF))), a.err
	}
	return io.NopCloser(strings.NewReader(node + "'s " + item)), a.err
}

// TestAgentSaved: what a node left comes back with its length; what breaks off on
// the way comes without.
func TestAgentSaved(t *testing.T) {
	cert := &tls.ConnectionState{PeerCertificates: []*x509.Certificate{{Subject: pkix.Name{CommonName: "controller-1"}}}}
	none := inventory.Errorf(inventory.NotFound, "nothing was saved")
	for name, tt := range map[string]struct {
		method, item, body string
		tls                *tls.ConnectionState
		err                error
		status             int
		holds, length      string
	}{
		"save":              {"PUT", "databases", "controller-1's databases", cert, nil, 200, "{}", ""},
		"save without cert": {"PUT", "databases", "x", nil, nil, 401, "client certificate", ""},
		"save refused":      {"PUT", "databases", "x", cert, none, 404, "nothing was saved", ""},
		"saved":             {"GET", "files", "", cert, nil, 200, "controller-1's files", "20"},
		"not saved":         {"GET", "files", "", cert, none, 404, "nothing was saved", ""},
		"broken off":        {"GET", "half", "", cert, nil, 200, "ha", ""},
		"is it there":       {"HEAD", "files", "", cert, nil, 200, "", ""},
		"it is not there":   {"HEAD", "files", "", cert, none, 404, "", ""},
		"no certificate":    {"GET", "files", "", nil, nil, 401, "client certificate", ""},
	} {
		t.Run(name, func(t *testing.T) {
			r := httptest.NewRequest(tt.method, "/agent/v1/saved/"+tt.item, strings.NewReader(tt.body))
			r.TLS = tt.tls
			w := httptest.NewRecorder()
			web.NewAgent(agents{tt.err}, slog.New(slog.DiscardHandler)).ServeHTTP(w, r)
			if got := w.Result().Trailer.Get(inventory.SavedBytes); w.Code != tt.status || !strings.Contains(w.Body.String(), tt.holds) || got != tt.length {
				t.Errorf("got %d %s, length %q; want %d with %s, %q", w.Code, w.Body, got, tt.status, tt.holds, tt.length)
			}
		})
	}
}

func TestAgent(t *testing.T) {
	cert := &tls.ConnectionState{PeerCertificates: []*x509.Certificate{{Subject: pkix.Name{CommonName: "compute-1"}}}}
	refused := inventory.Errorf(inventory.Unauthorised, "no boot is due with that nonce")
	for name, tt := range map[string]struct {
		path, body string
		tls        *tls.ConnectionState
		err        error
		status     int
		holds      string
	}{
		"enroll":                {"enroll", `{"node":"compute-1","nonce":"N"}`, nil, nil, 200, `"certificate":"for compute-1"`},
		"enroll refused":        {"enroll", `{"node":"compute-1"}`, nil, refused, 401, `{"code":"unauthorised","text":"no boot is due with that nonce"}`},
		"enroll too large":      {"enroll", `{"csr":"` + strings.Repeat("x", 64<<10) + `"}`, nil, nil, 413, `"code":"invalid"`},
		"enroll no JSON":        {"enroll", `hello`, nil, nil, 422, `"code":"invalid"`},
		"poll":                  {"poll", `{"stage":"ramdisk"}`, cert, nil, 200, `"key":"compute-1/ramdisk"`},
		"poll without TLS":      {"poll", `{}`, nil, nil, 401, `client certificate`},
		"poll without cert":     {"poll", `{}`, &tls.ConnectionState{}, nil, 401, `client certificate`},
		"poll without name":     {"poll", `{}`, &tls.ConnectionState{PeerCertificates: []*x509.Certificate{{}}}, nil, 401, `client certificate`},
		"report":                {"report", `{"key":"k","stdout":"` + strings.Repeat("x", 100<<10) + `"}`, cert, nil, 200, `{}`},
		"report without a cert": {"report", `{}`, nil, nil, 401, `client certificate`},
		"report too large":      {"report", `{"stdout":"` + strings.Repeat("x", 1<<20) + `"}`, cert, nil, 413, `"code":"invalid"`},
		"answer":                {"answer", `{"id":"c","logs":[{"text":"` + strings.Repeat(`\u0000`, 64<<10) + `"}]}`, cert, nil, 200, `{}`},
		"answer to nothing":     {"answer", `{}`, cert, nil, 422, `compute-1 answers nothing`},
		"answer without a cert": {"answer", `{"id":"c"}`, nil, nil, 401, `client certificate`},
		"nothing there":         {"x", `{}`, cert, nil, 404, `"code":"not found"`},
	} {
		t.Run(name, func(t *testing.T) {
			r := httptest.NewRequest(http.MethodPost, "/agent/v1/"+tt.path, strings.NewReader(tt.body))
			r.TLS = tt.tls
			w := httptest.NewRecorder()
			web.NewAgent(agents{tt.err}, slog.New(slog.DiscardHandler)).ServeHTTP(w, r)
			if w.Code != tt.status || !strings.Contains(w.Body.String(), tt.holds) {
				t.Errorf("got %d %s, want %d with %s", w.Code, w.Body, tt.status, tt.holds)
			}
		})
	}
}

// TestAgentIsNotServed: what is the appliance's own trouble is in its log, what an
// agent did wrong is not.
func TestAgentIsNotServed(t *testing.T) {
	for err, logged := range map[error]bool{
		inventory.Errorf(inventory.Unavailable, "the disk is full"):                true,
		errors.New("a pipe broke"):                                                 true,
		inventory.Errorf(inventory.Unauthorised, "no boot is due with that nonce"): false,
	} {
		var log strings.Builder
		r := httptest.NewRequest(http.MethodPost, "/agent/v1/enroll", strings.NewReader(`{"node":"compute-1"}`))
		web.NewAgent(agents{err}, slog.New(slog.NewTextHandler(&log, nil))).ServeHTTP(httptest.NewRecorder(), r)
		if got := strings.Contains(log.String(), err.Error()); got != logged {
			t.Errorf("%v: logged %t, want %t: %s", err, got, logged, log.String())
		}
	}
}
