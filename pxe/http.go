package pxe

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"net/netip"
	"os"
	"regexp"
	"time"

	"golang.org/x/net/netutil"

	"sandai/inventory"
)

const (
	// maxConnections bounds what idle or slow clients can hold.
	maxConnections = 1024
	// stall is how long a client may take for a chunk; a whole download may
	// take as long as it needs.
	stall = time.Minute
	chunk = 1 << 20 // bytes
	// patience is how long a client may take for its request. It is not a
	// ReadTimeout, which would end the context of every longer download.
	patience = 10 * time.Second
)

func limited(l net.Listener) net.Listener { return netutil.LimitListener(l, maxConnections) }

// httpServer is the plain HTTP server for firmware and the ramdisk.
func (s *Server) httpServer(ctx context.Context) *http.Server {
	return &http.Server{
		Handler:           s.handler(),
		BaseContext:       func(net.Listener) context.Context { return ctx },
		ReadHeaderTimeout: patience,
		IdleTimeout:       time.Minute,
		MaxHeaderBytes:    16 << 10,
	}
}

// handler has exactly the paths of docs/design.md, and ipxe.efi for UEFI HTTP
// boot; everything else is a 404.
func (s *Server) handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /boot.ipxe", s.getScript)
	mux.HandleFunc("GET /autoexec.ipxe", s.getAutoexec)
	mux.HandleFunc("GET /ipxe.efi", s.getLoader)
	mux.HandleFunc("GET /kernel", s.getKernel)
	mux.HandleFunc("GET /ramdisk", s.getRamdisk)
	mux.HandleFunc("GET /images/{digest}", s.getImage)
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		s.fail(w, r, "", inventory.Errorf(inventory.NotFound, "there is nothing at this address"))
	})
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("X-Content-Type-Options", "nosniff")
		ctl := http.NewResponseController(w)
		if r.ContentLength != 0 {
			_ = ctl.SetReadDeadline(time.Now().Add(patience)) // the server reads the body to its end
			s.fail(w, r, "", inventory.Errorf(inventory.Invalid, "a request here has no body"))
			return
		}
		mux.ServeHTTP(&steady{ResponseWriter: w, ctl: ctl}, r)
	})
}

// machine says who asks: the MAC in the query, else the one that was given the
// peer's address over DHCP.
func (s *Server) machine(r *http.Request) (inventory.Machine, error) {
	q := r.URL.Query()
	if q.Has("mac") {
		mac, ok := parseMAC(q.Get("mac"))
		if !ok {
			return inventory.Machine{}, inventory.Errorf(inventory.Invalid, "mac=%q is not the MAC of a machine; write 52:54:00:77:00:01", shorten(q.Get("mac")))
		}
		return s.hosts.of(mac), nil
	}
	if m, ok := s.hosts.at(peerOf(r)); ok {
		return m, nil
	}
	return inventory.Machine{}, inventory.Errorf(inventory.Invalid, "%s has no lease of this appliance; add ?mac=", peerOf(r))
}

func peerOf(r *http.Request) netip.Addr {
	ap, _ := netip.ParseAddrPort(r.RemoteAddr)
	return ap.Addr().Unmap()
}

// getScript answers with the script of the boot decision. Here, and nowhere
// else, a nonce is spent, and only for a machine at its own address: anything
// on the network may send any MAC.
func (s *Server) getScript(w http.ResponseWriter, r *http.Request) {
	ctx := r.Context()
	m, err := s.machine(r)
	if err != nil {
		s.fail(w, r, "", err)
		return
	}
	d, err := s.boots.Decide(ctx, m)
	if err != nil {
		s.fail(w, r, m.MAC, err)
		return
	}
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.Header().Set("Cache-Control", "no-store")
	if r.Method == http.MethodHead && d.Action != inventory.BootSilent {
		return // to look is not to boot
	}
	var address netip.Addr
	if d.Action == inventory.BootRamdisk {
		if address, err = s.addressOf(ctx, m, d.Node); err != nil {
			s.fail(w, r, m.MAC, err)
			return
		}
		if address != peerOf(r) {
			s.fail(w, r, m.MAC, inventory.Errorf(inventory.Unauthorised, "the boot script of %s was asked for from %s; its address is %s, and only from there it is given", d.Node, peerOf(r), address))
			return
		}
		if d, err = s.boots.Spend(ctx, m); err != nil {
			s.fail(w, r, m.MAC, err)
			return
		}
	}
	script, err := s.script(ctx, m, d, address)
	if err != nil {
		s.fail(w, r, m.MAC, err)
		return
	}
	if _, err := io.WriteString(w, script); err == nil {
		s.events.record(ctx, "", inventory.Event{Type: inventory.EventScript, Node: d.Node, MAC: m.MAC, Text: fmt.Sprintf("boot script fetched: %s, %s", d.Action, d.Reason)})
	}
}

func (s *Server) script(ctx context.Context, m inventory.Machine, d inventory.BootDecision, address netip.Addr) (string, error) {
	switch {
	case d.Action == inventory.BootDisk:
		return s.diskScript(d), nil
	case d.Action == inventory.BootRamdisk && address.IsValid():
		return s.ramdiskScript(ctx, m, d, address)
	case d.Action == inventory.BootRamdisk:
		return "", inventory.Errorf(inventory.Conflict, "the decision for %s changed while it was asked for; ask again", m.MAC)
	}
	return "", inventory.Errorf(inventory.NotFound, "%s gets no boot answer: %s", m.MAC, d.Reason)
}

