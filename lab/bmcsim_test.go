package lab

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// need skips a test whose surroundings are missing; under CI it fails.
func need(t *testing.T, root bool, programs ...string) {
	t.Helper()
	why := ""
	if err := needPrograms(programs...); err != nil {
		why = err.Error()
	}
	if root && os.Getuid() != 0 {
		why = "only root can make network namespaces"
	}
	switch {
	case why == "":
	case os.Getenv("CI") != "":
		t.Fatal(why)
	default:
		t.Skip(why)
	}
}

func ipmitool(t *testing.T, b *BMC, args ...string) (string, error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	c := exec.CommandContext(ctx, "ipmitool", append([]string{"-I", "lanplus", "-C", "3", "-N", "1", "-R", "1", "-H", b.Addr.Addr().String(),
		"-p", strings.TrimPrefix(b.Addr.String(), b.Addr.Addr().String()+":"), "-U", b.User, "-P", b.Password}, args...)...)
	out, err := c.CombinedOutput()
	return string(out), err
}

func TestStartBMC(t *testing.T) {
	need(t, false, "ipmi_sim", "ipmitool")
	b, err := StartBMC(t.Context(), BMCOptions{Dir: filepath.Join(t.TempDir(), "a b"), User: "admin", Password: "se#cret'$"})
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	for _, c := range []struct{ args, want string }{
		{"chassis power status", "Chassis Power is off"},
		{"chassis power on", "Up/On"},
		{"chassis power status", "Chassis Power is on"},
		{"chassis bootdev pxe", "Set Boot Device to pxe"},
		{"chassis power soft", "Soft"},
		{"chassis power status", "Chassis Power is off"},
		{"sensor reading", "CPU Temp"},
		{"sdr elist full", "4200 RPM"},
		{"fru print", "Simulated server"},
		{"sel list", "no entries"},
	} {
		args := strings.Fields(c.args)
		if c.args == "sensor reading" {
			args = []string{"sensor", "reading", "CPU Temp"}
		}
		out, err := ipmitool(t, b, args...)
		if err != nil || !strings.Contains(out, c.want) {
			t.Errorf("ipmitool %s: %v, want %q in: %s", c.args, err, c.want, out)
		}
		t.Log(out)
	}
	log, err := os.ReadFile(filepath.Join(b.Dir, "state", "log"))
	if got, want := string(log), "power 1\nboot pxe\nshutdown 1\n"; err != nil || got != want {
		t.Errorf("the hook's log is %q (%v), want %q", got, err, want)
	}
	b.Password = "wrong"
	if out, err := ipmitool(t, b, "chassis", "power", "status"); err == nil {
		t.Errorf("a wrong password was accepted: %s", out)
	}
}
