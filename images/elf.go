package images

import (
	"debug/elf"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// libraryDirs is where Debian keeps shared libraries, below a root.
var libraryDirs = []string{"usr/lib/x86_64-linux-gnu", "usr/lib", "usr/lib64"}

// lookup finds a path in layers of roots, the first that has it. Symbolic
// links that leave their own layer are not followed.
func lookup(layers []string, path string) (string, error) {
	for _, l := range layers {
		p := filepath.Join(l, path)
		if st, err := os.Stat(p); err == nil && st.Mode().IsRegular() {
			return p, nil
		}
	}
	return "", fmt.Errorf("%s: %w", path, fs.ErrNotExist)
}

// needed returns the files, as paths below a root, that the programs are made
// of: they themselves, their interpreter, and every shared library.
func needed(layers []string, programs ...string) ([]string, error) {
	var out []string
	queue := slices.Clone(programs)
	for len(queue) > 0 {
		path := queue[0]
		queue = queue[1:]
		if slices.Contains(out, path) {
			continue
		}
		out = append(out, path)
		more, err := links(layers, path)
		if err != nil {
			return nil, err
		}
		queue = append(queue, more...)
	}
	return out, nil
}

// links returns the interpreter and the libraries that one file names.
func links(layers []string, path string) ([]string, error) {
	real, err := lookup(layers, path)
	if err != nil {
		return nil, err
	}
	f, err := elf.Open(real)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	defer f.Close()
	var out []string
	for _, p := range f.Progs {
		if p.Type != elf.PT_INTERP {
			continue
		}
		name := make([]byte, p.Filesz)
		if _, err := p.ReadAt(name, 0); err != nil {
			return nil, fmt.Errorf("%s: %w", path, err)
		}
		out = append(out, strings.Trim(string(name), "/\x00"))
	}
	libs, err := f.ImportedLibraries()
	if err != nil && !errors.Is(err, elf.ErrNoSymbols) {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	for _, l := range libs {
		found := false
		for _, d := range libraryDirs {
			if _, err := lookup(layers, filepath.Join(d, l)); err == nil {
				out, found = append(out, filepath.Join(d, l)), true
				break
			}
		}
		if !found {
			return nil, fmt.Errorf("%s needs the library %s, which is not there", path, l)
		}
	}
	return out, nil
}
