package pki

import (
	"context"
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"net"
	"time"

	"sandai/inventory"
)

// LocalName is a name that every site certificate is for: the command line asks
// for it, whatever address it goes to (a forwarded port, another interface), and
// so knows the appliance whose CA it trusts. It is never looked up; .internal is
// reserved for private use (ICANN, 2024).
const LocalName = "appliance.sandai.internal"

// siteDays is how long the page's certificate is valid: some browsers take none
// of more than 825 days, whoever signed it. It is made anew in time before.
const (
	siteDays  = 800
	siteRenew = 60 * 24 * time.Hour
)

const siteSecret = "site"

// SiteSecrets keeps the site's certificate and key; inventory/db implements it.
type SiteSecrets interface {
	Secret(ctx context.Context, rackID uint, name string) (string, error)
	PutSecret(ctx context.Context, rackID uint, name, value string) error
}

// Site returns the certificate of the page and the API for names and addresses
// of the appliance. It is kept, so that a browser that was told to accept it is
// not asked again, until a host is missing in it or its end is near.
func (c *CA) Site(ctx context.Context, s SiteSecrets, hosts ...string) (tls.Certificate, error) {
	hosts = append(hosts, LocalName)
	kept, err := s.Secret(ctx, 0, siteSecret)
	if err != nil && inventory.CodeOf(err) != inventory.NotFound {
		return tls.Certificate{}, err
	}
	if cert, err := tls.X509KeyPair([]byte(kept), []byte(kept)); err == nil && c.serves(cert.Leaf, hosts) {
		return cert, nil
	}
	key, err := siteKey(kept)
	if err != nil {
		return tls.Certificate{}, err
	}
	t := &x509.Certificate{
		Subject:     pkix.Name{CommonName: "Sandai appliance"},
		NotAfter:    time.Now().AddDate(0, 0, siteDays),
		KeyUsage:    x509.KeyUsageDigitalSignature | x509.KeyUsageKeyEncipherment,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	for _, h := range hosts {
		if ip := net.ParseIP(h); ip != nil {
			t.IPAddresses = append(t.IPAddresses, ip)
		} else {
			t.DNSNames = append(t.DNSNames, h)
		}
	}
	der, err := c.sign(t, key.Public())
	if err != nil {
		return tls.Certificate{}, err
	}
	text, err := both(der, key)
	if err != nil {
		return tls.Certificate{}, fmt.Errorf("encode the site's key: %w", err)
	}
	if err := s.PutSecret(ctx, 0, siteSecret, text); err != nil {
		return tls.Certificate{}, err
	}
	return tls.X509KeyPair([]byte(text), []byte(text))
}

// serves reports whether a kept certificate is this CA's, for all hosts, and valid for long enough.
func (c *CA) serves(cert *x509.Certificate, hosts []string) bool {
	for _, h := range hosts {
		if cert.VerifyHostname(h) != nil {
			return false
		}
	}
	return cert.CheckSignatureFrom(c.cert) == nil && time.Until(cert.NotAfter) > siteRenew
}

// siteKey returns the key of the certificate before, else a new one.
func siteKey(kept string) (crypto.Signer, error) {
	for rest := []byte(kept); ; {
		var b *pem.Block
		if b, rest = pem.Decode(rest); b == nil {
			return rsa.GenerateKey(rand.Reader, siteBits)
		}
		if b.Type == "PRIVATE KEY" {
			return parseKey(b)
		}
	}
}
