package lab

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sys/unix"
)

// Down ends everything of the rack: BMCs, machines, the forwarder, and whatever
// else runs inside the namespace, an appliance for one. Then it removes the
// namespace and the rack's files. With keepDisks, the disks stay, and with them
// the names, passwords and ssh key of the rack, so that a later Up gives back
// the same machines. The appliance's own files in the folder are left alone.
//
// It goes on after a failure; the error joins all of them. A rack that is down
// already is no error.
func (r *Rack) Down(ctx context.Context, keepDisks bool) error {
	if err := needRoot(); err != nil {
		return err
	}
	unlock, err := lock(filepath.Join(r.Dir, "lab", "lock"))
	if errors.Is(err, fs.ErrNotExist) {
		return nil // it was taken down already
	}
	if err != nil {
		return err
	}
	defer unlock()
	var errs []error
	try := func(err error) {
		if err != nil {
			errs = append(errs, err)
		}
	}
	// The BMCs first, so that nobody turns a machine on again.
	for _, m := range r.s.Machines {
		try(m.Simulator.end(unix.SIGKILL, 5*time.Second))
		m.Simulator = Process{}
	}
	for _, m := range r.s.Machines {
		try(machineDir{r.Dir, m.Name}.running().end(unix.SIGKILL, 20*time.Second))
	}
	try(r.s.Forwarder.stop(2 * time.Second))
	r.s.Forwarder = Process{}
	for _, m := range r.s.Machines {
		try(m.Cable.stop(2 * time.Second))
		m.Cable = Process{}
	}
	try(r.clear(ctx))
	if len(errs) > 0 {
		// Processes may be left; keep the record of them.
		return errors.Join(errs...)
	}
	try(r.removeFiles(keepDisks))
	return errors.Join(errs...)
}

// clear ends what still runs in the namespace and removes it.
func (r *Rack) clear(ctx context.Context) error {
	ns := r.s.namespace()
	if ns.exists() {
		left, err := ns.processes(ctx, r.log)
		if err != nil {
			return err
		}
		for _, p := range left {
			r.log.Info("ending a process inside the rack", "pid", p.PID)
			_ = unix.Kill(p.PID, unix.SIGTERM) // all at once; stop waits below
		}
		for _, p := range left {
			if err := p.stop(10 * time.Second); err != nil {
				return err
			}
		}
	}
	return ns.remove(ctx, r.log)
}

// removeFiles removes what Up wrote. lab/ goes last, so that a Down that is
// cut off can be run again.
func (r *Rack) removeFiles(keepDisks bool) error {
	files := []string{"rack.yaml", "url"}
	for _, m := range r.s.Machines {
		files = append(files, filepath.Join("lab", m.Name))
		if !keepDisks {
			files = append(files, m.Name)
		}
	}
	if !keepDisks {
		files = append(files, "id_ed25519", "id_ed25519.pub", "lab")
	}
	for _, f := range files {
		if err := os.RemoveAll(filepath.Join(r.Dir, f)); err != nil {
			return fmt.Errorf("remove the rack's files: %w", err)
		}
	}
	if keepDisks {
		return r.s.save(r.Dir)
	}
	_ = os.Remove(r.Dir) // only when nothing else is in it
	return nil
}
