package pki

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"net"
	"testing"

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

func load(t *testing.T, m memory) *CA {
	t.Helper()
	ca, err := Load(t.Context(), m)
	if err != nil {
		t.Fatal(err)
	}
	return ca
}
