package main

import (
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"sandai/installer/pki"
)

// certificates are what the page and the API are served with.
type certificates struct {
	own  *tls.Certificate // the operator's, if given
	make func() (tls.Certificate, error)

	mu   sync.Mutex
	site tls.Certificate // of the appliance's own CA
}

// renewBefore is how long before its end the site's certificate is made anew
// while the appliance runs; a start makes it anew earlier.
const renewBefore = 30 * 24 * time.Hour

// newCertificates loads the operator's certificate, if files are given, and the
// one of the appliance's own CA for this listen address.
func (a *appliance) newCertificates(ctx context.Context, listen, certFile, keyFile string) (*certificates, error) {
	c := &certificates{}
	if certFile != "" || keyFile != "" {
		own, err := tls.LoadX509KeyPair(certFile, keyFile)
		if err != nil {
			return nil, fmt.Errorf("load the certificate (--tls-cert and --tls-key go together, both PEM): %w", err)
		}
		c.own = &own
	}
	hosts, err := hostsOf(listen)
	if err != nil {
		return nil, err
	}
	c.make = func() (tls.Certificate, error) { return a.ca.Site(ctx, a.store, hosts...) }
	c.site, err = c.make()
	return c, err
}

// get chooses the certificate for a client. The command line on this host asks
// for pki.LocalName, and finds the appliance whatever the operator's
// certificate is for.
func (c *certificates) get(h *tls.ClientHelloInfo) (*tls.Certificate, error) {
	if c.own != nil && h.ServerName != pki.LocalName {
		return c.own, nil
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if time.Until(c.site.Leaf.NotAfter) < renewBefore {
		made, err := c.make()
		if err != nil {
			return nil, err
		}
		c.site = made
	}
	site := c.site
	return &site, nil
}

func (c *certificates) config() *tls.Config {
	return &tls.Config{GetCertificate: c.get, MinVersion: tls.VersionTLS12}
}

// strict tells browsers to come over TLS only, from now on (HSTS, RFC 6797). Not
// with the appliance's own certificate: a browser that was made to remember it
// could not be told any more to accept a certificate that it does not know.
func (c *certificates) strict(h http.Handler) http.Handler {
	if c.own == nil {
		return h
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Strict-Transport-Security", "max-age=31536000")
		h.ServeHTTP(w, r)
	})
}

// hostsOf lists the names and addresses by which the appliance may be asked for
// when it listens there, sorted.
func hostsOf(listen string) ([]string, error) {
	hosts := []string{"localhost", "127.0.0.1", "::1"}
	if name, err := os.Hostname(); err == nil && name != "" {
		hosts = append(hosts, name)
	}
	host, _, err := net.SplitHostPort(listen)
	if err != nil {
		return nil, fmt.Errorf("the address to listen on: %w (give it as ADDRESS:PORT, or :PORT for every address)", err)
	}
	ip := net.ParseIP(host)
	switch {
	case host == "" || ip != nil && ip.IsUnspecified():
		addrs, err := net.InterfaceAddrs()
		if err != nil {
			return nil, fmt.Errorf("list this host's addresses: %w", err)
		}
		for _, a := range addrs {
			if n, ok := a.(*net.IPNet); ok && n.IP.IsGlobalUnicast() {
				hosts = append(hosts, n.IP.String())
			}
		}
	default:
		hosts = append(hosts, host)
	}
	slices.Sort(hosts)
	return slices.Compact(hosts), nil
}

// Files in the state directory by which the command line finds the appliance:
// the lab's (where a virtual rack's appliance is reached from outside) goes
// before the appliance's own.
const (
	labURLFile   = "url"
	serveURLFile = "serve.url"
	caFile       = "ca.pem"
)

// baseURL is where people reach an appliance that listens on addr.
func baseURL(addr *net.TCPAddr, people bool) string {
	host := addr.IP
	if host.IsUnspecified() {
		host = net.IPv4(127, 0, 0, 1)
		if addrs, err := net.InterfaceAddrs(); err == nil && people {
			for _, a := range addrs {
				if n, ok := a.(*net.IPNet); ok && n.IP.IsGlobalUnicast() && n.IP.To4() != nil {
					host = n.IP
					break
				}
			}
		}
	}
	return "https://" + (&net.TCPAddr{IP: host, Port: addr.Port}).String()
}

// writeWhere writes where this appliance is, and by which CA it is known.
func (a *appliance) writeWhere(state string) error {
	if err := replaceFile(filepath.Join(state, caFile), string(a.ca.Certificate()), 0o644); err != nil {
		return fmt.Errorf("write the CA's certificate: %w", err)
	}
	url := baseURL(a.api.Addr().(*net.TCPAddr), false) + "\n"
	if err := replaceFile(filepath.Join(state, serveURLFile), url, 0o644); err != nil {
		return fmt.Errorf("write the API's URL: %w", err)
	}
	return nil
}
