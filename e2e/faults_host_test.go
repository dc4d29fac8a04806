package e2e

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"golang.org/x/sys/unix"
	"gorm.io/driver/sqlite"
	"gorm.io/gorm"

	"sandai/inventory"
)

// hostFaults are of the appliance's own host.
func hostFaults() []fault {
	return []fault{
		{
			name: "the appliance's disk is full for a while", ends: mended,
			whole: func(f *faulty) (string, string) { return f.small(fillUp), "" },
		},
		{
			name: "the database is locked for a while", brief: true, ends: mended,
			during: func(f *faulty) {
				f.until("an agent works", limit, func(s steps) bool { return s["compute-1/agent/agent"].State == inventory.StepDone })
				unlock := f.lockDatabase()
				time.Sleep(12 * time.Second) // how long the lock is held is the fault itself
				unlock()
			},
		},
		{
			name: "the database is damaged", ends: parked, whole: func(f *faulty) (string, string) { return f.damaged() },
		},
		{
			name: "the state directory is read-only", ends: parked, whole: func(f *faulty) (string, string) { return f.readOnly() },
		},
	}
}

// lockDatabase takes the write lock of the appliance's database, as a person's
// sqlite3 may.
func (f *faulty) lockDatabase() (unlock func()) {
	f.Helper()
	g, err := gorm.Open(sqlite.Open(filepath.Join(f.dir, "sandai.db")+"?_txlock=immediate"), &gorm.Config{})
	if err != nil {
		f.Fatal(err)
	}
	tx := g.Begin()
	if tx.Error != nil {
		f.Fatal(tx.Error)
	}
	return sync.OnceFunc(func() {
		if err := tx.Rollback().Error; err != nil {
			f.Error(err)
		}
		if d, err := g.DB(); err == nil {
			d.Close()
		}
	})
}

// damaged overwrites the middle of the database while the appliance is down.
func (f *faulty) damaged() (seen, reason string) {
	f.serve()
	f.cli("rack", "import", f.plainDebian())
	f.kill()
	path := filepath.Join(f.dir, "sandai.db")
	whole := map[string][]byte{}
	for _, p := range []string{path, path + "-wal", path + "-shm"} {
		b, err := os.ReadFile(p)
		if err != nil && !errors.Is(err, os.ErrNotExist) {
			f.Fatal(err)
		}
		whole[p] = b
	}
	// A checkpoint first: what is in the log would be put over the damage.
	f.checkpoint()
	b, err := os.ReadFile(path)
	if err != nil {
		f.Fatal(err)
	}
	for i := 4096; i < len(b); i += 4096 {
		copy(b[i:], bytes.Repeat([]byte{0xa5}, 512))
	}
	if err := os.WriteFile(path, b, 0o600); err != nil {
		f.Fatal(err)
	}
	said := f.refuses()
	if !strings.Contains(said, "damaged") {
		f.Errorf("the appliance says of a damaged database: %s", said)
	}
	for p, b := range whole {
		if b == nil {
			_ = os.Remove(p)
		} else if err := os.WriteFile(p, b, 0o600); err != nil {
			f.Fatal(err)
		}
	}
	f.serve()
	if n := len(f.rackState().Nodes); n != 3 {
		f.Errorf("after the database was put back the rack has %d nodes", n)
	}
	return said, said
}

func (f *faulty) checkpoint() {
	g, err := gorm.Open(sqlite.Open(filepath.Join(f.dir, "sandai.db")), &gorm.Config{})
	if err == nil {
		err = g.Exec("PRAGMA wal_checkpoint(TRUNCATE)").Error
	}
	if err != nil {
		f.Fatal(err)
	}
	if d, err := g.DB(); err == nil {
		d.Close()
	}
}

// refuses starts the appliance, which is to end by itself, and returns the last
// line that it says.
func (f *faulty) refuses() string {
	f.Helper()
	out, err := f.rack.Exec(f.Context(), filepath.Join(f.bin, "appliance"), "serve", "--state", f.dir, "--cache", f.cache).CombinedOutput()
	if err == nil {
		f.Errorf("the appliance ended well: %s", out)
	}
	lines := strings.Split(strings.TrimSpace(string(out)), "\n")
	return lines[len(lines)-1]
}

// readOnly serves from a state directory that cannot be written.
func (f *faulty) readOnly() (seen, reason string) {
	f.serve()
	f.cli("rack", "import", f.plainDebian())
	f.kill()
	if err := unix.Mount(f.dir, f.dir, "", unix.MS_BIND, ""); err != nil {
		f.Fatal(err)
	}
	free := sync.OnceFunc(func() {
		if err := unix.Unmount(f.dir, unix.MNT_DETACH); err != nil {
			f.Error(err)
		}
	})
	f.Cleanup(free)
	if err := unix.Mount("", f.dir, "", unix.MS_BIND|unix.MS_REMOUNT|unix.MS_RDONLY, ""); err != nil {
		f.Fatal(err)
	}
	said := f.refuses()
	if !strings.Contains(said, "read-only") {
		f.Errorf("the appliance says of a read-only state directory: %s", said)
	}
	free()
	f.serve()
	if n := len(f.rackState().Nodes); n != 3 {
		f.Errorf("when it can be written again the rack has %d nodes", n)
	}
	return said, said
}

// small runs an install with the database on a file system of its own, which
// fault fills up in the middle.
func (f *faulty) small(fault func(f *faulty, dir string) (mend func())) string {
	dir := filepath.Join(f.dir, "small")
	if err := os.Mkdir(dir, 0o700); err != nil {
		f.Fatal(err)
	}
	if err := unix.Mount("tmpfs", dir, "tmpfs", 0, "size=12m"); err != nil {
		f.Fatal(err)
	}
	f.Cleanup(func() {
		if err := unix.Unmount(dir, unix.MNT_DETACH); err != nil {
			f.Error(err)
		}
	})
	for _, name := range []string{"sandai.db", "sandai.db-wal", "sandai.db-shm"} {
		// SQLite follows a link to the database, and puts its log beside the real one.
		if name == "sandai.db" {
			if err := os.Symlink(filepath.Join(dir, name), filepath.Join(f.dir, name)); err != nil {
				f.Fatal(err)
			}
		}
	}
	f.serve()
	f.cli("rack", "import", f.plainDebian())
	f.cli("rack", "install")
	f.until("an agent works", limit, func(s steps) bool { return s["compute-1/agent/agent"].State == inventory.StepDone })
	mend := fault(f, dir)
	f.wait("the appliance says so", limit, func() bool { return strings.Contains(f.log(), "full") })
	mend()
	if run := f.runEnds(); run.State != inventory.RunDone {
		f.Fatalf("the run is %s: %s", run.State, run.Reason)
	}
	f.intact()
	for _, l := range strings.Split(f.log(), "\n") {
		if strings.Contains(l, "full") {
			return "in the log: " + l[strings.Index(l, "msg="):]
		}
	}
	return ""
}

func (f *faulty) log() string {
	b, err := os.ReadFile(filepath.Join(f.dir, "appliance.log"))
	if err != nil {
		f.Fatal(err)
	}
	return string(b)
}

// fillUp takes all room of a file system.
func fillUp(f *faulty, dir string) (mend func()) {
	path := filepath.Join(dir, "ballast")
	b, err := os.Create(path)
	if err != nil {
		f.Fatal(err)
	}
	defer b.Close()
	for block := make([]byte, 4096); err == nil; {
		_, err = b.Write(block)
	}
	if !errors.Is(err, unix.ENOSPC) {
		f.Fatal(err)
	}
	return func() { _ = os.Remove(path) }
}
