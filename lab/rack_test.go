package lab

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/creack/pty"
)

func testLog(t *testing.T) *slog.Logger {
	return slog.New(slog.NewTextHandler(t.Output(), &slog.HandlerOptions{Level: slog.LevelDebug}))
}

// upSmall brings up a rack of one small machine.
func upSmall(t *testing.T) *Rack {
	t.Helper()
	need(t, true, "qemu-system-x86_64", "ipmi_sim", "ip", "nsenter", "ipmitool")
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	// A long folder with odd characters: neither socket paths nor quoting may mind.
	o := Options{Dir: filepath.Join(t.TempDir(), strings.Repeat("long ,", 15)), Name: fmt.Sprintf("t-%d", os.Getpid()),
		Machines: []Machine{{Name: "m1", Role: "compute", MemoryMB: 128, SystemGB: 1, VolumeGB: 1}}, Helper: []string{exe, helperWord}, Log: testLog(t)}
	r, err := Up(t.Context(), o)
	if r != nil {
		t.Cleanup(func() {
			if err := r.Down(context.Background(), false); err != nil {
				t.Error(err)
			}
		})
	}
	if err != nil {
		t.Fatal(err)
	}
	again, err := Up(t.Context(), o)
	if err != nil || len(again.Began) != 0 {
		t.Errorf("a second Up began %q: %v", again.Began, err)
	}
	return r
}

// ipmi talks to the first machine's BMC over the wire.
func ipmi(t *testing.T, r *Rack, args ...string) string {
	t.Helper()
	return ipmiOf(t, r, "m1", args...)
}

func ipmiOf(t *testing.T, r *Rack, machine string, args ...string) string {
	t.Helper()
	addr, user, password, err := r.BMC(machine)
	if err != nil {
		t.Fatal(err)
	}
	host, _, _ := net.SplitHostPort(addr)
	c := r.Exec(t.Context(), append([]string{"ipmitool", "-I", "lanplus", "-C", "3", "-H", host, "-U", user, "-P", password}, args...)...)
	out, err := c.CombinedOutput()
	if err != nil {
		t.Fatalf("ipmitool %q: %v: %s", args, err, out)
	}
	return string(out)
}

// sol opens serial over LAN and returns what tells what came over it so far.
func sol(t *testing.T, r *Rack) func() string {
	t.Helper()
	addr, user, password, err := r.BMC("m1")
	if err != nil {
		t.Fatal(err)
	}
	host, _, _ := net.SplitHostPort(addr)
	c := r.Exec(t.Context(), "ipmitool", "-I", "lanplus", "-C", "3", "-H", host, "-U", user, "-P", password, "sol", "activate")
	tty, err := pty.Start(c)
	if err != nil {
		t.Fatal(err)
	}
	var mu sync.Mutex
	var all []byte
	go func() {
		buf := make([]byte, 4096)
		for {
			n, err := tty.Read(buf)
			mu.Lock()
			all = append(all, buf[:n]...)
			mu.Unlock()
			if err != nil {
				return
			}
		}
	}()
	t.Cleanup(func() {
		_ = c.Process.Kill()
		_ = c.Wait()
		tty.Close()
	})
	heard := func() string {
		mu.Lock()
		defer mu.Unlock()
		return string(all)
	}
	waitFor(t, 20*time.Second, "serial over LAN", func() bool { return strings.Contains(heard(), "operational") })
	return heard
}

// console is what the machine wrote since the offset.
func console(t *testing.T, r *Rack, from int) string {
	t.Helper()
	path, err := r.Console("m1")
	if err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(path)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		t.Fatal(err)
	}
	return string(b[min(from, len(b)):])
}

const (
	fromDisk    = "Booting from Hard Disk"
	fromNetwork = "starting execution" // iPXE, begun from its ROM
)

// bootsFrom waits until the machine boots from something, and checks that it
// tried nothing else before.
func bootsFrom(t *testing.T, r *Rack, from int, want, not string) {
	t.Helper()
	// The machine's last words before the reset may come after from.
	sinceReset := func() string { _, after, _ := strings.Cut(console(t, r, from), "SeaBIOS (version"); return after }
	waitFor(t, time.Minute, want, func() bool { return strings.Contains(sinceReset(), want) })
	if before, _, _ := strings.Cut(sinceReset(), want); strings.Contains(before, not) {
		t.Errorf("before %q came: %q", want, before)
	}
}

func power(t *testing.T, r *Rack) string {
	return strings.TrimSpace(strings.TrimPrefix(ipmi(t, r, "chassis", "power", "status"), "Chassis Power is "))
}

