package main

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"io"
	"log/slog"
	"math/big"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"sandai/inventory"
	"sandai/web/auth"
)

const password = "correct horse battery staple"

// rig is a real appliance, without racks.
type rig struct {
	*testing.T
	state string
	log   lockedBuffer
}

// serve runs an appliance on a free port until the function is called, and
// returns its setup URL.
func (r *rig) serve(o serveOptions) (setup string, stop func()) {
	r.Helper()
	o.state, o.cache = r.state, r.TempDir()
	if o.listen == "" {
		o.listen = "127.0.0.1:0"
	}
	ctx, cancel := context.WithCancel(r.Context())
	a, err := newAppliance(ctx, o, slog.New(slog.NewTextHandler(&r.log, nil)))
	if err != nil {
		r.Fatal(err)
	}
	if setup, err = a.setupURL(ctx, o.state); err != nil {
		r.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- a.run(ctx) }()
	return setup, func() {
		cancel()
		if err := <-ended; err != nil {
			r.Error(err)
		}
		a.store.Close()
	}
}

// cli runs the command line of the state directory, or of another.
func (r *rig) cli(in string, args ...string) (code int, out, errs string) {
	r.Helper()
	var o, e bytes.Buffer
	if !strings.HasPrefix(strings.Join(args, " "), "--state") {
		args = append([]string{"--state", r.state}, args...)
	}
	code = execute(r.Context(), args, strings.NewReader(in), &o, &e)
	return code, o.String(), e.String()
}

func (r *rig) want(code int, says string, args ...string) {
	r.Helper()
	got, out, errs := r.cli(password+"\n", args...)
	if got != code || !strings.Contains(out+errs, says) {
		r.Errorf("%s: exit code %d, want %d with %q\n%s%s", strings.Join(args, " "), got, code, says, out, errs)
	}
}

func (r *rig) read(name string) string {
	r.Helper()
	b, err := os.ReadFile(filepath.Join(r.state, name))
	if err != nil {
		r.Fatal(err)
	}
	return string(b)
}

// browser trusts the appliance's CA and keeps cookies.
func (r *rig) browser() *http.Client {
	r.Helper()
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM([]byte(r.read("ca.pem")))
	jar, err := cookiejar.New(nil)
	if err != nil {
		r.Fatal(err)
	}
	return &http.Client{Jar: jar, Transport: &http.Transport{DisableKeepAlives: true, TLSClientConfig: &tls.Config{RootCAs: pool}}}
}

