package e2e

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"sandai/inventory"
	"sandai/lab"
)

// TestOneMachine installs plain Debian on one blank machine: it is powered on
// over IPMI, boots over the network, is inspected, written, handed over, and
// reports from its own disk. The appliance is killed in the middle. At the end
// the machine is power-cycled and must come back from its disk alone.
func TestOneMachine(t *testing.T) {
	needRoot(t)
	// One processor: with two, QEMU's emulation can run an instruction of a kernel
	// that is just patching itself, and the guest panics (int3 in an idle loop).
	r := newRig(t, cache(), []lab.Machine{{Name: "compute-1", Role: "compute", MemoryMB: 2048, VCPUs: 1, SystemGB: 8}})
	r.cli("image", "build", "--cache", cache(), "--only", "base,deploy-kernel,deploy-ramdisk,undionly.kpxe,ipxe.efi")
	r.serve()
	r.cli("rack", "import", r.plainDebian())
	r.cli("rack", "install")

	r.until("the image is being written", 10*time.Minute, func(s steps) bool {
		w := s["compute-1/write/write"]
		return w.State == inventory.StepRunning && w.Progress > 0.05 || w.State == inventory.StepDone
	})
	r.kill()
	r.serve()
	r.until("the installed system reports", 15*time.Minute, func(s steps) bool {
		return s["compute-1/boot/boot"].State == inventory.StepDone
	})
	r.oncePerStep()

	before := r.node().LastSeen
	r.cli("node", "power", "compute-1", "cycle")
	cycled := time.Now()
	r.wait("the machine comes back from its own disk", 5*time.Minute, func() bool {
		n := r.node()
		return n.LastSeen.After(before) && n.LastSeen.After(cycled.Add(3*time.Second)) && n.State == inventory.Active
	})
	if con := r.console(); !strings.Contains(con, "GRUB") && !strings.Contains(con, "Booting from Hard Disk") {
		t.Errorf("the console shows no boot from the disk:\n%s", last(con, 2000))
	}
	r.nothingToDo()
	r.noSecrets()
}

type steps map[string]inventory.Step

// rig is a virtual rack with the appliance on it.
type rig struct {
	*testing.T
	rack  *lab.Rack
	dir   string
	bin   string
	cache string // of images
	proc  lab.Process
}

func newRig(t *testing.T, cache string, machines []lab.Machine) *rig {
	t.Helper()
	dir := t.TempDir()
	bin := filepath.Join("..", "bin")
	for _, b := range []string{"appliance", "agent"} {
		if _, err := os.Stat(filepath.Join(bin, b)); err != nil {
			t.Fatalf("bin/%s is missing: run make build first", b)
		}
	}
	bin, err := filepath.Abs(bin)
	if err != nil {
		t.Fatal(err)
	}
	rack, err := lab.Up(t.Context(), lab.Options{
		Dir: dir, Name: "e2e-" + strings.ToLower(rand.Text()[:6]),
		Machines: machines,
		Helper:   []string{filepath.Join(bin, "appliance"), "lab"},
	})
	if err != nil {
		t.Fatal(err)
	}
	r := &rig{T: t, rack: rack, dir: dir, bin: bin, cache: cache}
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("console:\n%s", last(r.console(), 6000))
			log, _ := os.ReadFile(filepath.Join(dir, "appliance.log"))
			t.Logf("appliance:\n%s", last(string(log), 6000))
		}
		if err := rack.Down(context.Background(), false); err != nil {
			t.Error(err)
		}
	})
	return r
}

// cli runs the appliance's command line as a user does.
func (r *rig) cli(args ...string) string {
	r.Helper()
	cmd := r.command(args...)
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	if err := cmd.Run(); err != nil {
		r.Fatalf("appliance %s: %v\n%s\n%s", strings.Join(args, " "), err, last(out.String(), 3000), last(errs.String(), 3000))
	}
	return out.String()
}

// command is the appliance's command line, to be run.
func (r *rig) command(args ...string) *exec.Cmd {
	return exec.CommandContext(r.Context(), filepath.Join(r.bin, "appliance"), append([]string{"--state", r.dir}, args...)...)
}

