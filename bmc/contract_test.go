package bmc_test

import (
	"context"
	"errors"
	"slices"
	"sync"
	"testing"
	"time"

	"sandai/bmc"
)

// target is a BMC under test, of whatever kind.
type target struct {
	Config bmc.Config
	// Powered tells, without the BMC, whether the machine is on.
	Powered func() bool
	// Sets lists what the machine was told, oldest first, in the words of the
	// chassis hook: "power 1", "reset 1", "boot pxe", "shutdown 1".
	Sets func() []string
}

// contract is what every Controller does. start gives a BMC whose machine is
// off; a deaf one accepts every command and does nothing.
func contract(t *testing.T, start func(t *testing.T, deaf bool) target) {
	t.Run("power", func(t *testing.T) { contractPower(t, start(t, false)) })
	t.Run("boot device", func(t *testing.T) { contractBoot(t, start(t, false)) })
	t.Run("one at a time", func(t *testing.T) { contractSerial(t, start(t, false)) })
	t.Run("reset gap", func(t *testing.T) { contractGap(t, start(t, false)) })
	t.Run("login", func(t *testing.T) { contractLogin(t, start(t, false)) })
	t.Run("no effect", func(t *testing.T) { contractNoEffect(t, start(t, true)) })
	t.Run("sensors and log", func(t *testing.T) { contractRead(t, start(t, false)) })
}

func open(t *testing.T, cfg bmc.Config) bmc.Controller {
	t.Helper()
	c, err := bmc.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func contractPower(t *testing.T, g target) {
	c := open(t, g.Config)
	for _, s := range []struct {
		op   bmc.PowerOp
		want bmc.PowerState
	}{
		{bmc.PowerOpOff, bmc.PowerOff}, {bmc.PowerOpOn, bmc.PowerOn}, {bmc.PowerOpOn, bmc.PowerOn}, {bmc.PowerOpReset, bmc.PowerOn},
		{bmc.PowerOpCycle, bmc.PowerOn}, {bmc.PowerOpSoft, bmc.PowerOff}, {bmc.PowerOpCycle, bmc.PowerOn}, {bmc.PowerOpOff, bmc.PowerOff},
	} {
		begin := time.Now()
		if err := c.SetPower(t.Context(), s.op); err != nil {
			t.Fatalf("%s: %v", s.op, err)
		}
		t.Logf("%s took %v", s.op, time.Since(begin).Round(time.Millisecond))
		if got, err := c.PowerState(t.Context()); err != nil || got != s.want {
			t.Fatalf("after %s the BMC says %q (%v), want %q", s.op, got, err, s.want)
		}
		if g.Powered() != (s.want == bmc.PowerOn) {
			t.Fatalf("after %s the machine itself is not %s", s.op, s.want)
		}
	}
	if err := c.SetPower(t.Context(), bmc.PowerOpReset); err == nil {
		t.Error("a machine that is off was reset")
	}
	if err := c.SetPower(t.Context(), "explode"); err == nil {
		t.Error("an unknown operation was accepted")
	}
	want := []string{"power 1", "reset 1", "power 0", "power 1", "shutdown 1", "power 1", "power 0"}
	if got := g.Sets(); !slices.Equal(got, want) {
		t.Errorf("the machine was told %q, want %q", got, want)
	}
}

func contractBoot(t *testing.T, g target) {
	c := open(t, g.Config)
	for _, s := range []struct {
		d          bmc.BootDevice
		persistent bool
		want       string
	}{{bmc.BootPXE, false, "boot pxe"}, {bmc.BootDisk, true, "boot default"}} {
		if err := c.SetBootDevice(t.Context(), s.d, s.persistent); err != nil {
			t.Fatal(err)
		}
		if got := g.Sets(); len(got) == 0 || got[len(got)-1] != s.want {
			t.Errorf("after boot device %s the machine was told %q, want %q at the end", s.d, got, s.want)
		}
	}
	if err := c.SetBootDevice(t.Context(), "floppy", false); err == nil {
		t.Error("an unknown boot device was accepted")
	}
}

// contractSerial: callers with controllers of their own still wait for each
// other, so each finds the state that it set.
func contractSerial(t *testing.T, g target) {
	var wg sync.WaitGroup
	for i := range 4 {
		op := bmc.PowerOpOn
		if i%2 == 1 {
			op = bmc.PowerOpOff
		}
		c := open(t, g.Config)
		wg.Go(func() {
			if err := c.SetPower(t.Context(), op); err != nil {
				t.Errorf("%s beside other callers: %v", op, err)
			}
			if _, err := c.PowerState(t.Context()); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
}

func contractGap(t *testing.T, g target) {
	g.Config.ResetGap = 1500 * time.Millisecond
	c := open(t, g.Config)
	begin := time.Now()
	for _, op := range []bmc.PowerOp{bmc.PowerOpOn, bmc.PowerOpReset} {
		if err := c.SetPower(t.Context(), op); err != nil {
			t.Fatal(err)
		}
	}
	if d := time.Since(begin); d < g.Config.ResetGap {
		t.Errorf("a reset came %v after power-on, want at least %v", d, g.Config.ResetGap)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	if err := c.SetPower(ctx, bmc.PowerOpReset); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("a caller that cannot wait for the gap got %v", err)
	}
}

func contractLogin(t *testing.T, g target) {
	for name, change := range map[string]func(*bmc.Config){
		"password": func(c *bmc.Config) { c.Password = "wrong" },
		"user":     func(c *bmc.Config) { c.User = "nobody" },
	} {
		cfg := g.Config
		change(&cfg)
		c := open(t, cfg)
		_, err := c.PowerState(t.Context())
		for what, err := range map[string]error{"power state": err, "power": c.SetPower(t.Context(), bmc.PowerOpOn), "boot device": c.SetBootDevice(t.Context(), bmc.BootPXE, false)} {
			if !errors.Is(err, bmc.ErrAuth) || errors.Is(err, bmc.ErrUnreachable) {
				t.Errorf("wrong %s: %s gives %v, want ErrAuth", name, what, err)
			}
		}
		if _, err := c.Console(t.Context()); !errors.Is(err, bmc.ErrAuth) {
			t.Errorf("wrong %s: console gives %v, want ErrAuth", name, err)
		}
	}
	if got := g.Sets(); len(got) > 0 {
		t.Errorf("without a login the machine was told %q", got)
	}
}

func contractNoEffect(t *testing.T, g target) {
	g.Config.Settle, g.Config.SoftWait = 600*time.Millisecond, 600*time.Millisecond
	c := open(t, g.Config)
	err := c.SetPower(t.Context(), bmc.PowerOpOn)
	if !errors.Is(err, bmc.ErrNoEffect) {
		t.Fatalf("power on of a deaf machine gives %v, want ErrNoEffect", err)
	}
	t.Log(err)
	if got := g.Sets(); !slices.Equal(got, []string{"power 1", "power 1"}) {
		t.Errorf("the machine was told %q, want power-on tried twice", got)
	}
}

func contractRead(t *testing.T, g target) {
	c := open(t, g.Config)
	list, err := c.Sensors(t.Context())
	if err != nil || len(list) == 0 {
		t.Fatalf("no sensors: %v", err)
	}
	for _, s := range list {
		if s.Name == "" || s.Status == "" || s.Status == "ok" && s.Unit == "" {
			t.Errorf("an incomplete sensor: %+v", s)
		}
	}
	if _, err := c.SEL(t.Context()); err != nil {
		t.Error(err)
	}
}
