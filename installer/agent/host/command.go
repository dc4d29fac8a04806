package host

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/user"
	"strconv"
	"strings"
	"syscall"
	"time"

	"sandai/installer/guide/kind"
)

// basePath is where programs are looked for; the agent's own environment is not
// handed down.
const basePath = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

// orphanLimit is how long a daemon that a command left behind may keep the
// command's output open before the command counts as ended.
const orphanLimit = 5 * time.Second

// account is a user as the kernel and a program's environment know it.
type account struct {
	cred *syscall.Credential // nil: root, as the agent itself
	name string
	home string
}

// lookup finds a user in /etc/passwd and its groups in /etc/group; "" is root.
func lookup(name string) (account, error) {
	if name == "" || name == "root" {
		return account{name: "root", home: "/root"}, nil
	}
	u, err := user.Lookup(name)
	if err != nil {
		return account{}, fmt.Errorf("find the user %s: %w; the package that makes it is not installed yet", name, err)
	}
	ids, err := u.GroupIds()
	if err != nil {
		return account{}, fmt.Errorf("find the groups of %s: %w", name, err)
	}
	var n []uint32
	for _, s := range append([]string{u.Uid, u.Gid}, ids...) {
		v, err := strconv.ParseUint(s, 10, 32)
		if err != nil {
			return account{}, fmt.Errorf("read the user %s: %w", name, err)
		}
		n = append(n, uint32(v))
	}
	return account{cred: &syscall.Credential{Uid: n[0], Gid: n[1], Groups: n[2:]}, name: name, home: u.HomeDir}, nil
}

// environ is a command's whole environment.
func (a account) environ(extra []string) []string {
	return append([]string{"PATH=" + basePath, "LC_ALL=C.UTF-8", "HOME=" + a.home, "USER=" + a.name, "LOGNAME=" + a.name}, extra...)
}

// execute runs a command to its end. A non-zero exit is in the result; an error
// means that it could not be run, or was ended by ctx.
func execute(ctx context.Context, c kind.Cmd) (kind.Result, error) {
	if len(c.Args) == 0 {
		return kind.Result{}, errors.New("a command without a program")
	}
	acc, err := lookup(c.User)
	if err != nil {
		return kind.Result{}, err
	}
	program, err := find(c.Args[0])
	if err != nil {
		return kind.Result{}, err
	}
	var stdout, stderr tailBuffer
	cmd := exec.CommandContext(ctx, program, c.Args[1:]...)
	cmd.Env, cmd.Dir = acc.environ(c.Env), "/"
	cmd.Stdin = strings.NewReader(c.Stdin)
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Credential: acc.cred}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	cmd.WaitDelay = orphanLimit
	err = cmd.Run()
	res := kind.Result{Stdout: stdout.String(), Stderr: stderr.String(), Code: -1}
	if cmd.ProcessState != nil {
		res.Code = cmd.ProcessState.ExitCode()
		if s, ok := cmd.ProcessState.Sys().(syscall.WaitStatus); ok && s.Signaled() {
			res.Code = 128 + int(s.Signal()) // as a shell counts it
		}
	}
	var exit *exec.ExitError
	switch {
	case ctx.Err() != nil:
		return res, context.Cause(ctx)
	case err == nil, errors.As(err, &exit), errors.Is(err, exec.ErrWaitDelay):
		return res, nil
	}
	return res, err
}

// find looks a program up in basePath, whatever PATH the agent itself has.
func find(name string) (string, error) {
	if strings.Contains(name, "/") {
		return name, nil
	}
	for dir := range strings.SplitSeq(basePath, ":") {
		p := dir + "/" + name
		if st, err := os.Stat(p); err == nil && st.Mode().IsRegular() && st.Mode()&0o111 != 0 {
			return p, nil
		}
	}
	return "", fmt.Errorf("there is no program %s in %s", name, basePath)
}

// most bounds what is kept of one output stream in memory: a query's answer is
// far smaller, of a long command's talk the end counts.
const most = 1 << 20

// tailBuffer keeps the last bytes written to it, at most twice most.
type tailBuffer struct{ b []byte }

func (t *tailBuffer) Write(p []byte) (int, error) {
	t.b = append(t.b, p...)
	if len(t.b) > 2*most {
		t.b = append(t.b[:0], t.b[len(t.b)-most:]...)
	}
	return len(p), nil
}

func (t *tailBuffer) String() string { return string(t.b) }
