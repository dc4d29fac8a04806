package e2e

import (
	"bytes"
	"context"
	"crypto/rand"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"

	"sandai/inventory"
	"sandai/lab/standin"
)

// askFaults are of people who ask for two things at once.
func askFaults() []fault {
	return []fault{
		{
			name: "two installs are asked for at once", brief: true, ends: mended,
			before: func(f *faulty) {
				f.knobs("compute-1", standin.Knob{Step: "compute-1/write/write", Hang: true})
				var wg sync.WaitGroup
				for range 4 {
					wg.Go(func() {
						if out, err := f.command("rack", "install").CombinedOutput(); err != nil {
							f.Errorf("an install asked for beside others: %v: %s", err, out)
						}
					})
				}
				wg.Wait()
				if n := len(f.runs()); n != 1 {
					f.Errorf("four installs asked for at once made %d runs", n)
				}
				f.knobs("compute-1")
			},
		},
		{
			name: "a node that is being installed is to be inspected too", ends: mended,
			before: func(f *faulty) { f.knobs("compute-1", standin.Knob{Step: "compute-1/write/write", Hang: true}) },
			during: func(f *faulty) {
				f.holdAt("compute-1", "compute-1/write/write")
				out, err := f.command("rack", "inspect", "--node", "compute-1").CombinedOutput()
				if err == nil || !strings.Contains(string(out), "would interrupt it") {
					f.Errorf("the inspection of a node that is being installed: %v: %s", err, out)
				}
				f.saw = strings.TrimSpace(string(out))
				if runs := f.runs(); len(runs) != 1 || runs[0].State != inventory.RunActive {
					f.Errorf("the runs are %v", runs)
				}
				f.knobs("compute-1")
			},
		},
		{name: "two appliances on one network", ends: parked, whole: func(f *faulty) (string, string) { return f.second() }},
	}
}

// second has another appliance, on a host of its own, want to serve the same
// network: it refuses, and the first does not notice.
func (f *faulty) second() (seen, reason string) {
	f.Helper()
	f.serve()
	f.cli("rack", "import", f.plainDebian())
	ns := "sandai-second-" + strings.ToLower(rand.Text()[:6])
	f.ip("netns", "add", ns)
	f.Cleanup(func() { f.ip("netns", "del", ns) })
	f.ip("link", "add", "second0", "netns", f.rack.Namespace(), "type", "veth", "peer", "name", "br-mgmt", "netns", ns)
	f.ip("-n", f.rack.Namespace(), "link", "set", "second0", "master", "br-mgmt", "up")
	f.ip("-n", ns, "link", "set", "lo", "up")
	f.ip("-n", ns, "link", "set", "br-mgmt", "up")
	b, err := os.ReadFile(filepath.Join(f.dir, "debian.yaml"))
	if err != nil {
		f.Fatal(err)
	}
	state := f.TempDir()
	file := filepath.Join(state, "second.yaml")
	if err := os.WriteFile(file, bytes.Replace(b, []byte("address: 10.77.0.1/24"), []byte("address: 10.77.0.2/24"), 1), 0o600); err != nil {
		f.Fatal(err)
	}
	log, err := os.Create(filepath.Join(state, "appliance.log"))
	if err != nil {
		f.Fatal(err)
	}
	defer log.Close()
	inside := func(args ...string) *exec.Cmd {
		return exec.CommandContext(f.Context(), "ip", append([]string{"netns", "exec", ns, filepath.Join(f.bin, "appliance"), "--state", state}, args...)...)
	}
	serve := inside("serve", "--cache", f.cache)
	serve.Stderr = log
	if err := serve.Start(); err != nil {
		f.Fatal(err)
	}
	defer func() {
		_ = serve.Process.Kill()
		_ = serve.Wait()
	}()
	for _, args := range [][]string{{"wait"}, {"rack", "import", file}} {
		if out, err := inside(args...).CombinedOutput(); err != nil {
			f.Fatalf("%v: %v: %s", args, err, out)
		}
	}
	f.wait("the second refuses", limit, func() bool {
		out, err := os.ReadFile(log.Name())
		if err != nil {
			f.Fatal(err)
		}
		if _, after, ok := strings.Cut(string(out), "another DHCP server answers on"); ok {
			after, _, _ = strings.Cut(after, "\"")
			seen = "another DHCP server answers on" + after
		}
		return seen != ""
	})
	if !strings.Contains(seen, "10.77.0.1") {
		f.Errorf("the second does not name the first: %s", seen)
	}
	f.cli("rack", "install")
	if run := f.runEnds(); run.State != inventory.RunDone {
		f.Errorf("beside the second, the first's run is %s: %s", run.State, run.Reason)
	}
	f.intact()
	return seen, seen
}

func (f *faulty) ip(args ...string) {
	f.Helper()
	if out, err := exec.CommandContext(context.WithoutCancel(f.Context()), "ip", args...).CombinedOutput(); err != nil {
		f.Errorf("ip %s: %v: %s", strings.Join(args, " "), err, out)
	}
}
