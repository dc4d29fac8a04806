package kind

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/rogpeppe/go-internal/diff"
)

// Differ is a Kind that can tell what Apply is about to change.
type Differ interface {
	// Diff, called after Check found something to do, is a unified diff of a
	// file, or a line for each change that begins with "-" or "+". It holds the secrets that the step itself has, for the
	// agent to mask, and none that were there before.
	Diff(h Host) (string, error)
}

// Effect is what a step did.
type Effect struct {
	Changed bool
	Diff    string // see Differ; "" where the kind tells none
}

// diffMost is the size of a file, in bytes, up to which it is compared by line.
const diffMost = 256 << 10

func diffOf(h Host, k Kind) string {
	d, ok := k.(Differ)
	if !ok {
		return ""
	}
	text, err := d.Diff(h)
	if err != nil {
		return fmt.Sprintf("(what changes could not be told: %v)\n", err)
	}
	return text
}

// fileDiff compares the file at path with what it is to be.
func fileDiff(h Host, path string, content []byte, a attrs, def fs.FileMode) (string, error) {
	name := at(h, path)
	fi, err := os.Lstat(name)
	if errors.Is(err, fs.ErrNotExist) {
		return unified("/dev/null", nil, path, content), nil
	}
	if err != nil {
		return "", err
	}
	var out strings.Builder
	if _, why, err := sameAttrs(h, fi, a, def); err != nil {
		return "", err
	} else if why != "" {
		fmt.Fprintf(&out, "- %s %s\n", path, why)
	}
	if !fi.Mode().IsRegular() {
		fmt.Fprintf(&out, "- %s is no regular file\n", path)
		return out.String() + unified("/dev/null", nil, path, content), nil
	}
	old, err := os.ReadFile(name)
	if err != nil {
		return "", err
	}
	if bytes.Equal(old, content) {
		return out.String(), nil
	}
	if fi.Mode()&0o077 == 0 { // a key; what it was is nobody's business
		return out.String() + fmt.Sprintf("--- %s\n- (what it was is not shown: only its owner may read it)\n", path) + unified("/dev/null", nil, path, content), nil
	}
	return out.String() + unified(path, hideOld(old, content), path, content), nil
}

func unified(oldName string, old []byte, newName string, content []byte) string {
	if len(old)+len(content) > diffMost || !utf8.Valid(old) || !utf8.Valid(content) {
		return fmt.Sprintf("--- %s\n+++ %s\n(%d bytes become %d)\n", oldName, newName, len(old), len(content))
	}
	d := diff.Diff(oldName, old, newName, content)
	if len(d) == 0 {
		return fmt.Sprintf("--- %s\n+++ %s\n(it is empty)\n", oldName, newName)
	}
	_, d, _ = bytes.Cut(d, []byte("\n")) // "diff OLD NEW" says nothing more
	return string(d)
}

// Lines of a file that was there before may have secrets that this step does not
// know, so that nobody would mask them.
var (
	secretValue = regexp.MustCompile(`(?im)^(\s*#?\s*[\w.-]*(?:passw|secret|token|key|credential|connection|transport_url|auth)[\w.-]*\s*[=:]\s*).+$`)
	secretURL   = regexp.MustCompile(`(://[^:/@\s]*:)[^@\s]+@`)
)

// hideOld leaves out the secrets of lines that the new content does not have: what
// both have is the step's own, and the agent masks it on both sides alike.
func hideOld(old, content []byte) []byte {
	kept := map[string]bool{}
	for line := range bytes.Lines(content) {
		kept[string(line)] = true
	}
	var out []byte
	for line := range bytes.Lines(old) {
		if !kept[string(line)] {
			line = secretURL.ReplaceAll(secretValue.ReplaceAll(line, []byte("${1}***")), []byte("${1}***@"))
		}
		out = append(out, line...)
	}
	return out
}

// Diff tells the content and attributes that change.
func (i *INI) Diff(h Host) (string, error) {
	return fileDiff(h, i.Path, i.Render(), i.attrs(), 0o644)
}

// Diff tells the content and attributes that change, or what the path becomes.
func (f *File) Diff(h Host) (string, error) {
	ok, why, err := f.compare(h)
	if ok || err != nil {
		return "", err
	}
	switch {
	case f.Absent:
		return fmt.Sprintf("- %s\n", f.Path), nil
	case f.Link != "":
		return fmt.Sprintf("- %s %s\n+ %s -> %s\n", f.Path, why, f.Path, f.Link), nil
	case f.Directory:
		return fmt.Sprintf("- %s %s\n+ %s/\n", f.Path, why, f.Path), nil
	}
	return fileDiff(h, f.Path, []byte(f.Content), f.attrs(), 0o644)
}

// Diff lists the packages that are to come.
func (p *Package) Diff(Host) (string, error) { return lines("+ package ", p.found), nil }

// Diff lists what is not as wanted, and the restart.
func (s *Service) Diff(h Host) (string, error) {
	if s.State == "restarted" && h.Booted() {
		return lines("+ restart ", s.Names), nil
	}
	return lines("- ", s.found), nil
}

// Diff lists the databases, users and grants that are to come, without hashes.
func (s *SQL) Diff(Host) (string, error) {
	lacking := slices.Clone(s.found)
	for i, l := range lacking {
		switch f := strings.Fields(l); f[0] {
		case "user":
			lacking[i] = fmt.Sprintf("user %s@%s with its password", s.User, f[1])
		case "grant":
			lacking[i] = fmt.Sprintf("grant on %s to %s@%s", f[2], s.User, f[1])
		}
	}
	return lines("+ ", lacking), nil
}

func lines(prefix string, what []string) string {
	var b strings.Builder
	for _, w := range what {
		b.WriteString(prefix + w + "\n")
	}
	return b.String()
}
