// Package agenttest is an appliance for tests of the agent: the four endpoints
// over TLS with a real CA, tasks that are handed out until their final report is
// accepted, and faults on demand.
package agenttest

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"net"
	"net/http"
	"slices"
	"sync"
	"testing"
	"time"

	"sandai/installer/pki"
	"sandai/inventory"
)

// Appliance answers agents. Fields may be set before the first request.
type Appliance struct {
	URL   string
	CA    *pki.CA
	Nonce string        // wanted of an enrolling agent
	Hold  time.Duration // how long a poll without work is held
	// Fault, when it returns a status other than 0, answers a request in place of
	// the appliance: after the work was done when late is returned.
	Fault func(path string) (status int, late bool)

	mu      sync.Mutex
	changed chan struct{} // closed and replaced at every change
	tasks   []inventory.Task
	forced  []inventory.Task
	reports []inventory.StepReport
	polls   []inventory.PollRequest
	calls   []inventory.Call
	answers []inventory.CallAnswer
	srv     *http.Server
	ln      net.Listener
	conf    *tls.Config
}

type secrets map[string]string

func (s secrets) EnsureSecret(_ context.Context, _ uint, name string, gen func() (string, error)) (string, error) {
	if v, ok := s[name]; ok {
		return v, nil
	}
	v, err := gen()
	s[name] = v
	return v, err
}

// New starts an appliance on a listening address with a certificate for names;
// it ends with the test.
func New(t testing.TB, listen string, names ...net.IP) *Appliance {
	t.Helper()
	ca, err := pki.Load(t.Context(), secrets{})
	if err != nil {
		t.Fatal(err)
	}
	cert, err := ca.Server(append(names, net.IPv4(127, 0, 0, 1))...)
	if err != nil {
		t.Fatal(err)
	}
	a := &Appliance{CA: ca, Nonce: "nonce", Hold: 5 * time.Second, changed: make(chan struct{}),
		conf: &tls.Config{Certificates: []tls.Certificate{cert}, ClientCAs: ca.Pool(), ClientAuth: tls.VerifyClientCertIfGiven}}
	a.serve(t, listen)
	a.URL = "https://" + a.ln.Addr().String()
	t.Cleanup(a.Stop)
	return a
}

func (a *Appliance) serve(t testing.TB, listen string) {
	t.Helper()
	ln, err := net.Listen("tcp", listen)
	if err != nil {
		t.Fatal(err)
	}
	mux := http.NewServeMux()
	mux.HandleFunc("POST /agent/v1/enroll", a.enroll)
	mux.HandleFunc("POST /agent/v1/poll", a.poll)
	mux.HandleFunc("POST /agent/v1/report", a.report)
	mux.HandleFunc("POST /agent/v1/answer", a.answer)
	a.ln, a.srv = ln, &http.Server{Handler: a.faulty(mux), TLSConfig: a.conf, ReadHeaderTimeout: time.Minute}
	go a.srv.ServeTLS(ln, "", "")
}

// Stop takes the appliance off the network at once.
func (a *Appliance) Stop() { a.srv.Close() }

// Restart brings a stopped appliance back on the same address.
func (a *Appliance) Restart(t testing.TB) {
	t.Helper()
	a.serve(t, a.ln.Addr().String())
}

func (a *Appliance) faulty(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if a.Fault != nil {
			if status, late := a.Fault(r.URL.Path); status != 0 {
				if late {
					next.ServeHTTP(discard{}, r)
				}
				w.WriteHeader(status)
				return
			}
		}
		next.ServeHTTP(w, r)
	})
}

type discard struct{}

func (discard) Header() http.Header         { return http.Header{} }
func (discard) Write(p []byte) (int, error) { return len(p), nil }
func (discard) WriteHeader(int)             {}

func refuse(w http.ResponseWriter, status int, code inventory.Code, text string) {
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(map[string]string{"code": string(code), "text": text})
}

func (a *Appliance) enroll(w http.ResponseWriter, r *http.Request) {
	var req inventory.EnrollRequest
	if err := json.NewDecoder(r.Body).Decode(&req); err != nil || req.Nonce != a.Nonce {
		refuse(w, http.StatusUnauthorized, inventory.Unauthorised, "no boot is due with that nonce")
		return
	}
	cert, err := a.CA.SignAgent(req.CSR, req.Node)
	if err != nil {
		refuse(w, http.StatusBadRequest, inventory.Invalid, err.Error())
		return
	}
	_ = json.NewEncoder(w).Encode(inventory.EnrollReply{Certificate: cert, Now: time.Now()})
}

