package images

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"sandai/inventory"
)

// basePackages is what every node has.
var basePackages = []string{
	"systemd-sysv", "dbus", "udev", "openssh-server", "iproute2", "iputils-ping", "ca-certificates", "linux-image-amd64",
	"initramfs-tools", "chrony", "nftables", "less", "procps", "curl", "ethtool", "zstd", "e2fsprogs", "kmod",
}

// toolPackages is what only builds need: it is in no image.
var toolPackages = []string{
	"libarchive13t64", "grub-pc-bin", "grub-common", "ipxe", "syslinux", "mtools", "dosfstools", "busybox-static",
	"dropbear-bin", "qemu-utils",
}

// roots are the two trees that everything is made of: the base, and the tools
// as a layer on it.
type roots struct {
	base, tools string
	key         string
}

func (s *session) baseKey() string {
	return keyOf(NameBase, s.mirror.digests(), basePackages, toolPackages, file("early.sh"), file("base.sh"), file("clean.sh"), file("grub.sh"), file("seal.sh"))
}

// makeRoots returns the roots for the mirror's state, which are made if they do
// not lie in the cache yet; older ones are deleted.
func (s *session) makeRoots(ctx context.Context) (roots, error) {
	key := s.baseKey()
	trees := filepath.Join(s.Cache, "trees")
	dir := filepath.Join(trees, short(key))
	r := roots{base: filepath.Join(dir, "base"), tools: filepath.Join(dir, "tools"), key: key}
	if _, err := os.Stat(dir); err == nil {
		return r, nil
	}
	if err := os.RemoveAll(trees); err != nil {
		return r, fmt.Errorf("remove the trees of an earlier build: %w", err)
	}
	fresh := filepath.Join(trees, "unfinished")
	if err := os.MkdirAll(fresh, 0o755); err != nil {
		return r, err
	}
	j, err := s.journal("trees")
	if err != nil {
		return r, err
	}
	defer j.Close()
	work := filepath.Join(s.Cache, "work", "trees")
	if err := os.MkdirAll(work, 0o755); err != nil {
		return r, err
	}
	defer os.RemoveAll(work)
	f := roots{base: filepath.Join(fresh, "base"), tools: filepath.Join(fresh, "tools"), key: key}
	if err := s.bootstrap(ctx, j, work, f); err != nil {
		return r, err
	}
	return r, os.Rename(fresh, dir)
}

func (s *session) bootstrap(ctx context.Context, j *journal, work string, r roots) error {
	debs, done, err := s.debs(filepath.Join(work, "debs"))
	if err != nil {
		return err
	}
	if err := s.mmdebstrap(ctx, j, work, debs, r.base); err != nil {
		return err
	}
	if err := s.buildFiles(ctx, r.base); err != nil {
		return err
	}
	base := cell{layers: []string{r.base}, work: filepath.Join(work, "b")}
	if err := s.script(ctx, j, base, "base.sh"); err != nil {
		return err
	}
	if err := s.script(ctx, j, base, "clean.sh", s.epoch()); err != nil {
		return err
	}
	net, err := s.gateway(ctx)
	if err != nil {
		return err
	}
	defer net.Close()
	tools := cell{layers: []string{r.base, r.tools}, work: filepath.Join(work, "t"), mounts: []mount{{debs, archivesDir}}, net: net}
	if err := tools.run(ctx, s.Log, j, "install the build tools", append([]string{"apt-get", "-qy", "install"}, toolPackages...)...); err != nil {
		return err
	}
	if err := done(); err != nil {
		return err
	}
	// The base is written to below the tools' layer, which is not mounted then.
	grub := s.toolCell(r, filepath.Join(work, "g"), mount{filepath.Join(r.base, bootDir), "/media"})
	return s.script(ctx, j, grub, "grub.sh", rootLabel)
}

// mmdebstrap unpacks the base packages into a new root.
func (s *session) mmdebstrap(ctx context.Context, j *journal, work, debs, root string) error {
	early := filepath.Join(work, "early.sh")
	if err := os.WriteFile(early, []byte(file("early.sh")), 0o600); err != nil {
		return err
	}
	// What this host's apt was told of the network and of its clock.
	options, err := aptConfig(ctx, "Acquire::http::Proxy", "Acquire::Check-Valid-Until", "Acquire::Check-Date")
	if err != nil {
		return err
	}
	// In namespaces of its own, so that the cache is not left mounted and nothing
	// goes on when it is interrupted.
	args := []string{"unshare", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc", "--propagation", "private", "mmdebstrap", "--mode=root", "--variant=minbase",
		"--architectures=amd64", "--format=directory", "--include=" + strings.Join(basePackages, ","),
		"--aptopt=APT::Install-Recommends \"false\"", "--aptopt=Acquire::Languages \"none\"",
		"--dpkgopt=force-unsafe-io", "--dpkgopt=path-exclude=/usr/share/man/*", "--dpkgopt=path-exclude=/usr/share/info/*",
		"--dpkgopt=path-exclude=/usr/share/locale/*", "--dpkgopt=path-exclude=/usr/share/doc/*",
		"--dpkgopt=path-include=/usr/share/doc/*/copyright",
		"--skip=download/empty", "--skip=essential/unlink", "--skip=cleanup/apt",
		`--setup-hook=mkdir -p "$1"/var/cache/apt/archives/partial; mount --bind ` + quote(debs) + ` "$1"/var/cache/apt/archives`,
		`--essential-hook=sh ` + quote(early) + ` "$1"`,
		`--customize-hook=umount "$1"/var/cache/apt/archives`,
	}
	for _, o := range options {
		args = append(args, "--aptopt="+o)
	}
	args = append(args, "trixie", root)
	for _, a := range archives {
		args = append(args, a.source())
	}
	return run(ctx, s.Log, j, command{name: "unpack the base packages", argv: args, env: []string{"SOURCE_DATE_EPOCH=" + s.epoch(), "DEBIAN_FRONTEND=noninteractive"}})
}