func TestRack(t *testing.T) {
	r := upSmall(t)
	if s := r.Status(); !s.Up || s.Machines[0].Power || power(t, r) != "off" {
		t.Fatalf("a rack that just came up: %+v", s)
	}
	heard := sol(t, r)
	t.Run("one-shot pxe", func(t *testing.T) {
		ipmi(t, r, "chassis", "bootdev", "pxe")
		ipmi(t, r, "chassis", "power", "on")
		if power(t, r) != "on" {
			t.Error("power is not on after power on")
		}
		bootsFrom(t, r, 0, fromNetwork, fromDisk)
		begin := len(console(t, r, 0))
		guestReset(t, r)
		bootsFrom(t, r, begin, fromDisk, fromNetwork)
	})
	t.Run("serial over LAN", func(t *testing.T) {
		// What the BMC carries is what the machine said, from its first word on.
		first := console(t, r, 0)
		first = first[:strings.Index(first, fromNetwork)+len(fromNetwork)]
		waitFor(t, time.Minute, "the machine's start over the LAN", func() bool { return strings.Contains(heard(), fromNetwork) })
		_, got, _ := strings.Cut(heard(), "SOL Session operational.")
		if _, got, _ = strings.Cut(got, "\n"); !strings.HasPrefix(got, first) {
			t.Errorf("over the LAN came %q, the machine said %q", got, first)
		}
	})
	t.Run("reset", func(t *testing.T) {
		begin := len(console(t, r, 0))
		ipmi(t, r, "chassis", "power", "reset")
		bootsFrom(t, r, begin, fromDisk, fromNetwork)
		begin = len(console(t, r, 0))
		ipmi(t, r, "chassis", "bootdev", "pxe")
		ipmi(t, r, "chassis", "power", "reset")
		bootsFrom(t, r, begin, fromNetwork, fromDisk)
	})
	t.Run("power off", func(t *testing.T) {
		if s := r.Status().Machines[0]; !s.Power || s.RSS == 0 || s.PID == 0 {
			t.Errorf("status of a machine that is on: %+v", s)
		}
		ipmi(t, r, "chassis", "power", "off")
		if power(t, r) != "off" || r.Status().Machines[0].Power {
			t.Error("power is not off after power off")
		}
	})
	t.Run("guest powers off", func(t *testing.T) {
		writeBootSector(t, r)
		ipmi(t, r, "chassis", "power", "on")
		waitFor(t, time.Minute, "the guest's own power off", func() bool { return power(t, r) == "off" })
		if log := console(t, r, 0); !strings.Contains(log, fromDisk) {
			t.Errorf("the machine went off without a boot from disk: %s", log)
		}
	})
	t.Run("exec", func(t *testing.T) {
		err := r.Exec(t.Context(), "sh", "-c", "exit 7").Run()
		if err == nil || err.Error() != "exit status 7" {
			t.Errorf("exit 7 ended with %v", err)
		}
		if err := r.Exec(t.Context(), "ip", "route", "get", "192.0.2.1").Run(); err == nil {
			t.Error("the rack has a way out")
		}
	})
	t.Run("forwarder", func(t *testing.T) { testForwarder(t, r) })
	t.Run("simulator dies", func(t *testing.T) { testMend(t, r) })
	t.Run("another machine", func(t *testing.T) { testGrow(t, r) })
	t.Run("down", func(t *testing.T) { testDown(t, r) })
}

// guestReset resets the machine as a guest that reboots does.
func guestReset(t *testing.T, r *Rack) {
	d := machineDir{r.Dir, "m1"}
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	q, err := waitQMP(ctx, d.socket(), d.running())
	if err != nil {
		t.Fatal(err)
	}
	defer q.close()
	if err := q.do("system_reset", nil); err != nil {
		t.Fatal(err)
	}
}

// writeBootSector puts a program on the disk that turns the machine off over
// ACPI: out 0x604 (PM1a control as SeaBIOS places it on q35), SLP_EN.
func writeBootSector(t *testing.T, r *Rack) {
	sector := make([]byte, 512)
	copy(sector, []byte{0xba, 0x04, 0x06, 0xb8, 0x00, 0x20, 0xef, 0xf4}) // mov dx,0x604; mov ax,0x2000; out dx,ax; hlt
	sector[510], sector[511] = 0x55, 0xaa
	f, err := os.OpenFile(machineDir{r.Dir, "m1"}.systemDisk(), os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if _, err := f.WriteAt(sector, 0); err != nil {
		t.Fatal(err)
	}
}

func get(t *testing.T, c *http.Client, url string) (int, string) {
	t.Helper()
	res, err := c.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return res.StatusCode, string(b)
}

func testForwarder(t *testing.T, r *Rack) {
	plain := strings.Replace(r.URL(), "https://", "http://", 1)
	if code, text := get(t, http.DefaultClient, plain); code != http.StatusBadGateway || !strings.Contains(text, r.Namespace()) {
		t.Errorf("without an appliance: %d %s", code, text)
	}
	if _, err := http.Get(r.URL()); !errors.Is(err, io.EOF) {
		t.Errorf("without an appliance, over TLS: %v", err)
	}
	body := strings.Repeat("hello ", 100_000)
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, body) }))
	s.Listener.Close()
	if err := r.s.namespace().do(func() (err error) { s.Listener, err = net.Listen("tcp4", applianceAPI); return err }); err != nil {
		t.Fatal(err)
	}
	s.StartTLS()
	defer s.Close()
	if code, text := get(t, s.Client(), r.URL()); code != http.StatusOK || text != body {
		t.Errorf("with an appliance: %d, %d bytes", code, len(text))
	}
	b, err := os.ReadFile(filepath.Join(r.Dir, "url"))
	if err != nil || string(b) != r.URL()+"\n" {
		t.Errorf("the file url holds %q: %v", b, err)
	}
}

