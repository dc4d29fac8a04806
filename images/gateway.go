package images

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"time"

	"github.com/vishvananda/netns"
)

// gatewayAddress is where a build finds its proxy.
const gatewayAddress = "127.0.0.1:3142"

// gateway is a network namespace from which only an HTTP proxy leads out. A
// build that starts a database in it meets no port of this host or of another
// build, and can fetch packages all the same.
type gateway struct {
	ns     netns.NsHandle
	server *http.Server
}

// newGateway makes a namespace. upstream is the proxy that this host's apt uses,
// or nil for what http.ProxyFromEnvironment says.
func newGateway(ctx context.Context, log *slog.Logger, upstream *url.URL) (*gateway, error) {
	ns, l, err := listenApart()
	if err != nil {
		return nil, fmt.Errorf("make a network namespace for a build: %w", err)
	}
	t := &http.Transport{Proxy: http.ProxyFromEnvironment, ResponseHeaderTimeout: time.Minute, MaxIdleConnsPerHost: 10}
	if upstream != nil {
		t.Proxy = http.ProxyURL(upstream)
	}
	errLog := slog.NewLogLogger(log.Handler(), slog.LevelDebug)
	g := &gateway{ns: ns, server: &http.Server{
		ReadHeaderTimeout: time.Minute,
		ErrorLog:          errLog,
		BaseContext:       func(net.Listener) context.Context { return ctx },
		Handler: &httputil.ReverseProxy{Transport: t, ErrorLog: errLog, Rewrite: func(r *httputil.ProxyRequest) {
			r.Out.URL = r.In.URL // absolute, as clients send it to a proxy (RFC 9112 §3.2.2)
		}},
	}}
	go func() {
		if err := g.server.Serve(l); !errors.Is(err, http.ErrServerClosed) {
			log.Warn("the builds' proxy ended", "err", err)
		}
	}()
	return g, nil
}

// listenApart makes a network namespace and listens in it. A socket stays in
// the namespace in which it was made.
func listenApart() (netns.NsHandle, net.Listener, error) {
	runtime.LockOSThread()
	own, err := netns.Get()
	if err != nil {
		runtime.UnlockOSThread()
		return netns.None(), nil, err
	}
	defer own.Close()
	ns, err := netns.New() // and this thread is in it
	if err != nil {
		runtime.UnlockOSThread()
		return netns.None(), nil, err
	}
	_, port, _ := net.SplitHostPort(gatewayAddress)
	// Any address: the loopback interface is still down.
	l, err := net.Listen("tcp4", ":"+port)
	if back := netns.Set(own); back != nil {
		// The thread is of no use any more: it ends with its locked goroutine.
		err = errors.Join(err, back)
	} else {
		runtime.UnlockOSThread()
	}
	if err != nil {
		ns.Close()
		return netns.None(), nil, err
	}
	return ns, l, nil
}

// path is the namespace for nsenter(1).
func (g *gateway) path() string { return fmt.Sprintf("/proc/%d/fd/%d", os.Getpid(), int(g.ns)) }

func (g *gateway) Close() error {
	return errors.Join(g.server.Close(), g.ns.Close())
}

// aptConfig returns what this host's apt was told about some options, as lines
// of apt.conf(5).
func aptConfig(ctx context.Context, options ...string) ([]string, error) {
	out, err := exec.CommandContext(ctx, "apt-config", append([]string{"dump", "--no-empty"}, options...)...).Output()
	if err != nil {
		return nil, fmt.Errorf("read apt's configuration of this host: %w (is this Debian?)", err)
	}
	return strings.FieldsFunc(string(out), func(r rune) bool { return r == '\n' }), nil
}

// aptProxy is the HTTP proxy of this host's apt, nil if there is none.
func aptProxy(ctx context.Context) (*url.URL, error) {
	lines, err := aptConfig(ctx, "Acquire::http::Proxy")
	if err != nil || len(lines) == 0 {
		return nil, err
	}
	_, value, _ := strings.Cut(lines[0], `"`)
	value, _, _ = strings.Cut(value, `"`)
	if value == "" || value == "DIRECT" {
		return nil, nil
	}
	u, err := url.Parse(value)
	if err != nil {
		return nil, fmt.Errorf("the proxy of this host's apt (Acquire::http::Proxy): %w", err)
	}
	return u, nil
}
