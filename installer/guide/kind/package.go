package kind

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// Package installs Debian packages, without what they recommend.
type Package struct {
	Names []string `json:"names" yaml:"names"`
	// Debconf are lines for debconf-set-selections(1), answered before.
	Debconf []string `json:"debconf,omitempty" yaml:"debconf,omitempty"`

	found []string // what Check found missing
}

// Validate checks that packages are named.
func (p *Package) Validate() error {
	if len(p.Names) == 0 {
		return errors.New("names: wants at least one package")
	}
	for _, d := range p.Debconf {
		if len(strings.Fields(d)) < 4 {
			return fmt.Errorf("debconf %q: wants package, question, type and answer", d)
		}
	}
	return nil
}

// missing lists the packages that are not installed and configured.
func (p *Package) missing(ctx context.Context, h Host) ([]string, error) {
	r, err := h.Run(ctx, Cmd{Args: append([]string{"/usr/bin/dpkg-query", "-W", "-f", "${Package} ${db:Status-Status}\n"}, p.Names...)})
	if err != nil {
		return nil, fmt.Errorf("ask dpkg: %w", err)
	}
	if r.Code > 1 { // 1: some are unknown, which is an answer
		return nil, fmt.Errorf("ask dpkg: exit status %d: %s", r.Code, lastLines(r, 3))
	}
	have := map[string]bool{}
	for line := range strings.Lines(r.Stdout) {
		if name, state, _ := strings.Cut(strings.TrimSpace(line), " "); state == "installed" {
			have[name] = true
		}
	}
	return slices.DeleteFunc(slices.Clone(p.Names), func(n string) bool { return have[n] }), nil
}

// Check asks dpkg.
func (p *Package) Check(ctx context.Context, h Host) (bool, error) {
	var err error
	p.found, err = p.missing(ctx, h)
	return len(p.found) == 0, err
}

// Apply answers debconf's questions and installs what is missing. While an
// image is built, policy-rc.d keeps the packages' services from starting.
func (p *Package) Apply(ctx context.Context, h Host) error {
	if !h.Booted() {
		undo, err := noStart(h)
		if err != nil {
			return err
		}
		defer undo()
	}
	env := []string{"DEBIAN_FRONTEND=noninteractive", "LC_ALL=C.UTF-8"}
	if len(p.Debconf) > 0 {
		if _, err := must(ctx, h, Cmd{Args: []string{"/usr/bin/debconf-set-selections"}, Env: env, Stdin: strings.Join(p.Debconf, "\n") + "\n"}); err != nil {
			return err
		}
	}
	apt := []string{"/usr/bin/apt-get", "-y", "-q", "-o", "DPkg::Lock::Timeout=600"}
	if lists, _ := filepath.Glob(at(h, "/var/lib/apt/lists/*_Packages*")); len(lists) == 0 {
		if _, err := mustLong(ctx, h, Cmd{Args: append(slices.Clone(apt), "update"), Env: env}); err != nil {
			return err
		}
	}
	apt = append(apt, "--no-install-recommends", "-o", "Dpkg::Use-Pty=0", "-o", "Dpkg::Options::=--force-confold", "-o", "Dpkg::Options::=--force-confdef")
	if !h.Booted() {
		apt = append(apt, "-o", "Dpkg::Options::=--force-unsafe-io") // an image that fails to build is thrown away
	}
	_, err := mustLong(ctx, h, Cmd{Args: append(append(apt, "install"), p.Names...), Env: env})
	return err
}

// Verify asks dpkg again.
func (p *Package) Verify(ctx context.Context, h Host) error {
	missing, err := p.missing(ctx, h)
	if err == nil && len(missing) > 0 {
		err = fmt.Errorf("not installed: %s", strings.Join(missing, " "))
	}
	return err
}

// noStart makes invoke-rc.d(8) refuse to start anything until undo is called.
func noStart(h Host) (undo func(), err error) {
	name := at(h, "/usr/sbin/policy-rc.d")
	if _, err := os.Lstat(name); !errors.Is(err, fs.ErrNotExist) {
		return func() {}, err
	}
	if err := write(h, "/usr/sbin/policy-rc.d", []byte("#!/bin/sh\nexit 101\n"), attrs{}, 0o755); err != nil {
		return nil, err
	}
	return func() { os.Remove(name) }, nil
}
