package main

import (
	"bytes"
	"cmp"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"sandai/installer/pki"
	"sandai/inventory"
	"sandai/web"
)

const defaultURL = "https://127.0.0.1:8080"

// client calls the appliance's API.
type client struct {
	base  string // "https://127.0.0.1:8080"
	state string // the state directory, for the hints in errors
	token string // API token, "" to send none
	http  http.Client
	wrong error // of the command line; the first call returns it
	guess bool  // nothing says yet where the appliance is: base is where most are
}

// newClient returns a client of the appliance that the command line names. By
// default it is this host's: the state directory says where it is, which CA it
// is known by, and has the token. That token goes to no other appliance: who
// names one names its token, and its CA where that is not a public one.
func newClient(cmd *cobra.Command) *client {
	c := &client{state: stateDir(cmd)}
	flag := func(name string) string {
		v, _ := cmd.Flags().GetString(name) // they are defined with the root command
		return v
	}
	if c.base = flag("url"); c.base == "" {
		c.base = cmp.Or(firstLine(c.state, labURLFile), firstLine(c.state, serveURLFile))
		if c.guess = c.base == ""; c.guess {
			c.base = defaultURL
		}
	}
	c.base = strings.TrimRight(c.base, "/")
	trust := &tls.Config{MinVersion: tls.VersionTLS12}
	ca, tokenFrom := flag("ca"), flag("token")
	switch {
	case ca == "" && tokenFrom == "":
		// Without the CA's certificate nobody can be known, so nobody is told.
		if trust.RootCAs, _ = readCA(filepath.Join(c.state, caFile)); trust.RootCAs != nil && strings.HasPrefix(c.base, "https://") {
			trust.ServerName = pki.LocalName
			c.token = firstLine(c.state, tokenFile)
		}
	default:
		if ca != "" {
			trust.RootCAs, c.wrong = readCA(ca)
		}
		if tokenFrom != "" && c.wrong == nil {
			c.token, c.wrong = readToken(tokenFrom)
		}
	}
	// A BMC may need a minute for its answer; nothing else is slow. The header
	// comes at once on streams.
	c.http.Transport = &http.Transport{ResponseHeaderTimeout: 3 * time.Minute, TLSClientConfig: trust}
	return c
}

func firstLine(dir, name string) string {
	b, _ := os.ReadFile(filepath.Join(dir, name)) // one that cannot be read says nothing
	line, _, _ := strings.Cut(string(b), "\n")
	return strings.TrimSpace(line)
}

func readCA(path string) (*x509.CertPool, error) {
	b, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("read the CA to trust: %w", err)
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(b) {
		return nil, fmt.Errorf("%s holds no certificate in PEM: copy ca.pem from the appliance's state directory", path)
	}
	return pool, nil
}

func readToken(path string) (string, error) {
	if _, err := os.Stat(path); err != nil {
		return "", fmt.Errorf("read the API token: %w (--token names a file that holds it)", err)
	}
	t := firstLine(filepath.Split(path))
	if t == "" {
		return "", fmt.Errorf("%s holds no API token in its first line", path)
	}
	return t, nil
}

// mayTell reports whether the token may travel to a URL: over TLS, or without
// leaving this host.
func mayTell(u *url.URL) bool {
	ip := net.ParseIP(u.Hostname())
	return u.Scheme == "https" || u.Hostname() == "localhost" || ip != nil && ip.IsLoopback()
}

// isUnreachable reports whether the appliance did not answer at all.
func isUnreachable(err error) bool {
	var e *exitError
	return errors.As(err, &e) && e.code == exitUnreachable
}

func (c *client) unreachable(err error) error {
	return &exitError{exitUnreachable, fmt.Errorf("the appliance at %s does not answer: %w; start it with appliance serve --state %s (its log says why if it ended), or name another with --url", c.base, err, c.state)}
}