// TestFirstStart: the state directory's command line works from the first moment
// without a sign-in, the printed URL makes the first user once, and after a
// restart everything is as it was.
func TestFirstStart(t *testing.T) {
	r := &rig{T: t, state: t.TempDir()}
	r.want(exitUnreachable, "does not answer", "--url", "https://127.0.0.1:1", "rack", "list") // 8080 may be somebody's
	r.want(exitUnreachable, "does not answer", "wait", "--timeout", "0s")
	setup, stop := r.serve(serveOptions{})
	r.want(exitOK, "the appliance answers at https://127.0.0.1:", "wait", "--timeout", "0s")
	r.want(exitOK, "[]", "rack", "list", "--json")
	r.want(exitOK, "local command line", "token", "list")
	token, ca := r.read("token"), r.read("ca.pem")
	if s, err := os.Stat(filepath.Join(r.state, "token")); err != nil || s.Mode().Perm() != 0o600 {
		t.Errorf("the token's mode is %v (%v)", s.Mode(), err)
	}

	u, err := url.Parse(setup)
	if err != nil || u.Scheme != "https" || u.Path != "/setup" || u.Query().Get("code") == "" {
		t.Fatalf("the setup URL is %q (%v)", setup, err)
	}
	form := url.Values{"code": {u.Query().Get("code")}, "name": {"ann"}, "password": {password}, "again": {password}}
	b := r.browser()
	send := func(path string) string {
		t.Helper()
		res, err := b.PostForm(u.Scheme+"://"+u.Host+path, form)
		if err != nil {
			t.Fatal(err)
		}
		defer res.Body.Close()
		text, err := io.ReadAll(res.Body)
		if err != nil {
			t.Fatal(err)
		}
		return res.Status + res.Request.URL.Path + string(text)
	}
	if got := send("/setup"); !strings.HasPrefix(got, "200 OK/") || strings.Contains(got, `name="password"`) {
		t.Fatalf("the first user: %s", got)
	}
	if got := send("/setup"); !strings.HasPrefix(got, "409") {
		t.Errorf("the first user again: %s", got)
	}
	r.want(exitOK, "ann   admin", "user", "list")
	r.want(exitOK, "may sign in", "user", "add", "bob", "--role", "viewer")
	stop()

	setup, stop = r.serve(serveOptions{})
	defer stop()
	if setup != "" {
		t.Errorf("with a user there is a setup URL: %s", setup)
	}
	if r.read("token") != token || r.read("ca.pem") != ca {
		t.Error("a restart made another token or CA")
	}
	r.want(exitOK, "bob", "user", "list")

	// Neither where the process writes nor where it keeps is what lets one in.
	kept := r.log.String()
	for _, f := range []string{"sandai.db", "sandai.db-wal"} {
		if text, err := os.ReadFile(filepath.Join(r.state, f)); err == nil {
			kept += string(text)
		}
	}
	for _, secret := range []string{password, strings.TrimSpace(token), form.Get("code")} {
		if strings.Contains(kept, secret) {
			t.Errorf("%q is in the log or the database", secret)
		}
	}
	if !strings.Contains(kept, auth.Sum(strings.TrimSpace(token))) {
		t.Error("the search would find nothing: the token's hash is not in the database")
	}
}

// TestTokenMadeAnew: a token that was lost, damaged or is of another database is
// replaced, and the old one holds no more.
func TestTokenMadeAnew(t *testing.T) {
	r := &rig{T: t, state: t.TempDir()}
	_, stop := r.serve(serveOptions{})
	stop()
	for name, spoil := range map[string]func(path string) error{
		"lost":       os.Remove,
		"of another": func(p string) error { return os.WriteFile(p, []byte(auth.NewToken()), 0o600) },
		"readable":   func(p string) error { return os.Chmod(p, 0o644) },
	} {
		if err := spoil(filepath.Join(r.state, "token")); err != nil {
			t.Fatal(err)
		}
		_, stop := r.serve(serveOptions{})
		r.want(exitOK, "[]", "user", "list", "--json")
		var mine int
		_, out, _ := r.cli("", "token", "list")
		if mine = strings.Count(out, inventory.LocalCommand); mine != 1 {
			t.Errorf("%s: %d tokens of the command line", name, mine)
		}
		if s, err := os.Stat(filepath.Join(r.state, "token")); err != nil || s.Mode().Perm() != 0o600 {
			t.Errorf("%s: the token's mode is %v (%v)", name, s.Mode(), err)
		}
		stop()
	}
}

// TestRemote: from another host, with the CA's certificate and a token; and the
// state directory's token goes to no appliance that its CA did not sign for.
func TestRemote(t *testing.T) {
	r, other := &rig{T: t, state: t.TempDir()}, &rig{T: t, state: t.TempDir()}
	_, stop := r.serve(serveOptions{})
	defer stop()
	_, stopOther := other.serve(serveOptions{})
	defer stopOther()
	at := strings.TrimSpace(r.read("serve.url"))
	_, token, _ := r.cli("", "token", "add", "remote", "--role", "viewer")
	file := filepath.Join(t.TempDir(), "remote.token")
	if err := os.WriteFile(file, []byte(token), 0o600); err != nil {
		t.Fatal(err)
	}
	empty := t.TempDir()
	remote := []string{"--state", empty, "--url", at, "--ca", filepath.Join(r.state, "ca.pem"), "--token", file}
	r.want(exitOK, "[]", append(remote, "rack", "list", "--json")...)
	r.want(exitFailed, "wants the role admin", append(remote, "user", "list")...)
	r.want(exitOK, "[]", append([]string{"--state", empty, "--url", strings.Replace(at, "127.0.0.1", "localhost", 1)}, append(remote[4:], "rack", "list", "--json")...)...)
	r.want(exitFailed, "no token was sent", append(remote[:6:6], "rack", "list")...)
	r.want(exitFailed, "name another's CA", "--state", empty, "--url", at, "rack", "list")
	r.want(exitFailed, "name another's CA", "--state", other.state, "--url", at, "rack", "list")
	r.want(exitFailed, "speaks TLS", "--state", r.state, "--url", strings.Replace(at, "https", "http", 1), "rack", "list")
}

