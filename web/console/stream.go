package console

import "bytes"

// stream is the end of what came over a line. Places in it are counted in bytes
// from its beginning and stay what they are, so that a reader knows exactly what
// it has read, and whether it has missed anything.
type stream struct {
	buf []byte // ring; byte n of the stream is at n modulo its length
	end int64  // how many bytes were written
}

func newStream(size int) *stream { return &stream{buf: make([]byte, size)} }

// start is the oldest place that can still be read.
func (s *stream) start() int64 { return max(0, s.end-int64(len(s.buf))) }

func (s *stream) write(p []byte) {
	for len(p) > 0 {
		n := copy(s.buf[s.end%int64(len(s.buf)):], p)
		s.end += int64(n)
		p = p[n:]
	}
}

// read returns a copy of at most limit bytes from a place on, which must be
// between start and end.
func (s *stream) read(from int64, limit int) []byte {
	out := make([]byte, min(int64(limit), s.end-from))
	for n := 0; n < len(out); {
		n += copy(out[n:], s.buf[(from+int64(n))%int64(len(s.buf)):])
	}
	return out
}

// cutLook is how far a history that was cut is searched for the beginning of a
// line.
const cutLook = 4 << 10

// history returns the place at which the last limit bytes begin, at most the
// package's history; 0 is all of that. One that begins in the middle of the
// stream begins with a line, not within a character or an escape sequence.
func (s *stream) history(limit int) int64 {
	if limit <= 0 || limit > history {
		limit = history
	}
	from := s.end - int64(limit)
	if from <= 0 {
		return 0
	}
	if i := bytes.IndexByte(s.read(from, cutLook), '\n'); i >= 0 {
		from += int64(i) + 1
	}
	return from
}
