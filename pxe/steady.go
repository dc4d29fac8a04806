package pxe

import (
	"io"
	"net/http"
	"time"
)

// steady gives a client a while for each chunk instead of for the whole answer,
// so that a long download may take its time and a stalled one ends. It keeps
// the way to sendfile open.
type steady struct {
	http.ResponseWriter
	ctl *http.ResponseController
	err error // the first failure to write
}

// Unwrap lets http.ResponseController find the writer below.
func (w *steady) Unwrap() http.ResponseWriter { return w.ResponseWriter }

func (w *steady) extend() {
	// Without deadlines, as in httptest's recorder, there is nothing to extend.
	_ = w.ctl.SetWriteDeadline(time.Now().Add(stall))
}

func (w *steady) Write(p []byte) (int, error) {
	w.extend()
	n, err := w.ResponseWriter.Write(p)
	w.note(err)
	return n, err
}

func (w *steady) note(err error) {
	if w.err == nil {
		w.err = err
	}
}

// ReadFrom copies in chunks. A file behind one io.LimitedReader goes out by
// sendfile, so the limit is not wrapped in another.
func (w *steady) ReadFrom(src io.Reader) (total int64, err error) {
	limit := int64(-1)
	if l, ok := src.(*io.LimitedReader); ok {
		src, limit = l.R, l.N
		defer func() { l.N -= total }()
	}
	for limit != 0 {
		size := int64(chunk)
		if limit > 0 {
			size = min(size, limit)
		}
		w.extend()
		n, err := io.Copy(w.ResponseWriter, &io.LimitedReader{R: src, N: size})
		total += n
		if err != nil {
			w.note(err)
			return total, err
		}
		if n < size {
			return total, nil
		}
		if limit > 0 {
			limit -= n
		}
	}
	return total, nil
}

// lastByte notes whether the last byte of a content was read for sending.
type lastByte struct {
	io.ReadSeeker
	size, pos int64
}

func (l *lastByte) Read(p []byte) (int, error) {
	n, err := l.ReadSeeker.Read(p)
	l.pos += int64(n)
	return n, err
}

func (l *lastByte) Seek(off int64, whence int) (int64, error) {
	n, err := l.ReadSeeker.Seek(off, whence)
	l.pos = n
	return n, err
}

// sent reports whether a read ended at the last byte. A Seek to the end, as
// http.ServeContent does to learn the size, is undone before anything is read.
func (l *lastByte) sent() bool { return l.size > 0 && l.pos == l.size }