// testMend kills the BMC; Up starts only that again, on the same port, and the
// machine goes on.
func testMend(t *testing.T, r *Rack) {
	ipmi(t, r, "chassis", "power", "on")
	waitFor(t, time.Minute, "off by the boot sector", func() bool { return power(t, r) == "off" })
	if err := os.Truncate(machineDir{r.Dir, "m1"}.systemDisk(), 0); err != nil { // blank again
		t.Fatal(err)
	}
	if err := os.Truncate(machineDir{r.Dir, "m1"}.systemDisk(), 1<<30); err != nil {
		t.Fatal(err)
	}
	ipmi(t, r, "chassis", "power", "on")
	pid := r.Status().Machines[0].PID
	if err := r.s.Machines[0].Simulator.stop(time.Second); err != nil {
		t.Fatal(err)
	}
	if r.Status().Up {
		t.Error("a rack without its BMC is up")
	}
	again, err := Up(t.Context(), Options{Dir: r.Dir, Name: r.Name(), Helper: r.s.Helper, Log: testLog(t)})
	if err != nil || len(again.Began) != 1 {
		t.Fatalf("Up began %q: %v", again.Began, err)
	}
	r.s = again.s
	if power(t, r) != "on" || r.Status().Machines[0].PID != pid {
		t.Error("the machine did not outlive its BMC")
	}
}

// testGrow puts a second machine into the rack while the first is on.
func testGrow(t *testing.T, r *Rack) {
	o := Options{Dir: r.Dir, Name: r.Name(), Helper: r.s.Helper, Log: testLog(t), Machines: []Machine{r.s.Machines[0].Machine}}
	second := Machine{Name: "m2", Role: "compute", MemoryMB: 128, SystemGB: 1}
	changed := o
	changed.Machines = []Machine{second}
	if _, err := Up(t.Context(), changed); err == nil || !strings.Contains(err.Error(), "other machines") {
		t.Errorf("another machine in the place of the first: %v", err)
	}
	before := r.Status().Machines[0]
	o.Machines = append(o.Machines, second)
	grown, err := Up(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	r.s = grown.s
	if again, err := Up(t.Context(), o); err != nil || len(again.Began) != 0 {
		t.Errorf("a second Up began %q: %v", again.Began, err)
	}
	if s := r.Status(); !s.Up || len(s.Machines) != 2 || s.Machines[0].PID != before.PID || power(t, r) != "on" {
		t.Errorf("with another machine the rack is %+v, its first machine was %+v", s, before)
	}
	ipmiOf(t, r, "m2", "chassis", "power", "on")
	waitFor(t, time.Minute, "the second machine to start from the network", func() bool {
		b, _ := os.ReadFile(machineDir{r.Dir, "m2"}.console())
		return bytes.Contains(b, []byte(fromNetwork))
	})
	if b, err := os.ReadFile(r.File()); err != nil || !bytes.Contains(b, []byte("name: m2")) {
		t.Errorf("rack.yaml does not name it (%v)", err)
	}
}

func testDown(t *testing.T, r *Rack) {
	// What an appliance keeps in the folder stays.
	foreign := filepath.Join(r.Dir, "sandai.db")
	if err := os.WriteFile(foreign, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	inside, err := r.Background(filepath.Join(t.TempDir(), "log"), "sleep", "600")
	if err != nil {
		t.Fatal(err)
	}
	all := []Process{inside, r.s.Forwarder, r.s.Machines[0].Cable, r.s.Machines[0].Simulator, machineDir{r.Dir, "m1"}.running()}
	for i, p := range all {
		if !p.Alive() {
			t.Errorf("process %d of the rack is not alive before down", i)
		}
	}
	var before state
	b, err := os.ReadFile(statePath(r.Dir))
	if err != nil || json.Unmarshal(b, &before) != nil {
		t.Fatal(err)
	}
	if err := r.Down(t.Context(), true); err != nil {
		t.Fatal(err)
	}
	for i, p := range all {
		if p.Alive() {
			t.Errorf("process %d of the rack lives on after down", i)
		}
	}
	if r.s.namespace().exists() || r.Up() == nil {
		t.Error("the namespace is still there")
	}
	kept, err := Open(r.Dir, nil)
	if err != nil || kept.s.Machines[0].Password != before.Machines[0].Password {
		t.Fatalf("down --keep-disks lost the rack: %v", err)
	}
	if _, err := os.Stat(machineDir{r.Dir, "m1"}.systemDisk()); err != nil {
		t.Error(err)
	}
	if err := kept.Down(t.Context(), false); err != nil {
		t.Error(err)
	}
	left, err := os.ReadDir(r.Dir)
	if err != nil || len(left) != 1 || left[0].Name() != "sandai.db" {
		t.Errorf("down left %v (%v)", left, err)
	}
	if _, err := Open(r.Dir, nil); !errors.Is(err, ErrNoRack) {
		t.Errorf("Open after down: %v", err)
	}
}
