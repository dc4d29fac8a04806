// Package pki is the appliance's own certificate authority: it signs the
// certificates of the page and of the agent endpoint, and one client certificate
// for each node's agent (X.509, RFC 5280). The CA's key is made once and kept
// sealed.
package pki

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"net"
	"strings"
	"time"

	"sandai/inventory"
)

// Secrets keeps the CA's key; inventory/db implements it.
type Secrets interface {
	EnsureSecret(ctx context.Context, rackID uint, name string, gen func() (string, error)) (string, error)
}

// CA signs certificates.
type CA struct {
	cert *x509.Certificate
	key  crypto.Signer
	pem  []byte
}

// Sizes of RSA keys in bits. The CA and the page's certificate are RSA because
// iPXE verifies no other signatures; what only our own programs see is ECDSA.
const (
	caBits   = 3072
	siteBits = 2048
)

// How long certificates are valid. A node's clock may be a day wrong before the
// agent has set it, so all of them start a day early.
const (
	caYears   = 20
	leafYears = 5
	early     = 24 * time.Hour
)

// Load returns the appliance's CA, which is made at the first call.
func Load(ctx context.Context, s Secrets) (*CA, error) {
	both, err := s.EnsureSecret(ctx, 0, "ca", newCA)
	if err != nil {
		return nil, fmt.Errorf("load the appliance's CA: %w", err)
	}
	block, rest := pem.Decode([]byte(both))
	keyBlock, _ := pem.Decode(rest)
	if block == nil || keyBlock == nil {
		return nil, errors.New("load the appliance's CA: the sealed secret \"ca\" is damaged")
	}
	cert, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		return nil, fmt.Errorf("load the appliance's CA: %w", err)
	}
	key, err := parseKey(keyBlock)
	if err != nil {
		return nil, fmt.Errorf("load the appliance's CA key: %w", err)
	}
	return &CA{cert: cert, key: key, pem: pem.EncodeToMemory(block)}, nil
}

// parseKey reads a key; the first appliances made ECDSA keys.
func parseKey(b *pem.Block) (crypto.Signer, error) {
	if b.Type == "EC PRIVATE KEY" {
		return x509.ParseECPrivateKey(b.Bytes)
	}
	key, err := x509.ParsePKCS8PrivateKey(b.Bytes)
	if err != nil {
		return nil, err
	}
	signer, ok := key.(crypto.Signer)
	if !ok {
		return nil, fmt.Errorf("a %T cannot sign", key)
	}
	return signer, nil
}

// Certificate returns the CA's own certificate in PEM, as it goes into the ramdisk.
func (c *CA) Certificate() []byte { return c.pem }

// Fingerprint is the SHA-256 of the CA's certificate as browsers print it,
// "AB:CD:…".
func (c *CA) Fingerprint() string {
	sum := sha256.Sum256(c.cert.Raw)
	return strings.ReplaceAll(fmt.Sprintf("% X", sum[:]), " ", ":")
}

// Pool returns a pool that trusts the CA alone.
func (c *CA) Pool() *x509.CertPool {
	p := x509.NewCertPool()
	p.AddCert(c.cert)
	return p
}

// SignAgent signs the key of a PEM certificate request for a node's agent. The
// request's own names are ignored; the common name becomes the node's.
func (c *CA) SignAgent(csr, node string) (string, error) {
	block, _ := pem.Decode([]byte(csr))
	if block == nil || block.Type != "CERTIFICATE REQUEST" {
		return "", inventory.Errorf(inventory.Invalid, "the certificate request is not PEM")
	}
	req, err := x509.ParseCertificateRequest(block.Bytes)
	if err != nil {
		return "", inventory.Errorf(inventory.Invalid, "the certificate request cannot be read: %w", err)
	}
	if err := req.CheckSignature(); err != nil {
		return "", inventory.Errorf(inventory.Invalid, "the certificate request is not signed by its own key: %w", err)
	}
	der, err := c.sign(&x509.Certificate{
		Subject:     pkix.Name{CommonName: node},
		KeyUsage:    x509.KeyUsageDigitalSignature,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
	}, req.PublicKey)
	if err != nil {
		return "", err
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})), nil
}

// Server makes a fresh server certificate for the given addresses.
func (c *CA) Server(addrs ...net.IP) (tls.Certificate, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return tls.Certificate{}, err
	}
	der, err := c.sign(&x509.Certificate{
		Subject:     pkix.Name{CommonName: "sandai appliance"},
		IPAddresses: addrs,
		KeyUsage:    x509.KeyUsageDigitalSignature,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}, &key.PublicKey)
	if err != nil {
		return tls.Certificate{}, err
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, nil
}

func (c *CA) sign(t *x509.Certificate, pub any) ([]byte, error) {
	serial, err := newSerial()
	if err != nil {
		return nil, err
	}
	t.SerialNumber = serial
	t.NotBefore = time.Now().Add(-early)
	if t.NotAfter.IsZero() {
		t.NotAfter = time.Now().AddDate(leafYears, 0, 0)
	}
	der, err := x509.CreateCertificate(rand.Reader, t, c.cert, pub, c.key)
	if err != nil {
		return nil, fmt.Errorf("sign a certificate for %s: %w", t.Subject.CommonName, err)
	}
	return der, nil
}

func newCA() (string, error) {
	key, err := rsa.GenerateKey(rand.Reader, caBits)
	if err != nil {
		return "", err
	}
	serial, err := newSerial()
	if err != nil {
		return "", err
	}
	t := &x509.Certificate{
		SerialNumber:          serial,
		Subject:               pkix.Name{CommonName: "Sandai appliance CA"},
		NotBefore:             time.Now().Add(-early),
		NotAfter:              time.Now().AddDate(caYears, 0, 0),
		IsCA:                  true,
		BasicConstraintsValid: true,
		KeyUsage:              x509.KeyUsageCertSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, t, t, &key.PublicKey, key)
	if err != nil {
		return "", err
	}
	return both(der, key)
}

// both is a certificate and its key in PEM.
func both(cert []byte, key crypto.Signer) (string, error) {
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return "", err
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: cert})) +
		string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})), nil
}

func newSerial() (*big.Int, error) {
	return rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 127))
}
