package images

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// cell is a root file system as a command sees it: layers of directories, the
// lowest first, and mounts. It lives in namespaces of its own (mount, process,
// host name, IPC, network), so that nothing stays mounted and no daemon stays running
// when the command ends, however it ends.
type cell struct {
	layers []string // directories; the last is written to if there are several
	work   string   // scratch directory, made and left alone
	mounts []mount
	image  []string // layers of another tree, to be seen read-only on /mnt
	net    *gateway // nil: no network
}

// mount binds a host's file or directory to a path in the cell.
type mount struct{ from, to string }

// setup mounts the cell on $1 and becomes the command.
const setup = `
hostname localhost
ip link set lo up
if [ -n "$OVERLAY" ]; then mount -t overlay overlay -o "$OVERLAY" "$M"; else mount --bind "$ROOT" "$M"; fi
mount -t proc proc "$M/proc"
mount -t sysfs -o ro sysfs "$M/sys"
mount -t tmpfs -o mode=755,size=8m tmpfs "$M/dev"
for n in null:3 zero:5 full:7 random:8 urandom:9; do mknod -m 666 "$M/dev/${n%:*}" c 1 "${n#*:}"; done
mknod -m 666 "$M/dev/tty" c 5 0
ln -s /proc/self/fd "$M/dev/fd"; ln -s fd/0 "$M/dev/stdin"; ln -s fd/1 "$M/dev/stdout"; ln -s fd/2 "$M/dev/stderr"
mkdir "$M/dev/pts" "$M/dev/shm"; ln -s pts/ptmx "$M/dev/ptmx"
mount -t devpts -o newinstance,ptmxmode=666,mode=620,gid=5 devpts "$M/dev/pts"
mount -t tmpfs -o mode=1777 tmpfs "$M/dev/shm"
mount -t tmpfs -o mode=755 tmpfs "$M/run"; mkdir -m 1777 "$M/run/lock"
mount -t tmpfs -o mode=1777 tmpfs "$M/tmp"
`

// command makes the command that runs argv in the cell.
func (c cell) command(name string, argv ...string) (command, error) {
	m := filepath.Join(c.work, "mnt")
	if err := os.MkdirAll(m, 0o755); err != nil {
		return command{}, fmt.Errorf("%s: %w", name, err)
	}
	env := []string{"M=" + m, "ROOT=" + c.layers[0], "OVERLAY="}
	if n := len(c.layers); n > 1 {
		upper, scratch := c.layers[n-1], filepath.Join(c.work, "overlay")
		for _, d := range []string{upper, scratch} {
			if err := os.MkdirAll(d, 0o755); err != nil {
				return command{}, fmt.Errorf("%s: %w", name, err)
			}
		}
		env[2] += "lowerdir=" + lowerDirs(c.layers[:n-1]) + ",upperdir=" + upper + ",workdir=" + scratch + overlayOptions
	}
	script := "set -eu\n" + setup
	switch len(c.image) {
	case 0:
	case 1:
		script += "mount --bind -o ro " + quote(c.image[0]) + " \"$M/mnt\"\n"
	default:
		script += "mount -t overlay overlay -o ro," + quote("lowerdir="+lowerDirs(c.image)+overlayOptions) + " \"$M/mnt\"\n"
	}
	for _, b := range c.mounts {
		to := quote(b.to)
		script += "F=" + quote(b.from) + "; if [ -d \"$F\" ]; then mkdir -p \"$M\"" + to +
			"; else mkdir -p \"$(dirname \"$M\"" + to + ")\"; [ -e \"$M\"" + to + " ] || : >\"$M\"" + to +
			"; fi; mount --bind \"$F\" \"$M\"" + to + "\n"
	}
	script += `exec chroot "$M" /usr/bin/env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LANG=C.UTF-8 TERM=dumb DEBIAN_FRONTEND=noninteractive "$@"`
	args := []string{"unshare", "--net"}
	if c.net != nil {
		args = []string{"nsenter", "--net=" + c.net.path(), "unshare"}
	}
	args = append(args, "--mount", "--pid", "--fork", "--kill-child", "--uts", "--ipc", "--propagation", "private", "sh", "-c", script, "sh")
	args = append(args, argv...)
	return command{name: name, argv: args, env: env}, nil
}

// overlayOptions: nothing may be stored in an upper layer that ties it to this
// very lower one; it is mounted again later, with others.
const overlayOptions = ",redirect_dir=off,index=off,metacopy=off,xino=off"

// lowerDirs lists layers as overlayfs wants them, the highest first.
func lowerDirs(layers []string) string {
	down := slices.Clone(layers)
	slices.Reverse(down)
	return strings.Join(down, ":")
}

// run runs argv in the cell.
func (c cell) run(ctx context.Context, log *slog.Logger, j *journal, name string, argv ...string) error {
	cmd, err := c.command(name, argv...)
	if err != nil {
		return err
	}
	return run(ctx, log, j, cmd)
}

// quote makes a word of a POSIX shell.
func quote(s string) string { return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'" }
