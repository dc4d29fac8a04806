package host

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"

	"sandai/installer/guide/kind"
)

// order is a command on its way into a unit. It goes through a file that only
// root can read, because a unit's properties are open to every user of the node.
type order struct {
	Cmd      kind.Cmd
	Out, Err string // paths
}

func writeOrder(base string, c kind.Cmd) error {
	b, err := json.Marshal(order{Cmd: c, Out: base + ".out", Err: base + ".err"})
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(base), 0o700); err != nil {
		return fmt.Errorf("keep the step's command: %w", err)
	}
	if err := os.WriteFile(base+".json", b, 0o600); err != nil {
		return fmt.Errorf("keep the step's command: %w", err)
	}
	return nil
}

// Exec becomes the command of an order file: it is the main program of a step's
// unit and returns only when it fails.
func Exec(path string) error {
	b, err := os.ReadFile(path)
	if err != nil {
		return fmt.Errorf("read the step's command: %w", err)
	}
	var o order
	if err := json.Unmarshal(b, &o); err != nil {
		return fmt.Errorf("read the step's command: %w", err)
	}
	if err := redirect(o); err != nil {
		return err
	}
	acc, err := lookup(o.Cmd.User)
	if err != nil {
		return err
	}
	program, err := find(o.Cmd.Args[0])
	if err != nil {
		return err
	}
	if err := os.Chdir("/"); err != nil {
		return err
	}
	if acc.cred != nil {
		if err := become(acc.cred); err != nil {
			return fmt.Errorf("become %s: %w", acc.name, err)
		}
	}
	return fmt.Errorf("run %s: %w", program, syscall.Exec(program, o.Cmd.Args, acc.environ(o.Cmd.Env)))
}

// redirect puts the order's files in place of standard input, output and error.
func redirect(o order) error {
	for fd, path := range []string{"", o.Out, o.Err} {
		var f *os.File
		var err error
		if fd == 0 {
			f, err = stdin(o.Cmd.Stdin)
		} else {
			f, err = os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_TRUNC|os.O_APPEND, 0o600)
		}
		if err != nil {
			return fmt.Errorf("open the step's input and output: %w", err)
		}
		if err := unix.Dup2(int(f.Fd()), fd); err != nil {
			return fmt.Errorf("open the step's input and output: %w", err)
		}
		f.Close() // the duplicate stays open across exec, this one would not
	}
	return nil
}

// stdin returns text as a file that exists in memory alone.
func stdin(text string) (*os.File, error) {
	fd, err := unix.MemfdCreate("stdin", unix.MFD_CLOEXEC)
	if err != nil {
		return nil, err
	}
	f := os.NewFile(uintptr(fd), "stdin")
	if _, err := strings.NewReader(text).WriteTo(f); err != nil {
		return nil, err
	}
	_, err = f.Seek(0, 0)
	return f, err
}

func become(c *syscall.Credential) error {
	groups := make([]int, len(c.Groups))
	for i, g := range c.Groups {
		groups[i] = int(g)
	}
	if err := syscall.Setgroups(groups); err != nil {
		return err
	}
	if err := syscall.Setgid(int(c.Gid)); err != nil {
		return err
	}
	return syscall.Setuid(int(c.Uid))
}