func (r *rig) serve() {
	r.Helper()
	p, err := r.rack.Background(filepath.Join(r.dir, "appliance.log"), filepath.Join(r.bin, "appliance"), "serve", "--state", r.dir, "--cache", r.cache)
	if err != nil {
		r.Fatal(err)
	}
	r.proc = p
	r.cli("wait")
}

// kill ends the appliance as a power cut would.
func (r *rig) kill() {
	r.Helper()
	p, err := os.FindProcess(r.proc.PID)
	if err != nil {
		r.Fatal(err)
	}
	if err := p.Kill(); err != nil {
		r.Fatal(err)
	}
	r.wait("the appliance is gone", 10*time.Second, func() bool { return !r.proc.Alive() })
}

// plainDebian is the rack's file with the release that has no cloud.
func (r *rig) plainDebian() string {
	r.Helper()
	b, err := os.ReadFile(r.rack.File())
	if err != nil {
		r.Fatal(err)
	}
	s := string(b)
	changed := strings.Replace(s, `release: "2025.1"`, "release: "+inventory.ReleaseDebian, 1)
	if changed == s {
		r.Fatalf("rack.yaml has no release to change:\n%s", s)
	}
	path := filepath.Join(r.dir, "debian.yaml")
	if err := os.WriteFile(path, []byte(changed), 0o600); err != nil {
		r.Fatal(err)
	}
	return path
}

func (r *rig) get(path string, into any) {
	r.Helper()
	if err := r.tryGet(path, into); err != nil {
		r.Fatal(err)
	}
}

func (r *rig) tryGet(path string, into any) error {
	token, err := os.ReadFile(filepath.Join(r.dir, "token"))
	if err != nil {
		return err
	}
	req, err := http.NewRequestWithContext(r.Context(), http.MethodGet, r.rack.URL()+"/api/v1/"+path, nil)
	if err != nil {
		return err
	}
	req.Header.Set("Authorization", "Bearer "+string(bytes.TrimSpace(token)))
	resp, err := r.client().Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != http.StatusOK {
		return fmt.Errorf("GET %s: %s %v: %s", path, resp.Status, err, last(string(body), 500))
	}
	return json.Unmarshal(body, into)
}

