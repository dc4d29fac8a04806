package pxe

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/cavaliergopher/cpio"
	"github.com/google/go-cmp/cmp"

	"sandai/inventory"
)

// noise is bytes that compress to nothing else and differ at each offset.
func noise(n int) []byte {
	b := make([]byte, n)
	src := rand.NewChaCha8([32]byte{1})
	src.Read(b)
	return b
}

// TestDownloads fetches over a real connection from the loopback address, whose
// machine is the test's.
func TestDownloads(t *testing.T) {
	body := noise(3<<20 + 17)
	for name, path := range map[string]string{imageKernel: "/kernel", imageIPXE: "/ipxe.efi"} {
		t.Run(name, func(t *testing.T) {
			r := newRack(t)
			img := r.add(t, name, body)
			s := newServer(t, r, nil)
			s.hosts.put(netip.MustParseAddr("127.0.0.1"), inventory.Machine{MAC: testMAC}, true)
			srv := httptest.NewServer(s.handler())
			defer srv.Close()
			resp, err := http.Get(srv.URL + path)
			try(t, err)
			defer resp.Body.Close()
			got, err := io.ReadAll(resp.Body)
			try(t, err)
			if !bytes.Equal(got, body) || resp.ContentLength != int64(len(body)) || resp.Header.Get("ETag") != `"`+img.Digest+`"` {
				t.Errorf("got %d bytes, length %d, ETag %s", len(got), resp.ContentLength, resp.Header.Get("ETag"))
			}
			want := map[string]inventory.EventType{imageKernel: inventory.EventKernel, imageIPXE: inventory.EventLoader}[name]
			r.await(t.Context(), t, want)
			if d := cmp.Diff(testMAC, r.events[0].MAC); d != "" {
				t.Errorf("MAC of the event (-want +got):\n%s", d)
			}
		})
	}
}

// TestUnfinished: a download that is cut off makes no event.
func TestUnfinished(t *testing.T) {
	r := newRack(t)
	r.add(t, imageKernel, noise(64<<20))
	s := newServer(t, r, nil)
	ended := make(chan struct{})
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		defer close(ended)
		s.handler().ServeHTTP(w, req)
	}))
	defer srv.Close()
	resp, err := http.Get(srv.URL + "/kernel?mac=" + testMAC)
	try(t, err)
	_, err = io.CopyN(io.Discard, resp.Body, 1000)
	try(t, err)
	resp.Body.Close()
	<-ended
	if got := r.types(); len(got) != 0 {
		t.Errorf("events %v", got)
	}
}

// TestRamdisk reads back what the kernel would: the ramdisk, zeros up to a
// multiple of four, and an archive with the CA.
func TestRamdisk(t *testing.T) {
	for size := 4096; size < 4100; size++ {
		t.Run(fmt.Sprint(size), func(t *testing.T) {
			r := newRack(t)
			ramdisk := noise(size)
			r.add(t, imageRamdisk, ramdisk)
			s := newServer(t, r, nil)
			w := get(s, "10.77.0.11", "/ramdisk?mac="+testMAC)
			got := w.Body.Bytes()
			if w.Code != http.StatusOK || w.Header().Get("Content-Length") != fmt.Sprint(len(got)) {
				t.Fatalf("status %d, length %s of %d", w.Code, w.Header().Get("Content-Length"), len(got))
			}
			seam := (size + 3) / 4 * 4
			if !bytes.Equal(got[:size], ramdisk) || !bytes.Equal(got[size:seam], make([]byte, seam-size)) || !bytes.HasPrefix(got[seam:], []byte("070701")) {
				t.Fatalf("the seam at %d is wrong: %q", seam, got[size:seam+6])
			}
			files := map[string]string{}
			for rd := cpio.NewReader(bytes.NewReader(got[seam:])); ; {
				h, err := rd.Next()
				if errors.Is(err, io.EOF) {
					break
				}
				try(t, err)
				b, err := io.ReadAll(rd)
				try(t, err)
				files[fmt.Sprintf("%s %o", h.Name, h.Mode)] = string(b)
			}
			want := map[string]string{"etc 40755": "", "etc/sandai 40755": "", "etc/sandai/ca.pem 100644": string(s.cfg.CA)}
			if d := cmp.Diff(want, files); d != "" {
				t.Errorf("archive (-want +got):\n%s", d)
			}
			if d := cmp.Diff([]inventory.EventType{inventory.EventRamdisk}, r.types()); d != "" {
				t.Errorf("events (-want +got):\n%s", d)
			}
			// In pieces, it is the same.
			var pieces []byte
			for off := 0; off < len(got); off += 1000 {
				w := get(s, "10.77.0.11", "/ramdisk?mac="+testMAC, "Range", fmt.Sprintf("bytes=%d-%d", off, min(off+999, len(got)-1)))
				if w.Code != http.StatusPartialContent {
					t.Fatalf("a range at %d got %d", off, w.Code)
				}
				pieces = append(pieces, w.Body.Bytes()...)
			}
			if !bytes.Equal(pieces, got) {
				t.Error("the pieces differ from the whole")
			}
		})
	}
}

