package console_test

import (
	"context"
	"io"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"sandai/bmc"
	"sandai/lab"
	"sandai/web/console"
	"sandai/web/webtest"
)

// one is the lines of a rack with a single BMC.
type one struct{ bmc.Controller }

func (o one) Console(ctx context.Context, _, _ string) (io.ReadWriteCloser, error) {
	return o.Controller.Console(ctx)
}

// TestRealBMC: the hub over serial over LAN to a simulated BMC, with a client
// beside it that takes the console away.
func TestRealBMC(t *testing.T) {
	for _, p := range []string{"ipmi_sim", "ipmitool"} {
		if _, err := exec.LookPath(p); err != nil {
			if os.Getenv("CI") != "" {
				t.Fatal(err)
			}
			t.Skip(err)
		}
	}
	port, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer port.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	sim, err := lab.StartBMC(ctx, lab.BMCOptions{Dir: t.TempDir(), User: "admin", Password: "pw", Console: netip.MustParseAddrPort(port.Addr().String())})
	if err != nil {
		t.Fatal(err)
	}
	defer sim.Close()
	serial, err := port.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer serial.Close()

	cfg := bmc.Config{Address: "127.0.0.1", Port: int(sim.Addr.Port()), User: "admin", Password: "pw"}
	c, err := bmc.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	m := webtest.New()
	m.AddRack(webtest.Rack("demo"))
	h := console.New(console.Config{Lines: one{c}, Inventory: m})
	running, stop := context.WithCancel(ctx)
	ended := make(chan error, 1)
	go func() { ended <- h.Run(running) }()
	defer func() { stop(); <-ended }()

	v, err := h.Join(ctx, "demo", "compute-1", console.Visitor{Name: "anna", MayType: true})
	if err != nil {
		t.Fatal(err)
	}
	defer v.Leave()
	var last console.State
	var text strings.Builder
	until := func(what string, ok func() bool) {
		t.Helper()
		for !ok() {
			u, err := v.Next(ctx)
			if err != nil {
				t.Fatalf("%v while waiting for: %s; the line is %s (%s), the text %q", err, what, last.Line, last.Reason, text.String())
			}
			if u.State != nil {
				last = *u.State
			}
			text.Write(u.Bytes)
		}
	}
	until("an open line", func() bool { return last.Line == console.Live })
	say := "SeaBIOS \x1b[1m\r\n~.\xc3\xa9 login: "
	if _, err := io.WriteString(serial, say); err != nil {
		t.Fatal(err)
	}
	until("what the machine says", func() bool { return strings.HasSuffix(text.String(), say) })
	v.Ask()
	if !v.Type(ctx, []byte("root\r~.\x03")) {
		t.Error("the keys were not taken")
	}
	got := make([]byte, 8)
	if _, err := io.ReadFull(serial, got); err != nil || string(got) != "root\r~.\x03" {
		t.Errorf("the machine got %q, %v", got, err)
	}

	// A client that knows nothing of the hub, as a person's own ipmitool.
	thief := exec.CommandContext(ctx, "ipmitool", "-I", "lanplus", "-C", "3", "-E", "-U", "admin", "-H", "127.0.0.1", "-p", sim.Addr.String()[strings.LastIndex(sim.Addr.String(), ":")+1:], "sol", "deactivate")
	thief.Env = append(os.Environ(), "IPMI_PASSWORD=pw")
	if out, err := thief.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	until("the loss", func() bool { return last.Line == console.Lost })
	until("the line again", func() bool { return last.Line == console.Live })
	if _, err := io.WriteString(serial, "and on"); err != nil {
		t.Fatal(err)
	}
	until("what the machine says then", func() bool { return strings.HasSuffix(text.String(), ": open]\r\nand on") })
}
