package bmc_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"sandai/bmc"
)

// oddBMC puts a program in ipmitool's place that answers like a BMC which the
// simulator cannot play, and returns a controller and what the program was asked.
func oddBMC(t *testing.T, address, script string) (bmc.Controller, func() string) {
	t.Helper()
	dir := t.TempDir()
	log := filepath.Join(dir, "log")
	text := "#!/bin/sh\necho \"$@\" >>" + log + "\n[ -n \"$IPMI_PASSWORD$IPMITOOL_PASSWORD\" ] || exit 9\n" + script
	if err := os.WriteFile(filepath.Join(dir, "ipmitool"), []byte(text), 0o755); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", dir+":"+os.Getenv("PATH"))
	c := open(t, bmc.Config{Address: address, User: "admin", Password: "hidden-pw", ResetGap: 50 * time.Millisecond})
	return c, func() string {
		b, err := os.ReadFile(log)
		if err != nil {
			t.Fatal(err)
		}
		if strings.Contains(string(b), "hidden-pw") {
			t.Errorf("the password is on a command line: %s", b)
		}
		return string(b)
	}
}

// A BMC that shows valid boot flags with another device did not do it.
func TestBootDeviceNoEffect(t *testing.T) {
	c, asked := oddBMC(t, "192.0.2.1", `case "$*" in
*"power status"*) echo "Chassis Power is off" ;;
*"bootdev pxe"*) echo "Set Boot Device to pxe" ;;
*"bootparam get 5"*) printf ' Boot Flags :\n   - Boot Flag Valid\n   - Boot Device Selector : Force Boot from default Hard-Drive\n' ;;
esac`)
	err := c.SetBootDevice(t.Context(), bmc.BootPXE, false)
	if !errors.Is(err, bmc.ErrNoEffect) || !strings.Contains(err.Error(), "Hard-Drive") {
		t.Errorf("got %v, want ErrNoEffect", err)
	}
	if n := strings.Count(asked(), "bootdev pxe"); n != 2 {
		t.Errorf("the boot device was set %d times, want 2", n)
	}
}

// A BMC that takes only cipher suite 17 is found to, and this is remembered.
func TestCipher17(t *testing.T) {
	c, asked := oddBMC(t, "192.0.2.2", `case "$*" in
*"-C 17 "*) echo "Chassis Power is on" ;;
*) echo "Error in open session response message : no cipher suite match with proposed security algorithms" >&2
   echo "Error: Unable to establish IPMI v2 / RMCP+ session" >&2; exit 1 ;;
esac`)
	for range 2 {
		if s, err := c.PowerState(t.Context()); err != nil || s != bmc.PowerOn {
			t.Fatalf("%q %v", s, err)
		}
	}
	if n := strings.Count(asked(), "-C 3 "); n != 2 {
		t.Errorf("suite 3 was tried %d times, want 2 (the command and the question why)", n)
	}
}

// An answer that is neither on nor off is no state.
func TestOddPowerState(t *testing.T) {
	c, _ := oddBMC(t, "192.0.2.3", `echo "Chassis Power is maybe"`)
	if s, err := c.PowerState(t.Context()); err == nil || s != "" {
		t.Errorf("got %q, %v", s, err)
	}
}

// A machine whose power follows a command late: callers beside each other must
// each see their own effect before the next one's command, and no two commands
// may be on the wire at once.
func TestSerialised(t *testing.T) {
	dir := t.TempDir()
	for name, text := range map[string]string{"state": "off\n", "order": ""} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	const address = "192.0.2.4"
	c, _ := oddBMC(t, address, "cd "+dir+`
mkdir busy || echo overlap >>order
sleep 0.02
case "$*" in
*"power status"*) echo "Chassis Power is $(cat state)" ;;
*"power on"*) w=on; echo "Chassis Power Control: Up/On" ;;
*"power off"*) w=off; echo "Chassis Power Control: Down/Off" ;;
esac
if [ -n "$w" ]; then
  echo "told $w" >>order
  (sleep 0.3; echo $w >state; echo "is $w" >>order) >/dev/null 2>&1 &
fi
rmdir busy`)
	other := open(t, bmc.Config{Address: address, User: "admin", Password: "hidden-pw", ResetGap: 50 * time.Millisecond})
	if err := c.SetPower(t.Context(), bmc.PowerOpOn); err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	for _, x := range []struct {
		c  bmc.Controller
		op bmc.PowerOp
	}{{c, bmc.PowerOpOff}, {other, bmc.PowerOpCycle}, {c, bmc.PowerOpOff}, {other, bmc.PowerOpOff}} {
		wg.Go(func() {
			if err := x.c.SetPower(t.Context(), x.op); err != nil {
				t.Error(err)
			}
		})
	}
	for _, c := range []bmc.Controller{c, other, c, other} {
		wg.Go(func() {
			for range 3 {
				if _, err := c.PowerState(t.Context()); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	text, err := os.ReadFile(filepath.Join(dir, "order"))
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSpace(string(text)), "\n")
	for i, l := range lines {
		told, ok := strings.CutPrefix(l, "told ")
		if l == "overlap" || ok && (i+1 == len(lines) || lines[i+1] != "is "+told) {
			t.Fatalf("line %d of what happened is out of order: %q", i+1, lines)
		}
	}
	if len(lines) < 4 {
		t.Errorf("too little happened: %q", lines)
	}
}