func TestImages(t *testing.T) {
	r := newRack(t)
	body := noise(10_000)
	img := r.add(t, "role-controller", body)
	gone := strings.Repeat("0", 64)
	try(t, os.Mkdir(r.Path(strings.Repeat("d", 64)), 0o700))
	cases := map[string]struct {
		path   string
		header []string
		code   int
		body   []byte
		length string
	}{
		"whole":             {path: img.Digest, code: 200, body: body},
		"range":             {path: img.Digest, header: []string{"Range", "bytes=100-199"}, code: 206, body: body[100:200]},
		"from an offset":    {path: img.Digest, header: []string{"Range", "bytes=9990-"}, code: 206, body: body[9990:]},
		"the end":           {path: img.Digest, header: []string{"Range", "bytes=-7"}, code: 206, body: body[9993:]},
		"same ETag":         {path: img.Digest, header: []string{"If-Range", `"` + img.Digest + `"`, "Range", "bytes=0-9"}, code: 206, body: body[:10]},
		"other ETag":        {path: img.Digest, header: []string{"If-Range", `"other"`, "Range", "bytes=0-9"}, code: 200, body: body},
		"has it":            {path: img.Digest, header: []string{"If-None-Match", `"` + img.Digest + `"`}, code: 304},
		"past the end":      {path: img.Digest, header: []string{"Range", "bytes=20000-"}, code: 416},
		"gone":              {path: gone, code: 404},
		"a folder":          {path: strings.Repeat("d", 64), code: 404},
		"upper case":        {path: strings.ToUpper(img.Digest), code: 404},
		"short":             {path: img.Digest[:63], code: 404},
		"a name":            {path: "role-controller", code: 404},
		"traversal":         {path: "..%2f..%2fetc%2fpasswd", code: 404},
		"a list":            {path: "", code: 404},
		"digest and a line": {path: img.Digest + "%0a", code: 404},
	}
	s := newServer(t, r, nil)
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			w := get(s, "10.77.0.11", "/images/"+c.path, c.header...)
			if w.Code != c.code {
				t.Fatalf("status %d, want %d: %.200s", w.Code, c.code, w.Body)
			}
			if c.body != nil && !bytes.Equal(w.Body.Bytes(), c.body) {
				t.Errorf("got %d bytes", w.Body.Len())
			}
			if c.code == 404 && w.Header().Get("Content-Type") != "application/json" {
				t.Errorf("Content-Type %s", w.Header().Get("Content-Type"))
			}
			if c.code < 300 && w.Header().Get("ETag") != `"`+img.Digest+`"` {
				t.Errorf("ETag %s", w.Header().Get("ETag"))
			}
		})
	}
}

