package installer_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"sandai/bmc"
	"sandai/installer"
	"sandai/installer/guide"
	"sandai/installer/guide/kind"
	"sandai/installer/keep"
	"sandai/installer/pki"
	"sandai/inventory"
	"sandai/inventory/db"
)

// patience bounds a run of stand-in nodes, which takes seconds; a machine that is
// busy with other tests may need many times as long.
const patience = 3 * time.Minute

// TestKilledAnywhere ends the engine after every single event of a run and
// starts a new one on the same store: the run ends well, and no step is
// finished twice.
func TestKilledAnywhere(t *testing.T) {
	total := runOnce(t, 0)
	for kill := 1; kill < total; kill += max(1, total/12) {
		t.Run(fmt.Sprintf("after event %d", kill), func(t *testing.T) { runOnce(t, kill) })
	}
}

// runOnce runs a whole installation; with kill > 0 the engine is ended once that
// many events are stored. It returns how many events there were.
func runOnce(t *testing.T, kill int) int {
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	w := newWorld(t)
	stop := w.start(ctx)
	run, err := w.engine().Install(ctx, "demo", inventory.InstallRequest{})
	if err != nil {
		t.Fatal(err)
	}
	killed := kill == 0
	for {
		evs, err := w.store.Events(ctx, 0, 10000)
		if err != nil {
			t.Fatal(err, w.unfinished(1))
		}
		if !killed && len(evs) >= kill {
			stop()
			killed = true
			stop = w.start(ctx)
		}
		run, err = w.store.Run(ctx, run.ID)
		if err != nil {
			t.Fatal(err, w.unfinished(run.ID))
		}
		if run.State != inventory.RunActive {
			break
		}
		time.Sleep(2 * time.Millisecond) // the poll of a condition, bounded by ctx
	}
	stop()
	if run.State != inventory.RunDone {
		t.Fatalf("the run is %s: %s", run.State, run.Reason)
	}
	evs, err := w.store.Events(context.Background(), 0, 10000)
	if err != nil {
		t.Fatal(err)
	}
	done := doneIn(evs)
	steps, err := w.store.Steps(context.Background(), run.ID)
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range steps {
		if s.State != inventory.StepDone || done[s.Key] != 1 {
			t.Errorf("%s is %s and was done %d times", s.Key, s.State, done[s.Key])
		}
	}
	if again, err := w.engine().Install(context.Background(), "demo", inventory.InstallRequest{}); err != nil || again.ID != run.ID || again.State != inventory.RunDone {
		t.Errorf("a second install: run %d %s, %v; want nothing to do", again.ID, again.State, err)
	}
	return len(evs)
}

// doneIn counts how often each step was done.
func doneIn(evs []inventory.Event) map[string]int {
	done := map[string]int{}
	for _, e := range evs {
		if e.Type == inventory.EventStep && strings.HasSuffix(e.Text, " done") {
			done[e.Step]++
		}
	}
	return done
}

// world is a rack whose nodes are goroutines that speak the engine's own calls.
type world struct {
	t       *testing.T
	store   *db.Store
	keepDir string // what nodes that are reinstalled leave with the appliance
	ca      *pki.CA
	rack    inventory.Rack
	guide   installer.Guide
	waits   time.Duration // how long a node's agent waits for work
	old     bool          // the agents are of a version that cannot only look
	cloud   installer.Cloud
	done    func(context.Context, inventory.Rack, inventory.Run) error

	mu   sync.Mutex
	kept installer.Store // what the next engine gets; store, if nothing else is said
	// killed are the steps, with their state, at which an engine was ended.
	killed map[string]bool
	eng    *installer.Engine
	fails  map[string]int  // how often the agent still fails at a step
	gone   map[string]bool // nodes whose agent died
	lives  map[string]int  // how often a node was powered on: a life ends with the next
	on     map[string]bool // nodes that have power
	tasks  []string        // keys of what was handed out outside of runs
	drift  map[string]bool // steps that a look finds not to be so; to carry one out mends it
	looked []string        // keys of what was only to be looked at
	given  map[string]inventory.Task
	held   string // the step whose end waits until free is closed
	free   chan struct{}
	// slowBMC, if any, is called before a machine is switched on or off.
	slowBMC func(ctx context.Context, node string)
}

