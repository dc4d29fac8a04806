package bmc_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"sandai/bmc"
	"sandai/lab"
)

// need skips a test whose programs are missing; under CI it fails.
func need(t *testing.T) {
	t.Helper()
	for _, p := range []string{"ipmi_sim", "ipmitool"} {
		if _, err := exec.LookPath(p); err != nil {
			if os.Getenv("CI") != "" {
				t.Fatal(err)
			}
			t.Skip(err)
		}
	}
}

// deafHook is a chassis that notes what it is told, and stays off.
const deafHook = `#!/bin/sh
cd "$(dirname "$0")/state" || exit 1
case "$1 $2" in
"get power") echo "power:0" ;;
"get boot") echo "boot:none" ;;
esac
[ "$1" = set ] && echo "$2 $3" >>log
exit 0
`

func startSim(t *testing.T, deaf bool) target {
	t.Helper()
	need(t)
	o := lab.BMCOptions{Dir: t.TempDir(), User: "admin", Password: "s3cret-16-bytes!"}
	if deaf {
		path := filepath.Join(o.Dir, "deaf")
		if err := os.WriteFile(path, []byte(deafHook), 0o755); err != nil {
			t.Fatal(err)
		}
		o.Hook = path
	}
	b, err := lab.StartBMC(context.Background(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(b.Close)
	read := func(name string) string {
		text, err := os.ReadFile(filepath.Join(o.Dir, "state", name))
		if err != nil && !os.IsNotExist(err) {
			t.Error(err)
		}
		return strings.TrimSpace(string(text))
	}
	return target{
		Config: bmc.Config{Kind: "ipmi", Address: b.Addr.Addr().String(), Port: int(b.Addr.Port()), User: b.User, Password: b.Password,
			Settle: 10 * time.Second, SoftWait: 10 * time.Second, ResetGap: 50 * time.Millisecond},
		Powered: func() bool { return read("power") == "1" },
		Sets: func() []string {
			if s := read("log"); s != "" {
				return strings.Split(s, "\n")
			}
			return nil
		},
	}
}

func TestIPMI(t *testing.T) { contract(t, startSim) }

// A dead BMC must cost seconds, and be told from a wrong password.
func TestIPMIUnreachable(t *testing.T) {
	need(t)
	closed, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	port := closed.LocalAddr().(*net.UDPAddr).Port
	silent := func(t *testing.T) {} // the socket stays open and nobody reads it
	for _, s := range []struct {
		name string
		prep func(*testing.T)
	}{{"silent", silent}, {"closed port", func(*testing.T) { closed.Close() }}} {
		t.Run(s.name, func(t *testing.T) {
			s.prep(t)
			c := open(t, bmc.Config{Address: "127.0.0.1", Port: port, User: "admin", Password: "pw"})
			for what, f := range map[string]func() error{
				"power":       func() error { return c.SetPower(t.Context(), bmc.PowerOpOn) },
				"boot device": func() error { return c.SetBootDevice(t.Context(), bmc.BootPXE, false) },
				"sensors":     func() error { _, err := c.Sensors(t.Context()); return err },
				"sel":         func() error { _, err := c.SEL(t.Context()); return err },
				"console":     func() error { _, err := c.Console(t.Context()); return err },
			} {
				begin := time.Now()
				err := f()
				if took := time.Since(begin); took > 10*time.Second {
					t.Errorf("%s: a dead BMC cost %v", what, took)
				} else {
					t.Logf("%s: %v", what, took.Round(time.Millisecond))
				}
				if !errors.Is(err, bmc.ErrUnreachable) || errors.Is(err, bmc.ErrAuth) {
					t.Errorf("%s gives %v, want ErrUnreachable", what, err)
				}
			}
		})
	}
}

// busyHook is a chassis that is slow to say anything.
const busyHook = `#!/bin/sh
sleep 2.5
case "$1 $2" in
"get power") echo "power:1" ;;
"get boot") echo "boot:pxe" ;;
esac
exit 0
`

// A busy BMC, which makes a session at once and answers in it late, is given the
// time that it wants and is not called dead.
func TestIPMIBusy(t *testing.T) {
	need(t)
	o := lab.BMCOptions{Dir: t.TempDir(), User: "admin", Password: "s3cret-16-bytes!"}
	o.Hook = filepath.Join(o.Dir, "busy")
	if err := os.WriteFile(o.Hook, []byte(busyHook), 0o755); err != nil {
		t.Fatal(err)
	}
	b, err := lab.StartBMC(context.Background(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(b.Close)
	c := open(t, bmc.Config{Kind: "ipmi", Address: b.Addr.Addr().String(), Port: int(b.Addr.Port()), User: b.User, Password: b.Password})
	for range 2 { // found out once, and known from then on
		if s, err := c.PowerState(t.Context()); err != nil || s != bmc.PowerOn {
			t.Fatalf("%q, %v", s, err)
		}
	}
	if err := c.SetBootDevice(t.Context(), bmc.BootPXE, false); err != nil {
		t.Error(err)
	}
}

func TestIPMISensors(t *testing.T) {
	g := startSim(t, false)
	got, err := open(t, g.Config).Sensors(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	want := []bmc.Sensor{
		{Name: "CPU Temp", Value: 42, Unit: "degrees C", Status: "ok"}, {Name: "Inlet Temp", Value: 23, Unit: "degrees C", Status: "ok"},
		{Name: "Fan 1", Value: 4200, Unit: "RPM", Status: "ok"}, {Name: "PSU Power", Value: 96, Unit: "Watts", Status: "ok"},
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
}

func TestIPMISEL(t *testing.T) {
	g := startSim(t, false)
	c := open(t, g.Config)
	if got, err := c.SEL(t.Context()); err != nil || len(got) != 0 {
		t.Fatalf("a fresh log holds %v (%v)", got, err)
	}
	// Add SEL Entry (IPMI 2.0 §31.6): a temperature above its upper critical threshold.
	cmd := exec.CommandContext(t.Context(), "ipmitool", "-I", "lanplus", "-C", "3", "-E", "-U", g.Config.User, "-H", g.Config.Address, "-p", fmt.Sprint(g.Config.Port),
		"raw", "0x0a", "0x44", "0", "0", "2", "0", "0", "0", "0", "0x20", "0", "4", "0x01", "0x30", "0x01", "0x59", "0x5a", "0x5f")
	cmd.Env = append(os.Environ(), "IPMI_PASSWORD="+g.Config.Password)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	got, err := c.SEL(t.Context())
	if err != nil || len(got) != 1 {
		t.Fatalf("the log holds %v (%v), want one event", got, err)
	}
	if e := got[0]; e.ID != "1" || e.Sensor != "Temperature #0x30" || e.Text != "Upper Critical going high : Asserted" {
		t.Errorf("read %+v", e)
	}
}

func TestPasswordLength(t *testing.T) {
	need(t)
	_, err := bmc.New(bmc.Config{Address: "10.77.0.201", User: "admin", Password: "seventeen-bytes-x"})
	if err == nil || !strings.Contains(err.Error(), "at most 16") || strings.Contains(err.Error(), "seventeen") {
		t.Errorf("a password of 17 bytes gives %v", err)
	}
}

func TestKind(t *testing.T) {
	if _, err := bmc.New(bmc.Config{Kind: "redfish", Address: "10.77.0.201"}); err == nil || !strings.Contains(err.Error(), "redfish") {
		t.Errorf("kind redfish gives %v", err)
	}
}

// The password must be nowhere but in ipmitool's environment.
func TestPasswordStaysOut(t *testing.T) {
	g := startSim(t, false)
	var log bytes.Buffer
	g.Config.Logger = slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	c := open(t, g.Config)
	if err := c.SetPower(t.Context(), bmc.PowerOpOn); err != nil {
		t.Fatal(err)
	}
	if log.Len() == 0 || strings.Contains(log.String(), g.Config.Password) {
		t.Errorf("the log is empty or holds the password: %s", log.String())
	}
}

// simConsole starts an ipmi_sim whose serial port is the other end of a TCP
// connection, and returns that.
func simConsole(t *testing.T) (bmc.Config, net.Listener) {
	t.Helper()
	need(t)
	ln, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { ln.Close() })
	u, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	port := u.LocalAddr().(*net.UDPAddr).Port
	u.Close()
	dir := t.TempDir()
	conf := fmt.Sprintf(`name "sol"
set_working_mc 0x20
  startlan 1
    addr 127.0.0.1 %d
    priv_limit admin
    allowed_auths_admin none md2 md5 straight
    guid a123456789abcdefa123456789000011
  endlan
  chassis_control "echo power:1 #"
  sol "tcp:%s" 115200 history=8192
  user 2 true "admin" "pw" admin 10 none md2 md5 straight
`, port, ln.Addr())
	for name, text := range map[string]string{"lan.conf": conf, "emu.cmd": "mc_setbmc 0x20\nmc_add 0x20 0 no-device-sdrs 0x23 9 8 0x9f 0x1291 0xf02\nmc_enable 0x20\n"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	cmd := exec.Command("ipmi_sim", "-c", filepath.Join(dir, "lan.conf"), "-f", filepath.Join(dir, "emu.cmd"), "-s", dir, "-n")
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() })
	cfg := bmc.Config{Address: "127.0.0.1", Port: port, User: "admin", Password: "pw"}
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	for c := open(t, cfg); ; {
		if _, err := c.PowerState(ctx); err == nil {
			return cfg, ln
		} else if ctx.Err() != nil {
			t.Fatal(err)
		}
	}
}

func TestIPMIConsole(t *testing.T) {
	cfg, ln := simConsole(t)
	accepted := make(chan net.Conn, 4)
	go func() {
		for {
			s, err := ln.Accept()
			if err != nil {
				return
			}
			accepted <- s
		}
	}()
	c := open(t, cfg)
	con, err := c.Console(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer con.Close()
	var serial net.Conn
	select {
	case serial = <-accepted:
	case <-time.After(10 * time.Second):
		t.Fatal("the simulator did not open the serial port")
	}
	defer serial.Close()
	// Every byte goes through both ways: controls, 8 bits, and ipmitool's own escape.
	say := "boot: \x1b[1m\r\n~.\x03\xc3\xa9 end\r\n"
	if _, err := serial.Write([]byte(say)); err != nil {
		t.Fatal(err)
	}
	if got := readAll(t, con, len(say)); got != say {
		t.Errorf("the console shows %q, want %q", got, say)
	}
	keys := "root\r~.\x03\xe9\r"
	if _, err := con.Write([]byte(keys)); err != nil {
		t.Fatal(err)
	}
	if got := readAll(t, serial, len(keys)); got != keys {
		t.Errorf("the machine got %q, want %q", got, keys)
	}

	// The BMC has one console: a second reader takes it, and the first one ends.
	second, err := c.Console(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() {
		_, err := io.Copy(io.Discard, con)
		ended <- err
	}()
	select {
	case err := <-ended:
		if err != nil {
			t.Errorf("the first console ended with %v, want io.EOF", err)
		}
	case <-time.After(20 * time.Second):
		t.Error("the first console did not end")
	}
	if err := second.Close(); err != nil {
		t.Error(err)
	}
	if _, err := second.Read(make([]byte, 1)); err != io.EOF {
		t.Errorf("a closed console reads %v, want io.EOF", err)
	}
}

// readAll reads n bytes or gives up after 10 s.
func readAll(t *testing.T, r io.Reader, n int) string {
	t.Helper()
	type res struct {
		b   []byte
		err error
	}
	done := make(chan res, 1)
	go func() {
		b := make([]byte, n)
		k, err := io.ReadFull(r, b)
		done <- res{b[:k], err}
	}()
	select {
	case got := <-done:
		if got.err != nil {
			t.Error(got.err)
		}
		return string(got.b)
	case <-time.After(10 * time.Second):
		t.Error("nothing came in 10 s")
		return ""
	}
}
