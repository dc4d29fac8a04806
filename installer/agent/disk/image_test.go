package disk

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"testing/iotest"
	"time"

	"github.com/klauspost/compress/zstd"
)

// sample is an image with data, zeros and data again, and its stored form.
func sample(t *testing.T, raw int) (plain, stored []byte, img Image) {
	t.Helper()
	r := rand.NewChaCha8([32]byte{1})
	plain = make([]byte, raw)
	_, _ = r.Read(plain[:raw/3])
	_, _ = r.Read(plain[raw-raw/4:])
	enc, err := zstd.NewWriter(nil)
	if err != nil {
		t.Fatal(err)
	}
	stored = enc.EncodeAll(plain, nil)
	return plain, stored, Image{Name: "sample", Digest: digest(stored), Size: int64(len(stored)), RawSize: int64(raw), Compression: "zstd"}
}

func digest(b []byte) string {
	s := sha256.Sum256(b)
	return hex.EncodeToString(s[:])
}

func TestWrite(t *testing.T) {
	plain, stored, img := sample(t, 13*MiB+4711*16)
	for name, tt := range map[string]struct {
		img    func(Image) Image
		stored []byte
		want   string // of the error, "" for none
	}{
		"good":           {stored: stored},
		"plain":          {stored: plain, img: func(i Image) Image { i.Compression, i.Digest = "", digest(plain); return i }},
		"bit flipped":    {stored: flip(stored, len(stored)/2), want: "arrived damaged"},
		"last byte":      {stored: flip(stored, len(stored)-1), want: "arrived damaged"},
		"cut":            {stored: stored[:len(stored)/2], want: "arrived damaged"},
		"longer":         {stored: append(bytes.Clone(stored), 0), want: "arrived damaged"},
		"empty":          {stored: nil, want: "arrived damaged"},
		"not zstd":       {stored: plain[:MiB], img: func(i Image) Image { i.Digest = digest(plain[:MiB]); return i }, want: "write the image"},
		"says less":      {stored: stored, img: func(i Image) Image { i.RawSize -= 512; return i }, want: "more of it than"},
		"says more":      {stored: stored, img: func(i Image) Image { i.RawSize += 512; return i }, want: "instead of"},
		"too large":      {stored: stored, img: func(i Image) Image { i.RawSize = 1 << 40; return i }, want: "use a larger disk"},
		"unknown method": {stored: stored, img: func(i Image) Image { i.Compression = "lz9"; return i }, want: "not known"},
	} {
		t.Run(name, func(t *testing.T) {
			d := newDisk(t, 600*MiB)
			_, root, err := d.Lay("sandai-r-1")
			if err != nil {
				t.Fatal(err)
			}
			// What was there before must not shine through where the image has zeros.
			d.put(t, root.Start, strings.Repeat("old!", 16*MiB/4))
			i := img
			if tt.img != nil {
				i = tt.img(i)
			}
			var last atomic.Int64
			err = d.Write(t.Context(), root, i, iotest.HalfReader(bytes.NewReader(tt.stored)), func(n int64) { last.Store(n) })
			got := read(d.File, root.Start, len(plain))
			if tt.want == "" {
				if err != nil || !bytes.Equal(got, plain) || last.Load() != int64(len(plain)) {
					t.Fatalf("%v; equal %t; progress ended at %d of %d", err, bytes.Equal(got, plain), last.Load(), len(plain))
				}
				return
			}
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Fatalf("error %v, want one with %q", err, tt.want)
			}
			if name != "too large" && !isZero(got[:blockSize]) {
				t.Error("the root partition still begins with something that could be started")
			}
		})
	}
}

func flip(b []byte, i int) []byte {
	b = bytes.Clone(b)
	b[i] ^= 1
	return b
}