// anyCA is made once: its key takes longer than many a test.
var anyCA = sync.OnceValues(func() (*pki.CA, error) { return pki.Load(context.Background(), noSecrets{}) })

// noSecrets keeps nothing.
type noSecrets struct{}

func (noSecrets) EnsureSecret(_ context.Context, _ uint, _ string, gen func() (string, error)) (string, error) {
	return gen()
}

func newWorld(t *testing.T) *world {
	dir := t.TempDir()
	s, err := db.Open(t.Context(), filepath.Join(dir, "db"), filepath.Join(dir, "keys"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	ca, err := anyCA()
	if err != nil {
		t.Fatal(err)
	}
	r := inventory.Rack{Name: "demo", Release: "2025.1", Region: "RegionOne", Interface: "eth1", Address: "10.77.0.1/24",
		Networks: []inventory.Network{{Kind: inventory.Provisioning, CIDR: "10.77.0.0/24", PoolStart: "10.77.0.100", PoolEnd: "10.77.0.199", MTU: 1500}}}
	pw := map[string]string{}
	for i, role := range []inventory.Role{inventory.Controller, inventory.NetworkRole, inventory.Compute} {
		name := string(role) + "-1"
		pw[name] = "secret"
		r.Nodes = append(r.Nodes, inventory.Node{Name: name, Role: role, Firmware: inventory.BIOS, State: inventory.Ready, Since: time.Now(),
			Address: fmt.Sprintf("10.77.0.%d", 11+i), SystemDisk: "SYS",
			NICs: []inventory.NIC{{Network: inventory.Provisioning, MAC: fmt.Sprintf("52:54:00:00:00:%02x", i)}},
			BMC:  &inventory.BMC{Kind: "ipmi", Address: "192.0.2.1", Port: 623 + i, User: "admin"}})
	}
	if err := s.PutRack(t.Context(), r, pw); err != nil {
		t.Fatal(err)
	}
	if r, err = s.Rack(t.Context(), "demo"); err != nil {
		t.Fatal(err)
	}
	return &world{t: t, store: s, kept: s, keepDir: filepath.Join(dir, "kept"), ca: ca, rack: r, guide: shortGuide{}, cloud: sunny{}, waits: 50 * time.Millisecond, fails: map[string]int{}, drift: map[string]bool{}, given: map[string]inventory.Task{}, gone: map[string]bool{}, lives: map[string]int{}, on: map[string]bool{}}
}

// unfinished lists the steps that are not done, for a failure's message.
func (w *world) unfinished(run uint) (out []string) {
	steps, err := w.store.Steps(context.Background(), run)
	if err != nil {
		return []string{err.Error()}
	}
	for _, s := range steps {
		if s.State != inventory.StepDone {
			out = append(out, fmt.Sprintf("%s %s needs %v", s.Key, s.State, s.Needs))
		}
	}
	return out
}

func (w *world) engine() *installer.Engine {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.eng
}

// start starts an engine; stop ends it and waits for its end.
func (w *world) start(ctx context.Context) (stop func()) {
	ctx, cancel := context.WithCancel(ctx)
	e := installer.New(installer.Config{
		Store: w.kept, Guide: w.guide, Images: noImages{}, Signer: w.ca, Keep: keep.Files{Dir: w.keepDir}, Log: slog.New(slog.DiscardHandler),
		BMCs:      func(c bmc.Config) (bmc.Controller, error) { return &machine{w: w, port: c.Port, life: ctx}, nil },
		Cloud:     w.cloudOf,
		ImagesURL: func(inventory.Rack) string { return "http://10.77.0.1:8069" },
		Done:      w.done,
	})
	w.mu.Lock()
	w.eng = e
	w.mu.Unlock()
	done := make(chan struct{})
	go func() { defer close(done); _ = e.Run(ctx) }()
	return func() { cancel(); <-done }
}

func (w *world) cloudOf(r inventory.Rack, _ string) installer.Cloud {
	if c, ok := w.cloud.(*hosting); ok {
		c.of(r)
	}
	return w.cloud
}

// machine is a BMC whose machine, once on, asks for its boot and installs itself.
type machine struct {
	bmc.Controller
	w    *world
	port int
	life context.Context
}

func (m *machine) name() string { return m.w.rack.Nodes[m.port-623].Name }

func (m *machine) PowerState(context.Context) (bmc.PowerState, error) {
	m.w.mu.Lock()
	defer m.w.mu.Unlock()
	if m.w.on[m.name()] {
		return bmc.PowerOn, nil
	}
	return bmc.PowerOff, nil
}

func (m *machine) SetBootDevice(context.Context, bmc.BootDevice, bool) error { return nil }

func (m *machine) SetPower(ctx context.Context, op bmc.PowerOp) error {
	m.w.mu.Lock()
	slow := m.w.slowBMC
	m.w.mu.Unlock()
	if slow != nil {
		slow(ctx, m.name())
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	m.w.mu.Lock()
	m.w.on[m.name()] = op != bmc.PowerOpOff
	m.w.mu.Unlock()
	if op == bmc.PowerOpOff {
		m.w.setGone(m.name(), true)
		return nil
	}
	// The machine outlives the engine that powered it on.
	n := m.w.rack.Nodes[m.port-623]
	m.w.setGone(n.Name, false)
	m.w.mu.Lock()
	m.w.lives[n.Name]++
	life := m.w.lives[n.Name]
	m.w.mu.Unlock()
	go m.w.live(m.w.t.Context(), n, life)
	return nil
}

// live is a node's life from its first DHCP frame. It speaks to whichever
// engine is there, and repeats what got no answer.
func (w *world) live(ctx context.Context, n inventory.Node, life int) {
	m := inventory.Machine{MAC: n.MAC(inventory.Provisioning)}
	d, err := w.engine().Spend(ctx, w.rack.ID, m)
	if err != nil || d.Action != inventory.BootRamdisk {
		return // an earlier start of the same machine took the nonce
	}
	for _, ty := range []inventory.EventType{inventory.EventDHCPDiscover, inventory.EventDHCPAck, inventory.EventScript, inventory.EventKernel, inventory.EventRamdisk} {
		if err := w.engine().Record(ctx, inventory.Event{Type: ty, MAC: m.MAC, Text: string(ty)}); err != nil {
			return
		}
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return
	}
	csr, err := x509.CreateCertificateRequest(rand.Reader, &x509.CertificateRequest{}, key)
	if err != nil {
		return
	}
	if _, err := w.engine().Enroll(ctx, w.rack.ID, inventory.EnrollRequest{Node: n.Name, Nonce: d.Nonce,
		CSR: string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE REQUEST", Bytes: csr}))}); err != nil {
		return
	}
	req := inventory.PollRequest{Stage: inventory.StageRamdisk, Look: !w.old}
	for ctx.Err() == nil && !w.isOver(n.Name, life) {
		short, cancel := context.WithTimeout(ctx, w.waits)
		reply, err := w.engine().Poll(short, w.rack.ID, n.Name, req)
		cancel()
		if err != nil { // no work within the time, or the engine is being ended
			continue
		}
		for _, t := range reply.Tasks {
			rep := inventory.StepReport{Run: t.Run, Key: t.Key, Attempt: t.Attempt, State: inventory.StepRunning}
			if t.Run == 0 {
				w.note(t.Key)
			}
			w.report(ctx, n.Name, rep)
			w.wait(t.Key)
			rep = w.outcome(t, rep)
			if t.Kind == "inspect" && rep.State == inventory.StepDone {
				rep.Hardware = hardware()
			}
			w.report(ctx, n.Name, rep)
			if t.Kind == "restart" {
				return
			}
			if t.Kind == "handover" {
				nonce, err := w.store.Secret(ctx, w.rack.ID, "install_nonce/"+n.Name)
				if err != nil {
					return
				}
				req.Stage, req.InstallNonce = inventory.StageInstalled, nonce
			}
		}
	}
}

// report sends a report, where engines are ended all the time until it is accepted.
func (w *world) report(ctx context.Context, node string, r inventory.StepReport) {
	for w.engine().TakeReport(ctx, w.rack.ID, node, r) != nil && w.killed != nil && ctx.Err() == nil {
		time.Sleep(time.Millisecond)
	}
}

func (w *world) isOver(node string, life int) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.gone[node] || w.lives[node] != life
}

func (w *world) setGone(node string, gone bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.gone[node] = gone
}

// hardware is what every machine is made of.
func hardware() *inventory.Hardware {
	return &inventory.Hardware{Product: "Acme R1", Cores: 4, MemoryMB: 4000, BootMode: "bios",
		Disks: []inventory.DiskInfo{{Name: "/dev/sda", Serial: "SYS", Bytes: 20e9, Contents: []string{"ext4 old"}}, {Name: "/dev/sdb", Serial: "VOL", Bytes: 100e9}},
		NICs:  []inventory.NICInfo{{Name: "eth0", MAC: "52:54:00:00:00:01", Link: true}, {Name: "eth1", MAC: "52:54:00:00:01:01", Link: true}}}
}

func (w *world) note(key string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.tasks = append(w.tasks, key)
}

func (w *world) noted() []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return append([]string(nil), w.tasks...)
}

// hold makes the end of a step wait for release.
func (w *world) hold(key string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.held, w.free = key, make(chan struct{})
}

func (w *world) release() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.held = ""
	close(w.free)
}

func (w *world) wait(key string) {
	w.mu.Lock()
	held, free := w.held, w.free
	w.mu.Unlock()
	if held == key {
		select {
		case <-free:
		case <-w.t.Context().Done():
		}
	}
}

// outcome is how a step ends on a node.
func (w *world) outcome(t inventory.Task, r inventory.StepReport) inventory.StepReport {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.given[r.Key] = t
	r.State, r.Changed = inventory.StepDone, w.drift[r.Key]
	if r.Changed {
		r.Diff = "- as it was\n+ as it should be\n"
	}
	if t.Look {
		w.looked = append(w.looked, r.Key)
		return r
	}
	delete(w.drift, r.Key)
	if w.fails[r.Key] > 0 {
		w.fails[r.Key]--
		r.State, r.Reason = inventory.StepFailed, "exit status 1"
	}
	return r
}

// shortGuide is a guide of a step for each node and one for the rack, which
// waits for all of them.
type shortGuide struct{}

func (shortGuide) Compile(r inventory.Rack) ([]inventory.Step, error) {
	last := inventory.Step{Key: "rack/proof/ping", Chapter: "proof", Kind: "api", Owner: inventory.OwnerAppliance, Timeout: 60,
		Spec: []byte(`{"flavor": {"name": "m1.nano", "ram": 192, "vcpus": 1, "disk": 1}}`)}
	var out []inventory.Step
	for _, n := range r.Nodes {
		if n.Role == "" {
			continue
		}
		k := n.Name + "/environment/hosts"
		out = append(out, inventory.Step{Key: k, Node: n.Name, Chapter: "environment", Kind: "file", Owner: inventory.OwnerAgent, Timeout: 60, Needs: []string{n.Name + "/boot/boot"}})
		last.Needs = append(last.Needs, k)
	}
	return append(out, last), nil
}

func (shortGuide) Secrets() []guide.SecretSpec {
	return []guide.SecretSpec{{Name: installer.AdminSecret, Generator: "password"}}
}

type noImages struct{}

func (noImages) Get(name string) (inventory.Image, error) {
	return inventory.Image{Name: name, Digest: strings.Repeat("0", 64)}, nil
}

func (noImages) Open(context.Context, string) (io.ReadCloser, inventory.Image, error) {
	return nil, inventory.Image{}, errors.New("no images here")
}

type sunny struct{}

func (sunny) Hosted(context.Context, string) (inventory.Hosted, error) {
	return inventory.Hosted{}, nil
}

func (sunny) Watched() (inventory.Journey, bool) { return inventory.Journey{}, false }

func (sunny) Journey(context.Context, inventory.Journey, installer.AskNode) (inventory.Journey, error) {
	return inventory.Journey{}, nil
}

func (sunny) Status(context.Context) inventory.CloudStatus {
	return inventory.CloudStatus{Services: []inventory.ServiceStatus{{Binary: "nova-scheduler", Up: true}}}
}

func (sunny) Do(context.Context, kind.API, func(string)) (bool, string, string, error) {
	return true, "64 bytes in 1 ms", "", nil
}