// buildFiles puts into a tree what only a build wants: it is left out of every
// image (files/seal.sh).
func (s *session) buildFiles(ctx context.Context, root string) error {
	options, err := aptConfig(ctx, "Acquire::Check-Valid-Until", "Acquire::Check-Date")
	if err != nil {
		return err
	}
	options = append(options, `Acquire::http::Proxy "http://`+gatewayAddress+`/";`, `Acquire::Retries "3";`, `Dpkg::Use-Pty "0";`)
	for _, f := range []struct {
		path, text string
		mode       os.FileMode
	}{
		{"usr/sbin/policy-rc.d", "#!/bin/sh\nexit 101\n", 0o755},
		{"etc/apt/apt.conf.d/99sandai-build", strings.Join(options, "\n") + "\n", 0o644},
		{"etc/dpkg/dpkg.cfg.d/99sandai-build", "force-unsafe-io\nforce-confold\n", 0o644},
	} {
		if err := os.WriteFile(filepath.Join(root, f.path), []byte(f.text), f.mode); err != nil {
			return err
		}
	}
	// mmdebstrap leaves this host's; a node's is written on the node.
	resolv := filepath.Join(root, "etc/resolv.conf")
	if err := os.RemoveAll(resolv); err != nil {
		return err
	}
	return os.WriteFile(resolv, nil, 0o644)
}

// gateway makes the way to Debian's mirror for one cell.
func (s *session) gateway(ctx context.Context) (*gateway, error) {
	upstream, err := aptProxy(ctx)
	if err != nil {
		return nil, err
	}
	return newGateway(ctx, s.Log, upstream)
}

// archivesDir is where apt keeps packages.
const archivesDir = "/var/cache/apt/archives"

// debs makes a directory of cached packages for one apt, which locks it; done
// hands what it fetched back to the cache.
func (s *session) debs(dir string) (_ string, done func() error, err error) {
	cache := filepath.Join(s.Cache, "apt", "archives")
	for _, d := range []string{cache, filepath.Join(dir, "partial")} {
		if err := os.MkdirAll(d, 0o755); err != nil {
			return "", nil, err
		}
	}
	if err := linkDebs(dir, cache); err != nil {
		return "", nil, err
	}
	return dir, func() error { return linkDebs(cache, dir) }, nil
}

// linkDebs hard-links the packages of one directory into another.
func linkDebs(to, from string) error {
	files, err := os.ReadDir(from)
	if err != nil {
		return err
	}
	for _, f := range files {
		if !strings.HasSuffix(f.Name(), ".deb") {
			continue
		}
		if err := os.Link(filepath.Join(from, f.Name()), filepath.Join(to, f.Name())); err != nil && !os.IsExist(err) {
			return fmt.Errorf("share the packages' cache: %w", err)
		}
	}
	return nil
}

// script runs one of our scripts in a cell.
func (s *session) script(ctx context.Context, j *journal, c cell, name string, args ...string) error {
	if err := os.MkdirAll(c.work, 0o755); err != nil {
		return err
	}
	path := filepath.Join(c.work, name)
	if err := os.WriteFile(path, []byte(file(name)), 0o600); err != nil {
		return err
	}
	c.mounts = append([]mount{{path, "/run/sandai/" + name}}, c.mounts...)
	return c.run(ctx, s.Log, j, "run "+name, append([]string{"sh", "/run/sandai/" + name}, args...)...)
}

func (s *session) epoch() string { return strconv.FormatInt(s.mirror.epoch(), 10) }

// toolCell is a cell with the build tools; what is written to its root is lost.
func (s *session) toolCell(r roots, work string, mounts ...mount) cell {
	return cell{layers: []string{r.base, r.tools, filepath.Join(work, "upper")}, work: work, mounts: mounts}
}

func (s *session) base(ctx context.Context) (inventory.Image, error) {
	key := s.baseKey()
	return s.image(ctx, NameBase, key, func(ctx context.Context, j *journal, work string) (artefact, error) {
		r, err := s.roots()
		if err != nil {
			return artefact{}, err
		}
		return s.seal(ctx, j, r, work, NameBase, key, rootLabel, []string{r.base})
	})
}

// rootLabel is how initramfs and boot loader find a node's root file system.
const rootLabel = "sandai-root"

// bootDir is where an image has boot.img, core.img and cmdline.
const bootDir = "usr/lib/sandai/boot"

// seal makes an ext4 image of a tree, given as layers.
func (s *session) seal(ctx context.Context, j *journal, r roots, work, name, key, label string, tree []string) (artefact, error) {
	out := filepath.Join(work, "out")
	if err := os.MkdirAll(out, 0o755); err != nil {
		return artefact{}, err
	}
	c := s.toolCell(r, filepath.Join(work, "seal"), mount{out, "/media"})
	c.image = tree
	if err := s.script(ctx, j, c, "seal.sh", name, s.epoch(), uuidOf(key, "uuid"), uuidOf(key, "hash seed"), label); err != nil {
		return artefact{}, err
	}
	return artefact{path: filepath.Join(out, name), format: "raw", compression: "zstd"}, nil
}