// TestOwnCertificate: people get the operator's certificate, and are told to
// come over TLS only; the state directory's command line goes on.
func TestOwnCertificate(t *testing.T) {
	dir := t.TempDir()
	cert, key := filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	writeCertificate(t, cert, key, "rack.example")
	r := &rig{T: t, state: t.TempDir()}
	if _, err := newAppliance(t.Context(), serveOptions{state: r.state, cache: dir, listen: "127.0.0.1:0", cert: cert, key: cert}, slog.New(slog.DiscardHandler)); err == nil || !strings.Contains(err.Error(), "--tls-cert") {
		t.Fatalf("a certificate as key: %v", err)
	}
	_, stop := r.serve(serveOptions{cert: cert, key: key})
	defer stop()
	r.want(exitOK, "[]", "rack", "list", "--json")
	pool, err := readCA(cert)
	if err != nil {
		t.Fatal(err)
	}
	c := &http.Client{Transport: &http.Transport{DisableKeepAlives: true, TLSClientConfig: &tls.Config{RootCAs: pool, ServerName: "rack.example"}}}
	res, err := c.Get(strings.TrimSpace(r.read("serve.url")) + "/api/v1/healthz")
	if err != nil {
		t.Fatal(err)
	}
	res.Body.Close()
	if hsts := res.Header.Get("Strict-Transport-Security"); !strings.HasPrefix(hsts, "max-age=") {
		t.Errorf("HSTS: %q", hsts)
	}
	plain := &rig{T: t, state: t.TempDir()}
	_, stopPlain := plain.serve(serveOptions{})
	defer stopPlain()
	if res, err = plain.browser().Get(strings.TrimSpace(plain.read("serve.url")) + "/api/v1/healthz"); err != nil {
		t.Fatal(err)
	}
	res.Body.Close()
	if hsts := res.Header.Get("Strict-Transport-Security"); hsts != "" {
		t.Errorf("HSTS with the appliance's own certificate: %q", hsts)
	}
}

func writeCertificate(t *testing.T, cert, key, name string) {
	t.Helper()
	k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	tmpl := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name}, DNSNames: []string{name}, NotAfter: time.Now().Add(time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageDigitalSignature}
	der, err := x509.CreateCertificate(rand.Reader, tmpl, tmpl, &k.PublicKey, k)
	if err != nil {
		t.Fatal(err)
	}
	keyDER, err := x509.MarshalPKCS8PrivateKey(k)
	if err != nil {
		t.Fatal(err)
	}
	for path, b := range map[string]*pem.Block{cert: {Type: "CERTIFICATE", Bytes: der}, key: {Type: "PRIVATE KEY", Bytes: keyDER}} {
		if err := os.WriteFile(path, pem.EncodeToMemory(b), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

// TestEveryAddress: listening everywhere, the appliance is known by each address.
func TestEveryAddress(t *testing.T) {
	r := &rig{T: t, state: t.TempDir()}
	_, stop := r.serve(serveOptions{listen: ":0"})
	defer stop()
	r.want(exitOK, "[]", "rack", "list", "--json")
	hosts, err := hostsOf(":8080")
	if err != nil || len(hosts) < 3 {
		t.Fatal(hosts, err)
	}
	_, port, _ := strings.Cut(strings.TrimPrefix(strings.TrimSpace(r.read("serve.url")), "https://"), ":")
	res, err := r.browser().Get("https://localhost:" + port + "/api/v1/healthz")
	if err != nil {
		t.Fatal(err)
	}
	res.Body.Close()
}
