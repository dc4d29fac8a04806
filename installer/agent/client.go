package agent

import (
	"bytes"
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
	"time"

	"sandai/inventory"
)

// Client speaks with the appliance's agent API over TLS and trusts its CA alone.
type Client struct {
	url  string
	http *http.Client
}

// ClientConfig is what a Client is made of.
type ClientConfig struct {
	URL string // "https://10.77.0.1:8443"
	CA  []byte // PEM
	// Cert is the node's client certificate; nil only to enroll.
	Cert *tls.Certificate
	// ClockUnset is true while this machine's clock may be wrong by years: the
	// server's certificate is then checked for everything but its dates.
	ClockUnset bool
}

// How long requests may take. A poll is held for 20 s by the appliance.
const (
	pollLimit  = 60 * time.Second
	otherLimit = 30 * time.Second
)

// maxReply bounds what is read of an answer; tasks are some kilobytes each.
const maxReply = 16 << 20

// NewClient makes a client; no connection is opened.
func NewClient(c ClientConfig) (*Client, error) {
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(c.CA) {
		return nil, errors.New("the appliance's CA certificate is not PEM: the ramdisk or /etc/sandai/ca.pem is damaged, install again")
	}
	conf := &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS13}
	if c.Cert != nil {
		conf.Certificates = []tls.Certificate{*c.Cert}
	}
	if c.ClockUnset {
		// The standard check would use the wrong clock; verifyUndated repeats
		// it whole at a time within the certificate's own dates.
		conf.InsecureSkipVerify = true
		u, err := url.Parse(c.URL)
		if err != nil || u.Hostname() == "" {
			return nil, fmt.Errorf("the appliance's address %q is no URL", c.URL)
		}
		conf.VerifyConnection = verifyUndated(pool, u.Hostname())
	}
	t := &http.Transport{
		TLSClientConfig:       conf,
		DialContext:           (&net.Dialer{Timeout: 10 * time.Second, KeepAlive: 5 * time.Second}).DialContext,
		TLSHandshakeTimeout:   20 * time.Second,
		ResponseHeaderTimeout: pollLimit,
		MaxIdleConnsPerHost:   4,
		IdleConnTimeout:       90 * time.Second,
	}
	return &Client{url: c.URL, http: &http.Client{Transport: t}}, nil
}

// verifyUndated checks chain and name. The name is not taken from the connection,
// which does not know it when it is an IP address.
func verifyUndated(roots *x509.CertPool, name string) func(tls.ConnectionState) error {
	return func(s tls.ConnectionState) error {
		leaf := s.PeerCertificates[0]
		opts := x509.VerifyOptions{Roots: roots, DNSName: name, CurrentTime: time.Now(), Intermediates: x509.NewCertPool()}
		for _, c := range s.PeerCertificates[1:] {
			opts.Intermediates.AddCert(c)
		}
		if opts.CurrentTime.Before(leaf.NotBefore) || opts.CurrentTime.After(leaf.NotAfter) {
			opts.CurrentTime = leaf.NotBefore.Add(time.Minute)
		}
		_, err := leaf.Verify(opts)
		return err
	}
}

// Enroll exchanges the boot nonce for a client certificate. Errors carry the
// appliance's inventory.Code; Unavailable when it could not be reached.
func (c *Client) Enroll(ctx context.Context, req inventory.EnrollRequest) (inventory.EnrollReply, error) {
	var out inventory.EnrollReply
	err := c.post(ctx, "/agent/v1/enroll", otherLimit, req, &out)
	return out, err
}

// Poll asks for tasks and returns after at most a minute.
func (c *Client) Poll(ctx context.Context, req inventory.PollRequest) (inventory.PollReply, error) {
	var out inventory.PollReply
	err := c.post(ctx, "/agent/v1/poll", pollLimit, req, &out)
	return out, err
}

// Report delivers one report, once.
func (c *Client) Report(ctx context.Context, r inventory.StepReport) error {
	return c.post(ctx, "/agent/v1/report", otherLimit, r, nil)
}

func (c *Client) post(ctx context.Context, path string, limit time.Duration, in, out any) error {
	body, err := json.Marshal(in)
	if err != nil {
		return fmt.Errorf("encode %s: %w", path, err)
	}
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, c.url+path, bytes.NewReader(body))
	if err != nil {
		return fmt.Errorf("ask %s: %w", path, err)
	}
	req.Header.Set("Content-Type", "application/json")
	resp, err := c.http.Do(req)
	if err != nil {
		return inventory.Errorf(inventory.Unavailable, "the appliance cannot be reached: %w", err)
	}
	defer resp.Body.Close()
	data, err := io.ReadAll(io.LimitReader(resp.Body, maxReply))
	if err != nil {
		return inventory.Errorf(inventory.Unavailable, "the appliance's answer broke off: %w", err)
	}
	if resp.StatusCode/100 != 2 {
		return refusal(resp, data)
	}
	if out == nil {
		return nil
	}
	if err := json.Unmarshal(data, out); err != nil {
		return inventory.Errorf(inventory.Unavailable, "the appliance's answer to %s cannot be read: %w", path, err)
	}
	return nil
}

// refusal turns an answer that is not 2xx into the appliance's own error.
func refusal(resp *http.Response, data []byte) error {
	var e struct {
		Code inventory.Code `json:"code"`
		Text string         `json:"text"`
	}
	if json.Unmarshal(data, &e) != nil || e.Code == "" {
		if len(data) > 200 {
			data = data[:200]
		}
		return inventory.Errorf(inventory.Unavailable, "the appliance answers %s: %s", resp.Status, data)
	}
	return inventory.Errorf(e.Code, "the appliance refuses: %s", e.Text)
}