// TestElsewhere: there is nothing but what the design lists.
func TestElsewhere(t *testing.T) {
	r := newRack(t)
	s := newServer(t, r, nil)
	for _, path := range []string{"/", "/images", "/images/", "/boot.ipxe/", "/../etc/passwd", "/kernel/x", "/debug/pprof/"} {
		if w := get(s, "10.77.0.11", path); w.Code != http.StatusNotFound && w.Code/100 != 3 {
			t.Errorf("%s: status %d", path, w.Code)
		}
	}
	for _, path := range []string{"/kernel", "/ramdisk", "/ipxe.efi"} {
		if w := get(s, "10.77.0.11", path); w.Code != http.StatusNotFound || !strings.Contains(w.Body.String(), "build it first") {
			t.Errorf("%s before it was built: status %d: %s", path, w.Code, w.Body)
		}
	}
	req := httptest.NewRequest(http.MethodPost, "/kernel", strings.NewReader("x"))
	w := httptest.NewRecorder()
	s.handler().ServeHTTP(w, req)
	if w.Code != http.StatusBadRequest {
		t.Errorf("POST: status %d", w.Code)
	}
}

// TestSlowClient: a client that never ends its request is put off; one that is
// slow with a download is not. It uses the server's own timeouts, so it takes
// as long as those.
func TestSlowClient(t *testing.T) {
	if testing.Short() {
		t.Skip("it waits for a real timeout")
	}
	r := newRack(t)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	try(t, err)
	srv := newServer(t, r, nil).httpServer(t.Context())
	go srv.Serve(limited(l))
	defer srv.Close()
	c, err := net.Dial("tcp", l.Addr().String())
	try(t, err)
	defer c.Close()
	_, err = io.WriteString(c, "GET /kernel HTTP/1.1\r\nHost: x\r\n")
	try(t, err)
	try(t, c.SetReadDeadline(time.Now().Add(2*patience)))
	if b, err := io.ReadAll(bufio.NewReader(c)); err != nil {
		t.Errorf("the connection stayed open: %v, %q", err, b)
	}
}

// FuzzHTTP: no parameter leads out of the store, spends a nonce from a wrong
// address or makes the server fall.
func FuzzHTTP(f *testing.F) {
	for _, seed := range []string{
		"52:54:00:77:00:01", "5254.0077.0001", "52-54-00-77-00-01", "ff:ff:ff:ff:ff:ff", "00:00:00:00:00:00:00:00", "", "\x00", "..%2f",
		strings.Repeat("a", 64), strings.Repeat("A", 64), "../../etc/passwd", strings.Repeat("0", 63) + "/", "%2e%2e/%2e%2e",
	} {
		f.Add(seed)
	}
	known := regexp.MustCompile(`^[0-9a-f]{64}$`)
	f.Fuzz(func(t *testing.T, text string) {
		r := newRack(t)
		s := newServer(t, r, nil)
		s.log, s.events.log = quietLog, quietLog
		s.images = watched{r, func(digest string) {
			if !known.MatchString(digest) {
				t.Errorf("the store was asked for %q", digest)
			}
		}}
		for _, path := range []string{"/boot.ipxe", "/kernel", "/ramdisk", "/autoexec.ipxe"} {
			req := httptest.NewRequest(http.MethodGet, path, nil)
			req.URL.RawQuery = "mac=" + text
			req.RemoteAddr = "10.77.0.66:1"
			w := httptest.NewRecorder()
			s.handler().ServeHTTP(w, req)
			if w.Code >= 500 {
				t.Errorf("%s?mac=%q: status %d: %s", path, text, w.Code, w.Body)
			}
		}
		req := httptest.NewRequest(http.MethodGet, "/", nil)
		req.URL.Path = "/images/" + text
		w := httptest.NewRecorder()
		s.handler().ServeHTTP(w, req)
		if w.Code == http.StatusOK || w.Code >= 500 {
			t.Errorf("image %q: status %d", text, w.Code)
		}
		if len(r.spent) != 0 {
			t.Errorf("spent %v", r.spent)
		}
	})
}

type watched struct {
	Images
	saw func(string)
}

func (w watched) Path(digest string) string {
	w.saw(digest)
	return w.Images.Path(digest)
}