// do sends a request and returns the answer when it is a success; the caller
// closes its body. Any other answer becomes an *inventory.Error.
func (c *client) do(ctx context.Context, method, path string, body io.Reader, header map[string]string) (*http.Response, error) {
	if c.wrong != nil {
		return nil, &exitError{exitUsage, c.wrong}
	}
	req, err := http.NewRequestWithContext(ctx, method, c.base+"/api/v1"+path, body)
	if err != nil {
		return nil, &exitError{exitUsage, fmt.Errorf("the appliance's URL: %w", err)}
	}
	for k, v := range header {
		req.Header.Set(k, v)
	}
	if c.token != "" && mayTell(req.URL) {
		req.Header.Set("Authorization", "Bearer "+c.token)
	}
	res, err := c.http.Do(req)
	if err != nil {
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		var u *url.Error
		if errors.As(err, &u) {
			err = u.Err // the URL is in our own text
		}
		var stranger *tls.CertificateVerificationError
		if errors.As(err, &stranger) {
			return nil, fmt.Errorf("%s is not the appliance of %s, or not known to be: %w; name another's CA with --ca FILE (its ca.pem) and a token with --token FILE", c.base, c.state, stranger.Err)
		}
		return nil, c.unreachable(err)
	}
	if res.StatusCode < 300 {
		return res, nil
	}
	defer res.Body.Close()
	text, _ := io.ReadAll(io.LimitReader(res.Body, 64<<10))
	var e web.Error
	switch {
	case json.Unmarshal(text, &e) == nil && e.Text != "":
		if e.Code == inventory.Unauthorised && c.token == "" {
			e.Text += fmt.Sprintf(" (no token was sent: %s cannot be read; run this as the user who runs the appliance, or name one with --token FILE)", filepath.Join(c.state, tokenFile))
		}
		return nil, &inventory.Error{Code: e.Code, Text: e.Text}
	case res.StatusCode == http.StatusBadGateway: // the lab's forwarder found no appliance
		return nil, c.unreachable(errors.New(strings.TrimSpace(string(text))))
	}
	if res.StatusCode == http.StatusBadRequest && bytes.Contains(text, []byte("HTTPS server")) {
		return nil, fmt.Errorf("%s speaks TLS: name it as https://", c.base)
	}
	return nil, fmt.Errorf("%s answered %s: is that the appliance? name it with --url", c.base, res.Status)
}

func (c *client) get(ctx context.Context, path string, out any) error {
	return c.decode(c.do(ctx, http.MethodGet, path, nil, nil))(out)
}

func (c *client) post(ctx context.Context, path string, in, out any) error {
	return c.send(ctx, http.MethodPost, path, in, out)
}

// send sends in as JSON, or no body if it is nil.
func (c *client) send(ctx context.Context, method, path string, in, out any) error {
	if in == nil {
		return c.decode(c.do(ctx, method, path, nil, nil))(out)
	}
	b, err := json.Marshal(in)
	if err != nil {
		return err
	}
	return c.decode(c.do(ctx, method, path, bytes.NewReader(b), map[string]string{"Content-Type": "application/json"}))(out)
}

// decode reads an answer's JSON into out, unless out is nil.
func (c *client) decode(res *http.Response, err error) func(out any) error {
	return func(out any) error {
		if err != nil {
			return err
		}
		defer res.Body.Close()
		if out == nil {
			return nil
		}
		if err := json.NewDecoder(res.Body).Decode(out); err != nil {
			return c.unreachable(fmt.Errorf("its answer broke off: %w", err))
		}
		return nil
	}
}

// rackName returns the rack that the arguments name, else the only one there is.
func (c *client) rackName(ctx context.Context, args []string) (string, error) {
	if len(args) > 0 {
		return args[0], nil
	}
	var racks []inventory.Rack
	if err := c.get(ctx, "/racks", &racks); err != nil {
		return "", err
	}
	var names []string
	for _, r := range racks {
		names = append(names, r.Name)
	}
	switch len(names) {
	case 0:
		return "", errors.New("there is no rack: describe one in a file and import it with appliance rack import FILE")
	case 1:
		return names[0], nil
	}
	return "", &exitError{exitUsage, fmt.Errorf("there are several racks, name one of %s", strings.Join(names, ", "))}
}

func rackPath(name, what string) string { return "/racks/" + url.PathEscape(name) + what }