func (a *Appliance) poll(w http.ResponseWriter, r *http.Request) {
	var req inventory.PollRequest
	if !a.known(w, r) || json.NewDecoder(r.Body).Decode(&req) != nil {
		return
	}
	a.change(func() { a.polls = append(a.polls, req) })
	hold := time.NewTimer(a.Hold)
	defer hold.Stop()
	for {
		due, calls, wake := a.due(req)
		if len(due)+len(calls) > 0 {
			_ = json.NewEncoder(w).Encode(inventory.PollReply{Tasks: due, Calls: calls})
			return
		}
		select {
		case <-wake:
		case <-hold.C:
			_ = json.NewEncoder(w).Encode(inventory.PollReply{})
			return
		case <-r.Context().Done():
			return
		}
	}
}

func (a *Appliance) known(w http.ResponseWriter, r *http.Request) bool {
	if len(r.TLS.PeerCertificates) == 0 {
		refuse(w, http.StatusUnauthorized, inventory.Unauthorised, "no client certificate")
		return false
	}
	return true
}

func (a *Appliance) due(req inventory.PollRequest) ([]inventory.Task, []inventory.Call, chan struct{}) {
	a.mu.Lock()
	defer a.mu.Unlock()
	out := a.forced
	a.forced = nil
	for _, t := range a.tasks {
		if _, ended := a.final(t); !ended && !slices.Contains(req.Running, t.Key) {
			out = append(out, t)
		}
	}
	calls := a.calls
	a.calls = nil
	return out, calls, a.changed
}

func (a *Appliance) report(w http.ResponseWriter, r *http.Request) {
	var rep inventory.StepReport
	if !a.known(w, r) || json.NewDecoder(r.Body).Decode(&rep) != nil {
		return
	}
	a.change(func() { a.reports = append(a.reports, rep) })
	w.WriteHeader(http.StatusNoContent)
}

func (a *Appliance) change(f func()) {
	a.mu.Lock()
	defer a.mu.Unlock()
	f()
	close(a.changed)
	a.changed = make(chan struct{})
}

// final returns the first final report of a task's attempt. The lock is held.
func (a *Appliance) final(t inventory.Task) (inventory.StepReport, bool) {
	for _, r := range a.reports {
		if r.Key == t.Key && r.Attempt == t.Attempt && r.Run == t.Run && r.State != inventory.StepRunning {
			return r, true
		}
	}
	return inventory.StepReport{}, false
}

// Give hands a task out, in place of earlier attempts at it.
func (a *Appliance) Give(t inventory.Task) {
	a.change(func() {
		a.tasks = append(slices.DeleteFunc(a.tasks, func(o inventory.Task) bool { return o.Key == t.Key }), t)
	})
}

// HandOut answers the next poll with a task even if its key is in work.
func (a *Appliance) HandOut(t inventory.Task) {
	a.Give(t)
	a.change(func() { a.forced = append(a.forced, t) })
}

// Forget takes the reports of a key back, as if they had never arrived.
func (a *Appliance) Forget(key string) {
	a.change(func() {
		a.reports = slices.DeleteFunc(a.reports, func(r inventory.StepReport) bool { return r.Key == key })
	})
}

// Reports returns what arrived so far, in order.
func (a *Appliance) Reports() []inventory.StepReport {
	a.mu.Lock()
	defer a.mu.Unlock()
	return slices.Clone(a.reports)
}

// Until waits until ok holds of the reports and polls, or fails the test.
func (a *Appliance) Until(t testing.TB, what string, limit time.Duration, ok func(reports []inventory.StepReport, polls []inventory.PollRequest) bool) {
	t.Helper()
	end := time.NewTimer(limit)
	defer end.Stop()
	for {
		a.mu.Lock()
		good, wake := ok(a.reports, a.polls), a.changed
		a.mu.Unlock()
		if good {
			return
		}
		select {
		case <-wake:
		case <-end.C:
			t.Fatalf("waited %s for %s; reports: %+v", limit, what, a.Reports())
		}
	}
}

// Do hands a task out and waits for its final report.
func (a *Appliance) Do(t testing.TB, task inventory.Task, limit time.Duration) inventory.StepReport {
	t.Helper()
	a.Give(task)
	var rep inventory.StepReport
	a.Until(t, "the end of "+task.Key, limit, func([]inventory.StepReport, []inventory.PollRequest) (ok bool) {
		rep, ok = a.final(task)
		return ok
	})
	return rep
}
