package standin

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"
)

// client speaks with the agent API and trusts the appliance's CA alone.
type client struct {
	url  string
	http *http.Client
}

// requestLimit is longer than the appliance holds a poll.
const requestLimit = time.Minute

func newClient(url string, ca []byte, cert *tls.Certificate) (*client, error) {
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(ca) {
		return nil, errors.New("the appliance's CA is not PEM")
	}
	conf := &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS13}
	if cert != nil {
		conf.Certificates = []tls.Certificate{*cert}
	}
	return &client{url, &http.Client{Timeout: requestLimit, Transport: &http.Transport{TLSClientConfig: conf}}}, nil
}

// refusal is an answer of the appliance that is not 2xx.
type refusal struct {
	status int
	text   string
}

func (r refusal) Error() string { return fmt.Sprintf("the appliance answers %d: %s", r.status, r.text) }

// final reports whether to ask again is of no use.
func final(err error) bool {
	var r refusal
	return errors.As(err, &r) && r.status/100 == 4
}

func (c *client) post(ctx context.Context, path string, in, out any) error {
	body, err := json.Marshal(in)
	if err != nil {
		return err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, c.url+path, bytes.NewReader(body))
	if err != nil {
		return err
	}
	req.Header.Set("Content-Type", "application/json")
	resp, err := c.http.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	data, err := io.ReadAll(io.LimitReader(resp.Body, 16<<20))
	if err != nil {
		return err
	}
	if resp.StatusCode/100 != 2 {
		return refusal{resp.StatusCode, string(data[:min(len(data), 300)])}
	}
	if out == nil {
		return nil
	}
	return json.Unmarshal(data, out)
}

// Pauses between tries of what failed.
const (
	tryFirst = 50 * time.Millisecond
	tryMost  = time.Second
)

// insist calls f until it succeeds, fails for good, or ctx ends.
func insist(ctx context.Context, f func() error) error {
	for wait := tryFirst; ; wait = min(2*wait, tryMost) {
		err := f()
		if err == nil || final(err) {
			return err
		}
		if pause(ctx, wait) != nil {
			return ctx.Err()
		}
	}
}

// identity is the machine's client certificate and its key, in PEM.
type identity struct{ cert, key []byte }

func (id identity) certificate() (*tls.Certificate, error) {
	c, err := tls.X509KeyPair(id.cert, id.key)
	return &c, err
}

// enroll exchanges the boot nonce for a certificate. A refusal is said on the
// console and asked about again, as the real agent does.
func (m *machine) enroll(ctx context.Context, url string, ca []byte, node, nonce string) (identity, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return identity{}, err
	}
	der, err := x509.MarshalECPrivateKey(key)
	if err != nil {
		return identity{}, err
	}
	csr, err := x509.CreateCertificateRequest(rand.Reader, &x509.CertificateRequest{Subject: pkix.Name{CommonName: node}}, key)
	if err != nil {
		return identity{}, err
	}
	c, err := newClient(url, ca, nil)
	if err != nil {
		return identity{}, err
	}
	defer c.http.CloseIdleConnections()
	req := enrollRequest{node, nonce, string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE REQUEST", Bytes: csr}))}
	for {
		var reply enrollReply
		err := insist(ctx, func() error { return c.post(ctx, "/agent/v1/enroll", req, &reply) })
		if err == nil {
			id := identity{[]byte(reply.Certificate), pem.EncodeToMemory(&pem.Block{Type: "EC PRIVATE KEY", Bytes: der})}
			_, err = id.certificate()
			return id, err
		}
		m.say("enrolling: %v", err)
		if err := pause(ctx, tryMost); err != nil {
			return identity{}, err
		}
	}
}
