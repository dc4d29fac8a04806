package images

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/ulikunitz/xz"
)

// modules are the loadable modules of one kernel, as depmod(8) describes them.
type modules struct {
	fsys    fs.FS // /usr/lib/modules/VERSION
	version string
	paths   map[string]string   // name → "kernel/fs/ext4/ext4.ko.xz"
	needs   map[string][]string // name → names, as in modules.dep
	builtin map[string]bool
}

// moduleName is how the kernel calls the module in a file.
func moduleName(file string) string {
	name, _, _ := strings.Cut(path.Base(file), ".ko")
	return strings.ReplaceAll(name, "-", "_")
}

// readModules reads modules.dep and modules.builtin in fsys.
func readModules(fsys fs.FS, version string) (*modules, error) {
	m := &modules{fsys: fsys, version: version, paths: map[string]string{}, needs: map[string][]string{}, builtin: map[string]bool{}}
	dep, err := fs.ReadFile(fsys, "modules.dep")
	if err != nil {
		return nil, fmt.Errorf("read the modules of Linux %s: %w", version, err)
	}
	for line := range strings.Lines(string(dep)) {
		file, needs, ok := strings.Cut(strings.TrimSpace(line), ":")
		if !ok {
			continue
		}
		name := moduleName(file)
		m.paths[name] = file
		for _, n := range strings.Fields(needs) {
			m.needs[name] = append(m.needs[name], moduleName(n))
		}
	}
	builtin, err := fs.ReadFile(fsys, "modules.builtin")
	if err != nil {
		return nil, fmt.Errorf("read the modules of Linux %s: %w", version, err)
	}
	for line := range strings.Lines(string(builtin)) {
		m.builtin[moduleName(strings.TrimSpace(line))] = true
	}
	return m, nil
}

// kernelModules reads the modules of the only kernel in a root.
func kernelModules(root string) (*modules, error) {
	dir := filepath.Join(root, "usr/lib/modules")
	found, err := os.ReadDir(dir)
	if err != nil {
		return nil, fmt.Errorf("look for a kernel's modules: %w", err)
	}
	if len(found) != 1 {
		return nil, fmt.Errorf("there are %d kernels in %s, and it is not said which one to use: there must be one", len(found), dir)
	}
	version := found[0].Name()
	return readModules(os.DirFS(filepath.Join(dir, version)), version)
}

// closure returns the names and all that they need, each after what it needs.
// What is built into the kernel is left out. An unknown name is an error.
func (m *modules) closure(names []string) ([]string, error) {
	var out []string
	state := map[string]int{} // 1: being looked at, 2: done
	var visit func(name, by string) error
	visit = func(name, by string) error {
		name = moduleName(name)
		if m.builtin[name] || state[name] == 2 {
			return nil
		}
		if state[name] == 1 {
			return fmt.Errorf("module %s of Linux %s needs itself", name, m.version)
		}
		if m.paths[name] == "" {
			return fmt.Errorf("no module %s in Linux %s, though %s asks for it: was it renamed?", name, m.version, by)
		}
		state[name] = 1
		// depmod lists the closest first; the order of loading is from the end.
		for _, n := range slices.Backward(m.needs[name]) {
			if err := visit(n, name); err != nil {
				return err
			}
		}
		state[name] = 2
		out = append(out, name)
		return nil
	}
	for _, n := range names {
		if err := visit(n, "the list of modules"); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// plainPath is where a module's decompressed file goes.
func (m *modules) plainPath(name string) string {
	return strings.TrimSuffix(strings.TrimSuffix(m.paths[name], ".xz"), ".zst")
}

// read returns a module's bytes, decompressed.
func (m *modules) read(name string) ([]byte, error) {
	data, err := fs.ReadFile(m.fsys, m.paths[name])
	if err != nil || !strings.HasSuffix(m.paths[name], ".xz") {
		return data, err
	}
	r, err := xz.NewReader(bytes.NewReader(data))
	if err != nil {
		return nil, fmt.Errorf("decompress module %s: %w", name, err)
	}
	data, err = io.ReadAll(r)
	if err != nil {
		return nil, fmt.Errorf("decompress module %s: %w", name, err)
	}
	return data, nil
}

// dep is modules.dep for the chosen names, with the names of decompressed files.
func (m *modules) dep(names []string) []byte {
	var b bytes.Buffer
	for _, n := range slices.Sorted(slices.Values(names)) {
		b.WriteString(m.plainPath(n) + ":")
		for _, d := range m.needs[n] {
			if !m.builtin[d] {
				b.WriteString(" " + m.plainPath(d))
			}
		}
		b.WriteByte('\n')
	}
	return b.Bytes()
}

// filter returns the lines of an index file (modules.alias, modules.softdep)
// that are about the chosen names. In both the module is one of the words.
func (m *modules) filter(index string, word int, names []string) ([]byte, error) {
	data, err := fs.ReadFile(m.fsys, index)
	if err != nil {
		return nil, fmt.Errorf("read the modules of Linux %s: %w", m.version, err)
	}
	var b bytes.Buffer
	sc := bufio.NewScanner(bytes.NewReader(data))
	for sc.Scan() {
		f := strings.Fields(sc.Text())
		if len(f) > word && f[0] != "#" && slices.Contains(names, moduleName(f[word])) {
			b.WriteString(sc.Text() + "\n")
		}
	}
	return b.Bytes(), sc.Err()
}