// TestFetch: an image that arrives damaged is fetched again, and given up when it
// always does; what cannot be started is never left behind.
func TestFetch(t *testing.T) {
	plain, stored, img := sample(t, 5*MiB)
	for name, tt := range map[string]struct {
		bad  int32 // how many answers are damaged
		good bool
	}{"once": {1, true}, "twice": {2, true}, "always": {9, false}} {
		t.Run(name, func(t *testing.T) {
			d := newDisk(t, 600*MiB)
			_, root, err := d.Lay("sandai-r-1")
			if err != nil {
				t.Fatal(err)
			}
			var asked atomic.Int32
			srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				body := stored
				if asked.Add(1) <= tt.bad {
					body = flip(stored, len(stored)/2)
				}
				http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(body))
			}))
			defer srv.Close()
			notes := 0
			err = d.Fetch(t.Context(), root, img, Source{URL: srv.URL, Pause: time.Millisecond}, func(err error) {
				if notes++; !errors.Is(err, ErrDamaged) {
					t.Errorf("it is fetched again because %v", err)
				}
			}, func(int64) {})
			got := read(d.File, root.Start, len(plain))
			switch {
			case tt.good && (err != nil || !bytes.Equal(got, plain) || notes != int(tt.bad)):
				t.Errorf("%v; equal %t; fetched again %d times", err, bytes.Equal(got, plain), notes)
			case !tt.good && (!errors.Is(err, ErrDamaged) || asked.Load() != fetches || !isZero(got[:blockSize])):
				t.Errorf("%v after %d fetches; begins with nothing %t", err, asked.Load(), isZero(got[:blockSize]))
			}
		})
	}
}

func TestWriteEndsWithItsContext(t *testing.T) {
	_, stored, img := sample(t, 8*MiB)
	d := newDisk(t, 600*MiB)
	_, root, err := d.Lay("sandai-r-1")
	if err != nil {
		t.Fatal(err)
	}
	why := errors.New("time is up")
	ctx, cancel := context.WithCancelCause(t.Context())
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = w.Write(stored[:len(stored)/2])
		w.(http.Flusher).Flush()
		cancel(why)
		<-r.Context().Done()
	}))
	defer srv.Close()
	src := &Source{URL: srv.URL, Pause: time.Millisecond}
	src.Start(ctx)
	defer src.Close()
	if err := d.Write(ctx, root, img, src, func(int64) {}); !errors.Is(err, why) {
		t.Errorf("error %v", err)
	}
}

// TestSource cuts connections in every way and wants the bytes whole.
func TestSource(t *testing.T) {
	body := make([]byte, 3*MiB+17)
	_, _ = rand.NewChaCha8([32]byte{2}).Read(body)
	for name, tt := range map[string]struct {
		serve func(n int32, w http.ResponseWriter, r *http.Request)
		tries int
		want  string
	}{
		"whole": {serve: func(_ int32, w http.ResponseWriter, r *http.Request) {
			http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(body))
		}},
		"cut": {serve: func(n int32, w http.ResponseWriter, r *http.Request) {
			if n < 5 {
				w = &cutter{w, 600 << 10}
			}
			http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(body))
		}},
		"silent": {serve: func(n int32, w http.ResponseWriter, r *http.Request) {
			if n == 1 {
				w.Header().Set("Content-Length", fmt.Sprint(len(body)))
				_, _ = w.Write(body[:1000])
				w.(http.Flusher).Flush()
				<-r.Context().Done()
				return
			}
			http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(body))
		}},
		"down for a while": {serve: func(n int32, w http.ResponseWriter, r *http.Request) {
			if n < 4 {
				w.WriteHeader(http.StatusBadGateway)
				return
			}
			http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(body))
		}},
		"down for good": {serve: func(_ int32, w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusBadGateway) }, want: "502"},
		"not there":     {serve: func(_ int32, w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNotFound) }, want: "404"},
		"ignores Range": {serve: func(n int32, w http.ResponseWriter, r *http.Request) {
			r.Header.Del("Range")
			if n == 1 {
				w = &cutter{w, 600 << 10}
			}
			http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(body))
		}, want: "200 OK"},
	} {
		t.Run(name, func(t *testing.T) {
			var n atomic.Int32
			srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { tt.serve(n.Add(1), w, r) }))
			defer srv.Close()
			s := &Source{URL: srv.URL, Pause: time.Millisecond, Silence: 300 * time.Millisecond}
			s.Start(t.Context())
			defer s.Close()
			got, err := io.ReadAll(s)
			if tt.want != "" {
				if err == nil || !strings.Contains(err.Error(), tt.want) {
					t.Errorf("error %v, want one with %q", err, tt.want)
				}
				return
			}
			if err != nil || !bytes.Equal(got, body) {
				t.Errorf("%d bytes of %d, %v, after %d requests", len(got), len(body), err, n.Load())
			}
		})
	}
}

// cutter breaks the connection after some bytes.
type cutter struct {
	http.ResponseWriter
	left int
}

func (c *cutter) Write(p []byte) (int, error) {
	if len(p) > c.left {
		_, _ = c.ResponseWriter.Write(p[:c.left])
		c.ResponseWriter.(http.Flusher).Flush()
		panic(http.ErrAbortHandler)
	}
	c.left -= len(p)
	return c.ResponseWriter.Write(p)
}
