package kind

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
)

// rooted is a Host whose files are not under "/": an image seen from outside,
// or a test's folder.
type rooted interface{ Root() string }

// at returns where a path of the host is found by this process.
func at(h Host, path string) string {
	if r, ok := h.(rooted); ok {
		return filepath.Join(r.Root(), path)
	}
	return path
}

// attrs is who owns a file and who may do what with it.
type attrs struct {
	Owner string // user name, "" is root
	Group string // group name, "" is root
	Mode  string // octal with a leading zero, "" is the default of the kind
}

func (a attrs) validate() error {
	if a.Mode == "" {
		return nil
	}
	if _, err := strconv.ParseUint(a.Mode, 8, 12); err != nil || a.Mode[0] != '0' || len(a.Mode) != 4 {
		return fmt.Errorf("mode %q: wants four octal digits in quotes, such as \"0640\"", a.Mode)
	}
	return nil
}

func (a attrs) perm(def fs.FileMode) fs.FileMode {
	if a.Mode == "" {
		return def
	}
	n, err := strconv.ParseUint(a.Mode, 8, 12)
	if err != nil {
		return def
	}
	return fs.FileMode(n)
}

// ids looks the names up in the host's own /etc/passwd and /etc/group: the
// numbers are given out when packages are installed and differ between images.
func (a attrs) ids(h Host) (uid, gid int, err error) {
	if a.Owner != "" && a.Owner != "root" {
		if uid, err = lookup(at(h, "/etc/passwd"), a.Owner); err != nil {
			return 0, 0, fmt.Errorf("owner: %w", err)
		}
	}
	if a.Group != "" && a.Group != "root" {
		if gid, err = lookup(at(h, "/etc/group"), a.Group); err != nil {
			return 0, 0, fmt.Errorf("group: %w", err)
		}
	}
	return uid, gid, nil
}

// lookup finds the number of a name in a passwd(5) or group(5) file.
func lookup(file, name string) (int, error) {
	f, err := os.Open(file)
	if err != nil {
		return 0, err
	}
	defer f.Close()
	for s := bufio.NewScanner(f); s.Scan(); {
		fields := strings.Split(s.Text(), ":")
		if len(fields) > 2 && fields[0] == name {
			return strconv.Atoi(fields[2])
		}
	}
	return 0, fmt.Errorf("%s has no %q: is the package that makes it installed?", file, name)
}

// same reports whether the file at path has this content and these attributes;
// if not, what differs.
func same(h Host, path string, content []byte, a attrs, def fs.FileMode) (bool, string, error) {
	name := at(h, path)
	fi, err := os.Lstat(name)
	if errors.Is(err, fs.ErrNotExist) {
		return false, "is not there", nil
	}
	if err != nil {
		return false, "", err
	}
	if !fi.Mode().IsRegular() {
		return false, "is no regular file", nil
	}
	if ok, why, err := sameAttrs(h, fi, a, def); !ok || err != nil {
		return false, why, err
	}
	got, err := os.ReadFile(name)
	if err != nil {
		return false, "", err
	}
	if !bytes.Equal(got, content) {
		return false, "has other content", nil
	}
	return true, "", nil
}

func sameAttrs(h Host, fi fs.FileInfo, a attrs, def fs.FileMode) (bool, string, error) {
	uid, gid, err := a.ids(h)
	if err != nil {
		// The package that makes the user may come later; Apply will say so.
		return false, err.Error(), nil
	}
	if got := modeBits(fi.Mode()); got != a.perm(def) {
		return false, fmt.Sprintf("has mode %04o", got), nil
	}
	if st, ok := fi.Sys().(*syscall.Stat_t); ok && (int(st.Uid) != uid || int(st.Gid) != gid) {
		return false, fmt.Sprintf("belongs to %d:%d, not %d:%d", st.Uid, st.Gid, uid, gid), nil
	}
	return true, "", nil
}

// modeBits folds Go's set-id bits back into the four octal digits of chmod(1).
func modeBits(m fs.FileMode) fs.FileMode {
	bits := m.Perm()
	for go_, unix := range map[fs.FileMode]fs.FileMode{fs.ModeSetuid: 0o4000, fs.ModeSetgid: 0o2000, fs.ModeSticky: 0o1000} {
		if m&go_ != 0 {
			bits |= unix
		}
	}
	return bits
}

// write replaces the file at path as a whole: a reader sees the old or the new
// one, and a power cut leaves one of both.
func write(h Host, path string, content []byte, a attrs, def fs.FileMode) error {
	uid, gid, err := a.ids(h)
	if err != nil {
		return err
	}
	name := at(h, path)
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		return err
	}
	if fi, err := os.Lstat(name); err == nil && fi.IsDir() {
		return fmt.Errorf("%s is a directory, not replaced by a file: remove it", path)
	}
	f, err := os.CreateTemp(filepath.Dir(name), ".sandai-*")
	if err != nil {
		return err
	}
	defer os.Remove(f.Name())
	if _, err := f.Write(content); err != nil {
		f.Close()
		return err
	}
	// The descriptor is owned before it is opened to others.
	err = errors.Join(f.Chown(uid, gid), syscall.Fchmod(int(f.Fd()), uint32(a.perm(def))), f.Sync(), f.Close())
	if err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	return os.Rename(f.Name(), name)
}

// absolute checks a path field.
func absolute(path string) error {
	if !strings.HasPrefix(path, "/") {
		return fmt.Errorf("path %q: wants an absolute path", path)
	}
	return nil
}
