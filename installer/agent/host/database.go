package host

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"

	"sandai/installer/guide/kind"
)

const (
	mariadbd      = "/usr/sbin/mariadbd"
	mariadbSocket = "/run/mysqld/mysqld.sock"
	// How long the server may take to answer (it recovers after a crash) and to
	// write everything out.
	mariadbStart = 3 * time.Minute
	mariadbStop  = 5 * time.Minute
)

// database is a MariaDB server that runs only while an image is built.
type database struct {
	log  io.Writer
	cmd  *exec.Cmd
	done chan error // the server's end
}

// start starts the server unless it runs or is not installed yet, and waits
// until it answers.
func (d *database) start(ctx context.Context) error {
	if _, err := os.Stat(mariadbd); err != nil || d.cmd != nil {
		return nil
	}
	acc, err := lookup("mysql")
	if err != nil {
		return err
	}
	dir := filepath.Dir(mariadbSocket)
	if err := errors.Join(os.MkdirAll(dir, 0o755), os.Chown(dir, int(acc.cred.Uid), int(acc.cred.Gid))); err != nil {
		return fmt.Errorf("start MariaDB: %w", err)
	}
	began := time.Now()
	d.cmd = exec.Command(mariadbd, "--user=mysql", "--skip-networking=0", "--bind-address=127.0.0.1", "--socket="+mariadbSocket)
	d.cmd.Env = acc.environ(nil)
	d.cmd.Stdout, d.cmd.Stderr = d.log, d.log
	d.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := d.cmd.Start(); err != nil {
		d.cmd = nil
		return fmt.Errorf("start MariaDB: %w", err)
	}
	d.done = make(chan error, 1)
	go func() { d.done <- d.cmd.Wait() }()
	ctx, cancel := context.WithTimeout(ctx, mariadbStart)
	defer cancel()
	for {
		answer := greeted(ctx)
		if answer == nil {
			fmt.Fprintf(d.log, "MariaDB answers %.1fs\n", time.Since(began).Seconds())
			return nil
		}
		t := time.NewTimer(100 * time.Millisecond)
		select {
		case err := <-d.done:
			d.cmd = nil
			return fmt.Errorf("MariaDB ended while it started (%v); its last lines are above", err)
		case <-ctx.Done():
			return fmt.Errorf("MariaDB does not answer: %w", answer)
		case <-t.C:
		}
	}
}

// greeted asks for the greeting that a server sends first; a socket alone is
// there before it is ready.
func greeted(ctx context.Context) error {
	c, err := (&net.Dialer{}).DialContext(ctx, "unix", mariadbSocket)
	if err != nil {
		return err
	}
	defer c.Close()
	_ = c.SetDeadline(time.Now().Add(10 * time.Second))
	var head [5]byte
	if _, err := io.ReadFull(c, head[:]); err != nil {
		return err
	}
	if head[4] != 10 { // the protocol's version; 0xff is an error
		return fmt.Errorf("its greeting begins with %#x", head[4])
	}
	return nil
}

// stop shuts the server down cleanly and waits for its end; it does so even
// when the build has failed or was broken off, so that nothing keeps the root busy.
func (d *database) stop() error {
	if d.cmd == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), mariadbStop)
	defer cancel()
	res, err := execute(ctx, kind.Cmd{Args: []string{"mariadb-admin", "--socket=" + mariadbSocket, "shutdown"}})
	if err != nil || res.Code != 0 {
		fmt.Fprintf(d.log, "mariadb-admin shutdown: %v %s\n", err, res.Stderr)
		_ = d.cmd.Process.Signal(syscall.SIGTERM) // a full shutdown too
	}
	select {
	case err := <-d.done:
		d.cmd = nil
		if err != nil {
			return fmt.Errorf("MariaDB did not end well: %w; the database in this image cannot be trusted", err)
		}
		return nil
	case <-ctx.Done():
		_ = syscall.Kill(-d.cmd.Process.Pid, syscall.SIGKILL)
		<-d.done
		d.cmd = nil
		return fmt.Errorf("MariaDB did not end within %s and was killed; the database in this image cannot be trusted", mariadbStop)
	}
}
