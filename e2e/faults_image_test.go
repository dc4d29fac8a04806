package e2e

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"sync/atomic"
	"time"

	"sandai/installer/agent/disk"
)

// imageFaults are of an image on its way to a disk. A stand-in writes none, so
// the ramdisk's own code writes it to a file here.
func imageFaults() []fault {
	return []fault{
		{name: "HTTP is cut in the middle of an image, three times", ends: mended, whole: func(f *faulty) (string, string) {
			return f.fetch(func(n int32, body []byte, w http.ResponseWriter, r *http.Request) {
				if n <= 3 {
					w = &cutter{w, 400 << 10}
				}
				http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(body))
			})
		}},
		{name: "an image's block is corrupt on the wire", brief: true, ends: mended, whole: func(f *faulty) (string, string) {
			return f.fetch(func(n int32, body []byte, w http.ResponseWriter, r *http.Request) {
				if n == 1 {
					body = bytes.Clone(body)
					body[len(body)/2] ^= 1
				}
				http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(body))
			})
		}},
	}
}

// fetch writes an image from a bad server and compares what is on the disk.
func (f *faulty) fetch(serve func(n int32, body []byte, w http.ResponseWriter, r *http.Request)) (seen, reason string) {
	f.Helper()
	body := make([]byte, 3<<20)
	_, _ = rand.NewChaCha8([32]byte{3}).Read(body) // never fails
	sum := sha256.Sum256(body)
	var asked atomic.Int32
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { serve(asked.Add(1), body, w, r) }))
	defer srv.Close()
	path := filepath.Join(f.dir, "disk.raw")
	if err := os.WriteFile(path, nil, 0o600); err != nil {
		f.Fatal(err)
	}
	if err := os.Truncate(path, 1<<30); err != nil {
		f.Fatal(err)
	}
	d, err := disk.Open(path, true)
	if err != nil {
		f.Fatal(err)
	}
	defer d.Close()
	_, root, err := d.Lay("sandai-e2e-1")
	if err != nil {
		f.Fatal(err)
	}
	broke := 0
	src := disk.Source{URL: srv.URL, Pause: 10 * time.Millisecond, Note: func(err error, at int64) {
		broke++
		seen = fmt.Sprintf("in the node's log: the image's connection broke; it goes on from there (at byte %d: %v)", at, err)
	}}
	img := disk.Image{Name: "base", Digest: hex.EncodeToString(sum[:]), Size: int64(len(body)), RawSize: int64(len(body))}
	err = d.Fetch(f.Context(), root, img, src, func(err error) { broke++; seen = "in the node's log: " + err.Error() }, func(int64) {})
	if err != nil || broke == 0 {
		f.Fatalf("after %d breaks: %v", broke, err)
	}
	got := make([]byte, len(body))
	if _, err := d.File.ReadAt(got, root.Start); err != nil || !bytes.Equal(got, body) {
		f.Errorf("the disk does not hold the image (%v)", err)
	}
	return seen, ""
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
