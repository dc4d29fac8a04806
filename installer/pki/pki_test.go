package pki

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"testing"
	"time"

	"sandai/inventory"
)

type memory map[string]string

func (m memory) EnsureSecret(_ context.Context, _ uint, name string, gen func() (string, error)) (string, error) {
	if v, ok := m[name]; ok {
		return v, nil
	}
	v, err := gen()
	m[name] = v
	return v, err
}

func TestSignAgentNamesTheNodeWhateverTheRequestSays(t *testing.T) {
	ca := load(t, memory{})
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.CreateCertificateRequest(rand.Reader, &x509.CertificateRequest{Subject: pkix.Name{CommonName: "controller-1"}}, key)
	if err != nil {
		t.Fatal(err)
	}
	out, err := ca.SignAgent(string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE REQUEST", Bytes: der})), "compute-1")
	if err != nil {
		t.Fatal(err)
	}
	block, _ := pem.Decode([]byte(out))
	cert, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		t.Fatal(err)
	}
	if cert.Subject.CommonName != "compute-1" {
		t.Errorf("common name %q", cert.Subject.CommonName)
	}
	if _, err := cert.Verify(x509.VerifyOptions{Roots: ca.Pool(), KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}}); err != nil {
		t.Errorf("as a client: %v", err)
	}
	if _, err := cert.Verify(x509.VerifyOptions{Roots: ca.Pool(), KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}}); err == nil {
		t.Error("an agent's certificate must not serve")
	}
}

func TestSignAgentRefusesRubbish(t *testing.T) {
	_, err := load(t, memory{}).SignAgent("rubbish", "n")
	if inventory.CodeOf(err) != inventory.Invalid {
		t.Errorf("got %v", err)
	}
}

func TestTheCAIsMadeOnce(t *testing.T) {
	m := memory{}
	a, b := load(t, m), load(t, m)
	if string(a.Certificate()) != string(b.Certificate()) {
		t.Error("a second start made another CA")
	}
	srv, err := a.Server(net.IPv4(10, 77, 0, 1))
	if err != nil {
		t.Fatal(err)
	}
	leaf, err := x509.ParseCertificate(srv.Certificate[0])
	if err != nil {
		t.Fatal(err)
	}
	if _, err := leaf.Verify(x509.VerifyOptions{Roots: b.Pool(), DNSName: "10.77.0.1"}); err != nil {
		t.Error(err)
	}
}

func (m memory) Secret(_ context.Context, _ uint, name string) (string, error) {
	if v, ok := m[name]; ok {
		return v, nil
	}
	return "", inventory.Errorf(inventory.NotFound, "there is no secret %s", name)
}

func (m memory) PutSecret(_ context.Context, _ uint, name, value string) error {
	m[name] = value
	return nil
}

// TestSite: the page's certificate is kept as long as it is good for what is
// asked, is RSA throughout, and is short enough for every browser.
func TestSite(t *testing.T) {
	m := memory{}
	ca := load(t, m)
	site := func(ca *CA, hosts ...string) *x509.Certificate {
		t.Helper()
		c, err := ca.Site(t.Context(), m, hosts...)
		if err != nil {
			t.Fatal(err)
		}
		for _, h := range append(hosts, LocalName) {
			if _, err := c.Leaf.Verify(x509.VerifyOptions{Roots: ca.Pool(), DNSName: h}); err != nil {
				t.Errorf("for %s: %v", h, err)
			}
		}
		return c.Leaf
	}
	first := site(ca, "localhost", "127.0.0.1", "::1")
	if first.SignatureAlgorithm != x509.SHA256WithRSA || first.PublicKeyAlgorithm != x509.RSA || first.NotAfter.Sub(first.NotBefore).Hours() > 825*24 {
		t.Errorf("%s key signed by %s for %s", first.PublicKeyAlgorithm, first.SignatureAlgorithm, first.NotAfter.Sub(first.NotBefore))
	}
	if again := site(load(t, m), "localhost"); !again.Equal(first) {
		t.Error("a second start made another certificate")
	}
	wider := site(ca, "localhost", "192.0.2.1", "rack.example")
	if wider.Equal(first) || !wider.PublicKey.(*rsa.PublicKey).Equal(first.PublicKey) {
		t.Error("for another host: the same certificate, or another key")
	}
	if site(ca, "rack.example").NotAfter != wider.NotAfter {
		t.Error("fewer hosts made another certificate")
	}
	other := load(t, memory{})
	if site(other, "rack.example").Equal(wider) {
		t.Error("the certificate of another CA was kept")
	}
	m[siteSecret] = "damaged"
	site(ca, "rack.example")
}

// TestOldCA: the ECDSA key of an earlier appliance goes on.
func TestOldCA(t *testing.T) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	tmpl := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "old"}, NotAfter: time.Now().Add(time.Hour), IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign}
	der, err := x509.CreateCertificate(rand.Reader, tmpl, tmpl, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	keyDER, err := x509.MarshalECPrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	m := memory{"ca": string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})) + string(pem.EncodeToMemory(&pem.Block{Type: "EC PRIVATE KEY", Bytes: keyDER}))}
	ca := load(t, m)
	c, err := ca.Site(t.Context(), m, "localhost")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.Leaf.Verify(x509.VerifyOptions{Roots: ca.Pool(), DNSName: "localhost"}); err != nil {
		t.Error(err)
	}
}

func load(t *testing.T, m memory) *CA {
	t.Helper()
	ca, err := Load(t.Context(), m)
	if err != nil {
		t.Fatal(err)
	}
	return ca
}
