package ramdisk

import (
	"bufio"
	"fmt"
	"log/slog"
	"os"
	"path"
	"path/filepath"
	"strings"
	"sync"

	"github.com/u-root/u-root/pkg/kmodule"
	"golang.org/x/sys/unix"
)

// drivers loads the kernel modules that the machine's devices ask for, by the
// patterns of modules.alias (modprobe(8), depmod(8)).
type drivers struct {
	prober  *kmodule.Prober
	aliases map[string][]alias // by what comes before the first colon: "pci", "virtio"
	log     *slog.Logger

	mu    sync.Mutex
	seen  map[string]bool // modaliases looked at
	tried map[string]bool // modules
}

type alias struct{ pattern, module string }

func openDrivers(log *slog.Logger) (*drivers, error) {
	var u unix.Utsname
	if err := unix.Uname(&u); err != nil {
		return nil, err
	}
	dir := filepath.Join("/lib/modules", unix.ByteSliceToString(u.Release[:]))
	p, err := kmodule.NewProber(kmodule.ProbeOpts{})
	if err != nil {
		return nil, fmt.Errorf("find the kernel's modules in %s: %w; kernel and ramdisk must be of one build", dir, err)
	}
	f, err := os.Open(filepath.Join(dir, "modules.alias"))
	if err != nil {
		return nil, fmt.Errorf("find the kernel's modules: %w", err)
	}
	defer f.Close()
	d := &drivers{prober: p, aliases: map[string][]alias{}, log: log, seen: map[string]bool{}, tried: map[string]bool{}}
	s := bufio.NewScanner(f)
	for s.Scan() {
		if w := strings.Fields(s.Text()); len(w) == 3 && w[0] == "alias" {
			bus, _, _ := strings.Cut(w[1], ":")
			d.aliases[bus] = append(d.aliases[bus], alias{w[1], w[2]})
		}
	}
	return d, s.Err()
}

// scan loads a driver for every device that has one, again until no new device
// turns up, because a bus brings devices of its own.
func (d *drivers) scan() {
	d.mu.Lock()
	defer d.mu.Unlock()
	for fresh := true; fresh; {
		fresh = false
		files, _ := filepath.Glob("/sys/bus/*/devices/*/modalias") // errs only on a bad pattern
		for _, f := range files {
			b, err := os.ReadFile(f)
			m := strings.TrimSpace(string(b))
			if err != nil || m == "" || d.seen[m] {
				continue
			}
			d.seen[m], fresh = true, true
			for _, name := range d.wanted(m) {
				d.probe(name)
			}
		}
	}
}

// wanted lists the modules whose pattern matches. The patterns are fnmatch(3)'s
// without a special meaning of the slash.
func (d *drivers) wanted(modalias string) []string {
	bus, _, _ := strings.Cut(modalias, ":")
	flat := strings.NewReplacer("/", "_")
	var out []string
	for key, list := range d.aliases {
		if key != bus && !strings.ContainsAny(key, "*?[") {
			continue
		}
		for _, a := range list {
			if ok, err := path.Match(flat.Replace(a.pattern), flat.Replace(modalias)); err == nil && ok {
				out = append(out, a.module)
			}
		}
	}
	return out
}

// load loads modules that no device asks for.
func (d *drivers) load(names ...string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, n := range names {
		d.probe(n)
	}
}

// probe loads one module and what it needs, once. One that is not in the ramdisk
// may be built in; a driver that finds no device of its own says so and is left.
func (d *drivers) probe(name string) {
	if d.tried[name] {
		return
	}
	d.tried[name] = true
	err := d.prober.Probe(name, "")
	switch {
	case err == nil:
		d.log.Debug("module loaded", "name", name)
	case strings.Contains(err.Error(), "could not find"):
		d.log.Debug("module is not in the ramdisk", "name", name)
	default:
		d.log.Info("a module does not load", "name", name, "err", err)
	}
}
