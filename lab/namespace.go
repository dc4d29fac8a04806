package lab

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// namespace is a named network namespace as ip-netns(8) makes it.
type namespace string

func (n namespace) path() string { return filepath.Join("/run/netns", string(n)) }

func (n namespace) exists() bool {
	var st unix.Statfs_t
	// A file that is left over without its mount is not a namespace.
	return unix.Statfs(n.path(), &st) == nil && st.Type == unix.NSFS_MAGIC
}

// command is a command that runs inside the namespace. nsenter becomes the
// command, so its PID and exit status are the command's.
func (n namespace) command(ctx context.Context, args ...string) *exec.Cmd {
	return exec.CommandContext(ctx, "nsenter", append([]string{"--net=" + n.path(), "--"}, args...)...)
}

// do runs f on a thread that is inside the namespace. The thread is never used
// again, so nothing else is. f must not hand its work to other goroutines.
func (n namespace) do(f func() error) error {
	done := make(chan error, 1)
	go func() {
		runtime.LockOSThread() // never unlocked: the thread ends with the goroutine
		if unix.Gettid() == os.Getpid() {
			// The process's first thread cannot end, and for ip netns pids the
			// whole process is where it is. While this goroutine holds it,
			// another one runs on another thread.
			done <- n.do(f)
			runtime.UnlockOSThread()
			return
		}
		fd, err := unix.Open(n.path(), unix.O_RDONLY|unix.O_CLOEXEC, 0)
		if err != nil {
			done <- fmt.Errorf("open the namespace %s: %w", n, err)
			return
		}
		defer unix.Close(fd)
		if err := unix.Setns(fd, unix.CLONE_NEWNET); err != nil {
			done <- fmt.Errorf("enter the namespace %s: %w", n, err)
			return
		}
		done <- f()
	}()
	return <-done
}

// dial connects from inside the namespace. The address must be a literal one:
// a name would be looked up on other threads.
func (n namespace) dial(ctx context.Context, network, address string) (net.Conn, error) {
	var c net.Conn
	err := n.do(func() (err error) {
		var d net.Dialer
		c, err = d.DialContext(ctx, network, address)
		return err
	})
	return c, err
}

// create makes the namespace with bridges, addresses and taps, all or nothing.
func (n namespace) create(ctx context.Context, log *slog.Logger, machines []*machineState) (err error) {
	if _, err := run(ctx, log, "", "ip", "netns", "add", string(n)); err != nil {
		return fmt.Errorf("make the rack's network namespace (are you root, and may this host make namespaces?): %w", err)
	}
	defer func() {
		if err != nil {
			_ = n.remove(context.WithoutCancel(ctx), log)
		}
	}()
	// Without duplicate address detection the appliance can speak IPv6 on its
	// link at once; nobody else is on it.
	err = n.do(func() error {
		return os.WriteFile("/proc/sys/net/ipv6/conf/default/accept_dad", []byte("0"), 0)
	})
	if err != nil && !os.IsNotExist(err) {
		return fmt.Errorf("set up the rack's namespace: %w", err)
	}
	if _, err = run(ctx, log, linkCommands(machines), "ip", "-n", string(n), "-batch", "-"); err != nil {
		return fmt.Errorf("lay the rack's cables: %w", err)
	}
	return nil
}

// linkCommands is the batch for ip(8).
func linkCommands(machines []*machineState) string {
	var b strings.Builder
	b.WriteString("link set dev lo up\n")
	for _, br := range []struct{ name, addr string }{
		{bridgeManagement, applianceAddress}, {bridgeProvider, providerGateway + "/24"}, {bridgeBMC, bmcNetworkSelf},
	} {
		fmt.Fprintf(&b, "link add name %[1]s type bridge mcast_snooping 0\naddr add %[2]s dev %[1]s\nlink set dev %[1]s up\n", br.name, br.addr)
	}
	// A bridge has no carrier before its first machine is on; an appliance's
	// port has one as long as the switch is on. The pair stands for the switch.
	fmt.Fprintf(&b, "link add name switch0 type veth peer name switch1\nlink set dev switch0 master %s up\nlink set dev switch1 up\n", bridgeManagement)
	for _, m := range machines {
		b.WriteString(plugCommands(m))
	}
	return b.String()
}

// plugCommands are those of linkCommands that are one machine's; its BMC's address
// is the last, and says that all are done.
func plugCommands(m *machineState) string {
	var b strings.Builder
	if !m.standIn() { // whose cables are there only while it is on
		for _, t := range [][2]string{{m.Wiring.TapMgmt, bridgeManagement}, {m.Wiring.TapProvider, bridgeProvider}} {
			fmt.Fprintf(&b, "tuntap add dev %[1]s mode tap\nlink set dev %[1]s master %[2]s up\n", t[0], t[1])
		}
	}
	fmt.Fprintf(&b, "addr add %s/24 dev %s\n", m.Wiring.BMC.Addr(), bridgeBMC)
	return b.String()
}

// plugIn lays the cables of machines that the namespace was not made with.
func (n namespace) plugIn(ctx context.Context, log *slog.Logger, machines []*machineState) error {
	var there []string
	err := n.do(func() error {
		br, err := net.InterfaceByName(bridgeBMC)
		if err != nil {
			return err
		}
		addrs, err := br.Addrs()
		for _, a := range addrs {
			there = append(there, a.String())
		}
		return err
	})
	if err != nil {
		return fmt.Errorf("look at the BMCs' network of %s: %w", n, err)
	}
	var b strings.Builder
	for _, m := range machines {
		if !slices.Contains(there, m.Wiring.BMC.Addr().String()+"/24") {
			b.WriteString(plugCommands(m))
		}
	}
	if b.Len() == 0 {
		return nil
	}
	if _, err := run(ctx, log, b.String(), "ip", "-n", string(n), "-batch", "-"); err != nil {
		return fmt.Errorf("lay the cables of the rack's new machines: %w", err)
	}
	return nil
}

// processes are all processes inside the namespace.
func (n namespace) processes(ctx context.Context, log *slog.Logger) ([]Process, error) {
	out, err := run(ctx, log, "", "ip", "netns", "pids", string(n))
	if err != nil {
		return nil, err
	}
	var ps []Process
	for _, f := range strings.Fields(out) {
		pid, err := strconv.Atoi(f)
		if err != nil {
			return nil, fmt.Errorf("ip netns pids said %q", f)
		}
		if p, err := processOf(pid); err == nil && p.PID != os.Getpid() {
			ps = append(ps, p)
		}
	}
	return ps, nil
}

func (n namespace) remove(ctx context.Context, log *slog.Logger) error {
	if _, err := os.Lstat(n.path()); os.IsNotExist(err) {
		return nil
	}
	_, err := run(ctx, log, "", "ip", "netns", "del", string(n))
	return err
}