// client trusts the appliance's CA, as a browser does that has imported it.
func (r *rig) client() *http.Client {
	r.Helper()
	ca, err := os.ReadFile(filepath.Join(r.dir, "ca.pem"))
	if err != nil {
		r.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(ca)
	return &http.Client{Transport: &http.Transport{DisableKeepAlives: true, TLSClientConfig: &tls.Config{RootCAs: pool}}}
}

// events pages through all events; the API gives at most 500 at once.
func (r *rig) events() (all []inventory.Event) {
	for {
		var page []inventory.Event
		after := uint(0)
		if len(all) > 0 {
			after = all[len(all)-1].ID
		}
		r.get(fmt.Sprintf("events?limit=500&after=%d", after), &page)
		if len(page) == 0 {
			return all
		}
		all = append(all, page...)
	}
}

func (r *rig) rackState() (out inventory.Rack) {
	r.get("racks/"+r.rack.Name(), &out)
	return out
}

func (r *rig) node() inventory.Node { return r.rackState().Nodes[0] }

func (r *rig) steps() steps {
	var runs []inventory.Run
	r.get("racks/"+r.rack.Name()+"/runs", &runs)
	if len(runs) != 1 {
		r.Fatalf("there are %d runs, want 1", len(runs))
	}
	if runs[0].State == inventory.RunFailed {
		r.Fatalf("the run failed: %s", runs[0].Reason)
	}
	var list []inventory.Step
	r.get(fmt.Sprintf("runs/%d/steps", runs[0].ID), &list)
	out := steps{}
	for _, s := range list {
		out[s.Key] = s
	}
	return out
}

func (r *rig) until(what string, limit time.Duration, done func(steps) bool) {
	r.Helper()
	r.wait(what, limit, func() bool { return done(r.steps()) })
}

// wait polls a condition; it fails the test when it does not become true.
func (r *rig) wait(what string, limit time.Duration, done func() bool) {
	r.Helper()
	ctx, cancel := context.WithTimeout(r.Context(), limit)
	defer cancel()
	began := time.Now()
	for t := time.NewTicker(300 * time.Millisecond); !done(); {
		select {
		case <-ctx.Done():
			t.Stop()
			r.Fatalf("after %s still not so: %s", limit, what)
		case <-t.C:
		}
	}
	r.Logf("%6.1f s: %s", time.Since(began).Seconds(), what)
}

// oncePerStep checks that no step was finished twice, though the appliance was
// killed in between.
func (r *rig) oncePerStep() {
	r.Helper()
	done := r.timesDone()
	for key, s := range r.steps() {
		if done[key] != 1 || s.Attempt != 1 {
			r.Errorf("%s was done %d times, attempt %d", key, done[key], s.Attempt)
		}
		r.Logf("%6.1f s  %s", s.EndedAt.Sub(*s.StartedAt).Seconds(), key)
	}
}

// timesDone is how often each step was finished, by its key.
func (r *rig) timesDone() map[string]int {
	r.Helper()
	done := map[string]int{}
	for _, e := range r.events() {
		if e.Type == inventory.EventStep && strings.HasSuffix(e.Text, " done") {
			done[e.Step]++
		}
	}
	return done
}

// nothingToDo checks that a second install changes nothing.
func (r *rig) nothingToDo() {
	r.Helper()
	before := r.steps()
	if out := r.cli("rack", "install"); !strings.Contains(out, "othing to do") {
		r.Errorf("a second install says %q", out)
	}
	if d := cmp.Diff(before, r.steps()); d != "" {
		r.Errorf("a second install changed steps: %s", d)
	}
}

// noSecrets looks for the BMC's password in every log and API answer.
func (r *rig) noSecrets() {
	r.Helper()
	_, _, password, err := r.rack.BMC("compute-1")
	if err != nil {
		r.Fatal(err)
	}
	token, err := os.ReadFile(filepath.Join(r.dir, "token"))
	if err != nil {
		r.Fatal(err)
	}
	log, err := os.ReadFile(filepath.Join(r.dir, "appliance.log"))
	if err != nil {
		r.Fatal(err)
	}
	found := map[string]string{"the appliance's log": string(log), "the console": r.console()}
	for _, path := range []string{"racks", "racks/" + r.rack.Name(), "racks/" + r.rack.Name() + "/plan", "racks/" + r.rack.Name() + "/report", "events?limit=500"} {
		var v any
		r.get(path, &v)
		b, err := json.Marshal(v)
		if err != nil {
			r.Fatal(err)
		}
		found[path] = string(b)
	}
	db, err := os.ReadFile(filepath.Join(r.dir, "sandai.db"))
	if err != nil {
		r.Fatal(err)
	}
	found["the database"] = string(db)
	for where, text := range found {
		if strings.Contains(text, password) {
			r.Errorf("the BMC's password is in %s", where)
		}
		if strings.Contains(text, string(bytes.TrimSpace(token))) {
			r.Errorf("the command line's token is in %s", where)
		}
	}
}

func (r *rig) console() string {
	path, err := r.rack.Console("compute-1")
	if err != nil {
		return err.Error()
	}
	b, _ := os.ReadFile(path)
	return string(b)
}

func last(s string, n int) string {
	if len(s) > n {
		return "…" + s[len(s)-n:]
	}
	return s
}

// cache is where images are kept between runs.
func cache() string {
	if d := os.Getenv("SANDAI_CACHE"); d != "" {
		return d
	}
	return "/var/cache/sandai"
}

// needRoot skips where there is no root; in CI that is a failure.
func needRoot(t *testing.T) {
	t.Helper()
	switch {
	case os.Geteuid() == 0:
	case os.Getenv("CI") != "":
		t.Fatal("this test needs root")
	default:
		t.Skip("this test needs root: QEMU, namespaces and chroots")
	}
}
