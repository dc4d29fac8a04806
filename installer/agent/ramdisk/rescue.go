package ramdisk

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"sandai/installer/agent"
)

// rescueSpec says which node it is, and who may come in over ssh.
type rescueSpec struct {
	Name string   `json:"name"` // the prompt has it, so that nobody takes one node for another
	Keys []string `json:"keys"` // authorized_keys lines
}

// Programs that the ramdisk has for a rescue, see package images.
const (
	busybox  = "/bin/busybox"
	dropbear = "/bin/dropbear"
)

// sshStart is how long the ssh server gets until it answers.
const sshStart = 30 * time.Second

const rescueNote = `
This is the rescue of a server by Sandai. No disk is mounted, and nothing writes to one unless you do:
  mount /dev/vda2 /mnt && chroot /mnt        (blkid names the partitions; e2fsck checks them)
When you are done, unmount and end the rescue: appliance node rescue NODE --end

`

// rescueFiles are what a login needs.
func rescueFiles(s rescueSpec) []file {
	return []file{
		{path: "etc/passwd", text: "root:x:0:0:root:/root:/bin/sh\n", mode: 0o644},
		{path: "etc/group", text: "root:x:0:\n", mode: 0o644},
		{path: "etc/shells", text: "/bin/sh\n", mode: 0o644},
		{path: "etc/motd", text: rescueNote, mode: 0o644},
		{path: "root/.profile", text: "export PATH=/bin:/sbin:/usr/bin:/usr/sbin PS1='\\h:\\w\\$ '\ncat /etc/motd\n", mode: 0o644},
		{path: "root/.ssh/authorized_keys", text: lines(s.Keys), mode: 0o600},
	}
}

// rescue opens a shell on the console and, where there are keys, an ssh server on
// the address of the provisioning network. Both go on when the agent restarts. No
// password opens either: the console is the BMC's, who reaches it has passed that.
func (d *deployer) rescue(ctx context.Context, s rescueSpec) agent.Outcome {
	if err := d.prepareRescue(ctx, s); err != nil {
		return agent.Outcome{Err: err}
	}
	where, err := openShell()
	if err != nil {
		return agent.Outcome{Err: err}
	}
	text := "a shell on " + where
	if len(s.Keys) == 0 {
		return agent.Outcome{Changed: true, Stdout: text + "; the rack has no ssh_keys, so nobody may come in over ssh\n"}
	}
	if err := openSSH(ctx, net.JoinHostPort(d.address.String(), "22")); err != nil {
		return agent.Outcome{Err: err}
	}
	d.log.Info("rescue: a person may come in", "ssh", "root@"+d.address.String(), "console", where)
	return agent.Outcome{Changed: true, Stdout: fmt.Sprintf("%s; ssh root@%s\n", text, d.address)}
}

func (d *deployer) prepareRescue(ctx context.Context, s rescueSpec) error {
	for _, p := range []string{busybox, dropbear} {
		if _, err := os.Stat(p); err != nil {
			return fmt.Errorf("this ramdisk is older than rescues: build it again (appliance image build): %w", err)
		}
	}
	if err := unix.Sethostname([]byte(s.Name)); err != nil {
		return fmt.Errorf("set the host's name to %q: %w", s.Name, err)
	}
	d.drivers.scan() // so that the disks are there when a person looks for them
	if out, err := exec.CommandContext(ctx, busybox, "--install", "-s", "/bin").CombinedOutput(); err != nil {
		return fmt.Errorf("install the commands: %w: %s", err, out)
	}
	_ = os.MkdirAll("/dev/pts", 0o755)
	if _, err := os.Stat("/dev/pts/ptmx"); err != nil { // else an earlier life of the agent did it
		if err := unix.Mount("devpts", "/dev/pts", "devpts", 0, "mode=0620,ptmxmode=0666"); err != nil {
			return fmt.Errorf("mount /dev/pts: %w", err)
		}
	}
	for _, f := range rescueFiles(s) {
		path := "/" + f.path
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			return err
		}
		if err := os.WriteFile(path, []byte(f.text), f.mode); err != nil {
			return err
		}
	}
	return nil
}

// openShell starts a shell on the console, and another one whenever it ends.
func openShell() (string, error) {
	active, err := os.ReadFile("/sys/class/tty/console/active")
	if err != nil {
		return "", err
	}
	names := strings.Fields(string(active))
	if len(names) == 0 {
		return "", errors.New("the kernel has no console: say console= on its command line")
	}
	tty := "/dev/" + names[len(names)-1] // the one that /dev/console is
	script := `while :; do setsid -c sh -l <"$0" >"$0" 2>&1; done`
	return tty, leave(exec.Command("/bin/sh", "-c", script, tty))
}

// openSSH starts the server, which makes its host key itself, and waits until it
// answers.
func openSSH(ctx context.Context, address string) error {
	if err := os.MkdirAll("/etc/dropbear", 0o700); err != nil {
		return err
	}
	c, err := net.DialTimeout("tcp", address, time.Second)
	if err == nil { // an earlier life of the agent started it
		return c.Close()
	}
	if err := leave(exec.Command(dropbear, "-F", "-E", "-R", "-s", "-j", "-k", "-p", address)); err != nil {
		return fmt.Errorf("start the ssh server: %w", err)
	}
	ctx, cancel := context.WithTimeout(ctx, sshStart)
	defer cancel()
	for {
		c, err := net.DialTimeout("tcp", address, time.Second)
		if err == nil {
			return c.Close()
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("the ssh server does not answer: %w", err)
		case <-time.After(100 * time.Millisecond):
		}
	}
}

// leave starts a program that goes on without this one. PID 1 collects it.
func leave(c *exec.Cmd) error {
	c.Env = []string{"PATH=/bin:/sbin:/usr/bin:/usr/sbin", "HOME=/root", "TERM=vt102"}
	c.Dir = "/root"
	c.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	if err := c.Start(); err != nil {
		return err
	}
	go func() { _ = c.Wait() }()
	return nil
}
