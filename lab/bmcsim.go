package lab

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// BMCOptions say how a lone BMC is simulated.
type BMCOptions struct {
	Dir  string // for its files; made when missing, not removed
	Addr string // IPv4 address to listen on, "127.0.0.1" when ""
	Port int    // UDP port; with 0 a free one is taken
	User string // at most 16 bytes
	// Password is at most 16 bytes; spaces, quotes and backslashes cannot be written.
	Password string
	// Hook is a shell command, run as "Hook get power|boot" (which prints
	// "power:0", "power:1", "boot:pxe" and so on) and as "Hook set power 0|1",
	// "set reset 1", "set shutdown 1", "set boot none|pxe|default|cdrom|bios",
	// "set identify SECONDS FORCE". The simulator waits for it.
	//
	// With "" a script is used that keeps the chassis in files under
	// Dir/state: power ("0" at first), boot ("none" at first) and log, which
	// gets a line for every set.
	Hook string
	// Console is where the machine's serial port listens, TCP, for serial over
	// LAN; the simulator connects to it. Invalid for a machine without one.
	Console netip.AddrPort
}

// BMC is one running simulator.
type BMC struct {
	Addr     netip.AddrPort // where it listens, UDP
	User     string
	Password string
	Dir      string

	cmd  *exec.Cmd
	done chan struct{}
}

// stateHook keeps a chassis in files; its first argument is the folder.
const stateHook = `#!/bin/sh
# chassis_control of a simulated BMC without a machine: state in files.
cd "$(dirname "$0")/state" || exit 1
case "$1 $2" in
"get power") echo "power:$(cat power)" ;;
"get boot") echo "boot:$(cat boot)" ;;
get*) exit 1 ;;
"set power") echo "$3" >power ;;
"set shutdown") echo 0 >power ;;
"set boot") echo "$3" >boot ;;
esac
[ "$1" = set ] && echo "$2 $3" >>log
exit 0
`

// StartBMC starts one ipmi_sim with no machine behind it, and returns when it
// answers on the wire. It ends with Close, or when ctx is done. It needs no
// privilege with a port above 1023.
func StartBMC(ctx context.Context, o BMCOptions) (*BMC, error) {
	if err := needPrograms("ipmi_sim"); err != nil {
		return nil, err
	}
	dir, err := filepath.Abs(o.Dir)
	if err != nil {
		return nil, err
	}
	if err := os.MkdirAll(filepath.Join(dir, "state"), 0o755); err != nil {
		return nil, fmt.Errorf("make the simulator's folder: %w", err)
	}
	if o.Addr == "" {
		o.Addr = "127.0.0.1"
	}
	ip, err := netip.ParseAddr(o.Addr)
	if err != nil {
		return nil, fmt.Errorf("the simulator's address: %w", err)
	}
	if o.Port == 0 {
		if o.Port, err = freeUDPPort(ip); err != nil {
			return nil, err
		}
	}
	if o.Hook == "" {
		if o.Hook, err = writeStateHook(dir); err != nil {
			return nil, err
		}
	}
	guid := sha256.Sum256([]byte(dir))
	s := simulator{
		Name: "bmc", Addr: netip.AddrPortFrom(ip, uint16(o.Port)), User: o.User, Password: o.Password,
		GUID: hex.EncodeToString(guid[:16]), Chassis: o.Hook, Sensors: defaultSensors, Console: o.Console,
		FRU: filepath.Join(dir, "fru.bin"), FRUSize: fruSize,
	}
	args, err := s.write(dir, fruData("Sandai", "Simulated server", "SIM-1"))
	if err != nil {
		return nil, err
	}
	b := &BMC{Addr: s.Addr, User: o.User, Password: o.Password, Dir: dir, done: make(chan struct{})}
	b.cmd = exec.CommandContext(ctx, "ipmi_sim", args...)
	b.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	out, err := os.OpenFile(filepath.Join(dir, "ipmi_sim.log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return nil, err
	}
	defer out.Close()
	b.cmd.Stdout, b.cmd.Stderr = out, out
	if err := b.cmd.Start(); err != nil {
		return nil, fmt.Errorf("start ipmi_sim: %w", err)
	}
	go func() {
		_ = b.cmd.Wait()
		close(b.done)
	}()
	if err := b.ready(ctx); err != nil {
		b.Close()
		return nil, err
	}
	return b, nil
}

// ready waits until the simulator answers a presence ping, at most 10 s.
func (b *BMC) ready(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	for {
		if err := presencePing(b.Addr, 200*time.Millisecond); err == nil {
			return nil
		}
		select {
		case <-b.done:
			text, _ := os.ReadFile(filepath.Join(b.Dir, "ipmi_sim.log"))
			return fmt.Errorf("ipmi_sim ended at once (%s); is %s UDP taken? It said: %s", b.cmd.ProcessState, b.Addr, strings.TrimSpace(string(text)))
		case <-ctx.Done():
			return fmt.Errorf("ipmi_sim does not answer on %s: %w; see %s/ipmi_sim.log", b.Addr, ctx.Err(), b.Dir)
		case <-time.After(50 * time.Millisecond):
		}
	}
}

// Close ends the simulator and waits for it. It may be called more than once.
func (b *BMC) Close() {
	_ = b.cmd.Process.Kill()
	<-b.done
}

func writeStateHook(dir string) (string, error) {
	path := filepath.Join(dir, "chassis")
	if err := os.WriteFile(path, []byte(stateHook), 0o755); err != nil {
		return "", err
	}
	for name, v := range map[string]string{"power": "0\n", "boot": "none\n", "log": ""} {
		if err := os.WriteFile(filepath.Join(dir, "state", name), []byte(v), 0o644); err != nil {
			return "", err
		}
	}
	return shellQuote(path), nil
}

// shellQuote quotes a word for sh without a character that ipmi_sim's files
// cannot hold.
func shellQuote(s string) string { return "'" + strings.ReplaceAll(s, "'", `'"'"'`) + "'" }
