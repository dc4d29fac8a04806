package agent

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"log/slog"
	"time"

	"sandai/inventory"
)

// Identity is what lets a node's agent speak: all three in PEM.
type Identity struct {
	CA, Cert, Key []byte
}

// Certificate returns the client certificate for TLS.
func (id Identity) Certificate() (*tls.Certificate, error) {
	c, err := tls.X509KeyPair(id.Cert, id.Key)
	if err != nil {
		return nil, fmt.Errorf("read the agent's certificate: %w", err)
	}
	return &c, nil
}

// Enroll makes a key and asks for its certificate again and again until the
// appliance agrees or ctx ends; each refusal is logged with its reason. Now is
// the appliance's clock at the time of the answer.
func Enroll(ctx context.Context, log *slog.Logger, url string, ca []byte, node, nonce string) (id Identity, now time.Time, err error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return id, now, fmt.Errorf("make the agent's key: %w", err)
	}
	der, err := x509.MarshalECPrivateKey(key)
	if err != nil {
		return id, now, err
	}
	csr, err := x509.CreateCertificateRequest(rand.Reader, &x509.CertificateRequest{Subject: pkix.Name{CommonName: node}}, key)
	if err != nil {
		return id, now, fmt.Errorf("make the certificate request: %w", err)
	}
	c, err := NewClient(ClientConfig{URL: url, CA: ca, ClockUnset: true})
	if err != nil {
		return id, now, err
	}
	defer c.http.CloseIdleConnections()
	req := inventory.EnrollRequest{Node: node, Nonce: nonce,
		CSR: string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE REQUEST", Bytes: csr}))}
	b := newBackoff(time.Second, 15*time.Second)
	for {
		reply, err := c.Enroll(ctx, req)
		if err == nil {
			id = Identity{CA: ca, Cert: []byte(reply.Certificate),
				Key: pem.EncodeToMemory(&pem.Block{Type: "EC PRIVATE KEY", Bytes: der})}
			_, err = id.Certificate()
			return id, reply.Now, err
		}
		log.Warn("enrolling failed; it is tried again", "appliance", url, "node", node, "err", err)
		if err := b.wait(ctx); err != nil {
			return id, now, err
		}
	}
}
