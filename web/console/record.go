package console

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
)

// maxRecord is how long a node's file may become, in bytes, before it is set
// aside as NODE.log.1 in place of the one before.
const maxRecord = 1 << 20

// record is a node's file. A disk that fails does not stop the console: it is
// said once, and tried again with the next session.
type record struct {
	log  *slog.Logger
	path string // "" keeps nothing
	f    *os.File
	size int64
}

// record opens a node's file for the next session.
func (h *Hub) record(k key) *record {
	r := &record{log: h.log.With("rack", k.rack, "node", k.node), path: h.path(k)}
	if r.path != "" {
		if err := r.open(); err != nil {
			r.fail(err)
		}
	}
	return r
}

// path is a node's file. Names of racks and nodes are labels (RFC 1123); one
// that is not, and could lead elsewhere, has none.
func (h *Hub) path(k key) string {
	if h.Dir == "" || strings.ContainsAny(k.rack+k.node, `/\`) || !filepath.IsLocal(k.rack) || !filepath.IsLocal(k.node) {
		return ""
	}
	return filepath.Join(h.Dir, k.rack, k.node+".log")
}

func (r *record) open() error {
	if err := os.MkdirAll(filepath.Dir(r.path), 0o700); err != nil {
		return err
	}
	f, err := os.OpenFile(r.path, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	s, err := f.Stat()
	if err != nil {
		f.Close()
		return err
	}
	r.f, r.size = f, s.Size()
	return nil
}

func (r *record) fail(err error) {
	r.log.Error("a console's log cannot be written; the console goes on without it", "err", err)
	r.close()
}

func (r *record) write(p []byte) {
	if r.f == nil {
		return
	}
	if r.size > 0 && r.size+int64(len(p)) > maxRecord {
		if err := r.rotate(); err != nil {
			r.fail(err)
			return
		}
	}
	n, err := r.f.Write(p)
	r.size += int64(n)
	if err != nil {
		r.fail(err)
	}
}

func (r *record) rotate() error {
	r.close()
	if err := os.Rename(r.path, r.path+".1"); err != nil {
		return err
	}
	return r.open()
}

func (r *record) close() {
	if r.f != nil {
		if err := r.f.Close(); err != nil {
			r.log.Error("a console's log could not be closed", "err", err)
		}
		r.f = nil
	}
}

// recorded returns the last bytes of a node's files.
func (h *Hub) recorded(k key, limit int64) []byte {
	path := h.path(k)
	if path == "" {
		return nil
	}
	now, err := tail(path, limit)
	if err == nil && int64(len(now)) < limit {
		var before []byte
		before, err = tail(path+".1", limit-int64(len(now)))
		now = append(before, now...)
	}
	if err != nil {
		h.log.Error("a console's log cannot be read", "rack", k.rack, "node", k.node, "err", err)
	}
	return now
}

// tail returns the last bytes of a file, none when there is no file.
func tail(path string, limit int64) ([]byte, error) {
	f, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	defer f.Close()
	s, err := f.Stat()
	if err != nil {
		return nil, err
	}
	var b bytes.Buffer
	if _, err := io.Copy(&b, io.NewSectionReader(f, max(0, s.Size()-limit), limit)); err != nil {
		return nil, fmt.Errorf("read %s: %w", path, err)
	}
	return b.Bytes(), nil
}
