package kind

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
)

// File is a file with given content, a directory, a symbolic link, or the
// absence of all of them.
type File struct {
	Path      string `json:"path" yaml:"path"`
	Content   string `json:"content,omitempty" yaml:"content,omitempty"`
	Link      string `json:"link,omitempty" yaml:"link,omitempty"`           // a symbolic link to this
	Directory bool   `json:"directory,omitempty" yaml:"directory,omitempty"` // a directory; what is in it stays
	Absent    bool   `json:"absent,omitempty" yaml:"absent,omitempty"`       // nothing may be there; a directory is removed only when empty
	Owner     string `json:"owner,omitempty" yaml:"owner,omitempty"`         // root when empty
	Group     string `json:"group,omitempty" yaml:"group,omitempty"`         // root when empty
	Mode      string `json:"mode,omitempty" yaml:"mode,omitempty"`           // "0644" when empty, "0755" for a directory
}

// Validate checks that the fields do not contradict each other.
func (f *File) Validate() error {
	if err := absolute(f.Path); err != nil {
		return err
	}
	n := 0
	for _, is := range []bool{f.Content != "", f.Link != "", f.Directory, f.Absent} {
		if is {
			n++
		}
	}
	if n > 1 {
		return errors.New("at most one of content, link, directory and absent (none: an empty file)")
	}
	if (f.Link != "" || f.Absent) && f.attrs() != (attrs{}) {
		return errors.New("a link or an absent file has no owner, group or mode")
	}
	return f.attrs().validate()
}

func (f *File) attrs() attrs { return attrs{f.Owner, f.Group, f.Mode} }

func (f *File) compare(h Host) (ok bool, why string, err error) {
	name := at(h, f.Path)
	fi, err := os.Lstat(name)
	there := err == nil
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return false, "", err
	}
	switch {
	case f.Absent:
		return !there, "is still there", nil
	case f.Link != "":
		to, _ := os.Readlink(name)
		return to == f.Link, "is no link to " + f.Link, nil
	case f.Directory:
		if !there || !fi.IsDir() {
			return false, "is no directory", nil
		}
		return sameAttrs(h, fi, f.attrs(), 0o755)
	default:
		return same(h, f.Path, []byte(f.Content), f.attrs(), 0o644)
	}
}

// Check compares what is there.
func (f *File) Check(_ context.Context, h Host) (bool, error) {
	ok, _, err := f.compare(h)
	return ok, err
}

// Apply makes it so.
func (f *File) Apply(_ context.Context, h Host) error {
	name := at(h, f.Path)
	switch {
	case f.Absent:
		return os.Remove(name)
	case f.Link != "":
		return relink(name, f.Link)
	case f.Directory:
		uid, gid, err := f.attrs().ids(h)
		if err != nil {
			return err
		}
		if err := os.MkdirAll(name, 0o755); err != nil {
			return err
		}
		if err := os.Lchown(name, uid, gid); err != nil {
			return err
		}
		return syscall.Chmod(name, uint32(f.attrs().perm(0o755)))
	default:
		return write(h, f.Path, []byte(f.Content), f.attrs(), 0o644)
	}
}

// relink puts a symbolic link in the place of whatever file was there.
func relink(name, to string) error {
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		return err
	}
	tmp := name + ".sandai"
	if err := os.Remove(tmp); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if err := os.Symlink(to, tmp); err != nil {
		return err
	}
	return os.Rename(tmp, name)
}

// Verify compares again.
func (f *File) Verify(_ context.Context, h Host) error {
	ok, why, err := f.compare(h)
	if err == nil && !ok {
		err = fmt.Errorf("%s %s", f.Path, why)
	}
	return err
}