func (s *Server) getAutoexec(w http.ResponseWriter, r *http.Request) {
	m, err := s.machine(r)
	if err != nil && r.URL.Query().Has("mac") {
		s.fail(w, r, "", err)
		return
	}
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.Header().Set("Cache-Control", "no-store")
	io.WriteString(w, s.chainScript(m.MAC))
}

func (s *Server) getLoader(w http.ResponseWriter, r *http.Request) {
	m, _ := s.hosts.at(peerOf(r))
	s.serve(w, r, imageIPXE, m, inventory.EventLoader, nil)
}

func (s *Server) getKernel(w http.ResponseWriter, r *http.Request) {
	s.serveTo(w, r, imageKernel, inventory.EventKernel, nil)
}

func (s *Server) getRamdisk(w http.ResponseWriter, r *http.Request) {
	archive, err := caArchive(s.cfg.CA)
	if err != nil {
		s.fail(w, r, "", err)
		return
	}
	s.serveTo(w, r, imageRamdisk, inventory.EventRamdisk, archive)
}

// serveTo is serve for a machine named in the query. A request from nobody in
// particular is served too, without an event.
func (s *Server) serveTo(w http.ResponseWriter, r *http.Request, name string, t inventory.EventType, tail []byte) {
	m, err := s.machine(r)
	if err != nil && r.URL.Query().Has("mac") {
		s.fail(w, r, "", err)
		return
	}
	s.serve(w, r, name, m, t, tail)
}

// serve sends a stored image, and tail after it, and records the event when the
// last byte was sent.
func (s *Server) serve(w http.ResponseWriter, r *http.Request, name string, m inventory.Machine, t inventory.EventType, tail []byte) {
	f, img, err := s.open(name)
	if err != nil {
		s.fail(w, r, m.MAC, err)
		return
	}
	defer f.Close()
	var content io.ReadSeeker = f
	size := img.Size
	if tail != nil {
		both := withTail(f, img.Size, tail)
		content, size = both, both.Size()
	}
	last := &lastByte{ReadSeeker: content, size: size}
	if tail == nil {
		w.Header().Set("ETag", `"`+img.Digest+`"`)
	}
	w.Header().Set("Content-Type", "application/octet-stream")
	start := time.Now()
	st := w.(*steady)
	http.ServeContent(w, r, "", time.Time{}, last)
	if r.Method != http.MethodGet || !last.sent() || st.err != nil || r.Context().Err() != nil || m.MAC == "" {
		return
	}
	s.events.record(r.Context(), "", inventory.Event{Type: t, MAC: m.MAC, Text: fmt.Sprintf("%s sent, %d bytes in %s", name, size, time.Since(start).Round(time.Millisecond))})
}

// hexDigest is what a SHA-256 looks like; nothing else reaches a file name.
var hexDigest = regexp.MustCompile(`^[0-9a-f]{64}$`)

// getImage serves a stored image by digest, with Range. What a digest names
// never changes, so it may be kept for ever.
func (s *Server) getImage(w http.ResponseWriter, r *http.Request) {
	digest := r.PathValue("digest")
	if !hexDigest.MatchString(digest) {
		s.fail(w, r, "", inventory.Errorf(inventory.NotFound, "an image is asked for by its SHA-256, 64 lower-case hex digits"))
		return
	}
	f, err := os.Open(s.images.Path(digest))
	if errors.Is(err, fs.ErrNotExist) {
		s.fail(w, r, "", inventory.Errorf(inventory.NotFound, "no image %s is in the store; build the images again, the plan names one that is gone", digest))
		return
	}
	if err != nil {
		s.fail(w, r, "", fmt.Errorf("open image %s: %w", digest, err))
		return
	}
	defer f.Close()
	if st, err := f.Stat(); err != nil || !st.Mode().IsRegular() {
		s.fail(w, r, "", inventory.Errorf(inventory.NotFound, "image %s is not a file in the store", digest))
		return
	}
	w.Header().Set("ETag", `"`+digest+`"`)
	w.Header().Set("Content-Type", "application/octet-stream")
	w.Header().Set("Cache-Control", "public, max-age=31536000, immutable")
	http.ServeContent(w, r, "", time.Time{}, f)
}

// statusOf maps the error codes to HTTP.
var statusOf = map[inventory.Code]int{
	inventory.NotFound: http.StatusNotFound, inventory.Conflict: http.StatusConflict, inventory.Invalid: http.StatusBadRequest,
	inventory.Unauthorised: http.StatusForbidden, inventory.Unavailable: http.StatusServiceUnavailable, inventory.Internal: http.StatusInternalServerError,
}

// fail answers with a JSON error and records the refusal. The text of an error
// without a code stays in the log: it was not written for the network.
func (s *Server) fail(w http.ResponseWriter, r *http.Request, mac string, err error) {
	code := inventory.CodeOf(err)
	text := err.Error()
	if code == inventory.Internal {
		s.log.Error("an HTTP request failed", "path", r.URL.Path, "peer", r.RemoteAddr, "mac", mac, "error", err)
		var e *inventory.Error
		if !errors.As(err, &e) {
			text = "the appliance could not answer; its log says why"
		}
	}
	if mac == "" {
		m, _ := s.hosts.at(peerOf(r))
		mac = m.MAC
	}
	s.events.refused(r.Context(), "", mac, fmt.Sprintf("HTTP: %s asked for %q: %s", peerOf(r), shorten(r.URL.Path), text))
	h := w.Header()
	h.Set("Content-Type", "application/json")
	h.Set("Cache-Control", "no-store")
	w.WriteHeader(statusOf[code])
	json.NewEncoder(w).Encode(map[string]string{"code": string(code), "text": text})
}
