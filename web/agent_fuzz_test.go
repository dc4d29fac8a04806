package web_test

import (
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"sandai/web"
)

// FuzzAgent: whatever an agent sends, the endpoint answers it, and never with an
// error of its own.
func FuzzAgent(f *testing.F) {
	for _, s := range [][2]string{
		{"enroll", `{"node":"compute-1","nonce":"N","csr":"-----BEGIN"}`},
		{"poll", `{"stage":"ramdisk","running":["compute-1/write/write"],"boot_id":"x","calls":true}`},
		{"poll", `{"stage":"installed","install_nonce":"n"}`},
		{"report", `{"run":1,"key":"compute-1/inspect/inspect","attempt":1,"state":"done","hardware":{"cores":4,"disks":[{"name":"/dev/vda","bytes":1}]}}`},
		{"answer", `{"id":"c","units":[{"name":"a.service"}],"logs":[{"text":"x"}]}`},
		{"report", `{"progress":1e400}`}, {"report", `[`}, {"", ""}, {"x", `{}`},
	} {
		f.Add(s[0], []byte(s[1]))
	}
	cert := &tls.ConnectionState{PeerCertificates: []*x509.Certificate{{Subject: pkix.Name{CommonName: "compute-1"}}}}
	h := web.NewAgent(agents{}, slog.New(slog.DiscardHandler))
	f.Fuzz(func(t *testing.T, what string, body []byte) {
		if strings.ContainsAny(what, " \x00\x7f\r\n\t%?#") || !isPrintable(what) {
			return // no path
		}
		r := httptest.NewRequest(http.MethodPost, "/agent/v1/"+what, strings.NewReader(string(body)))
		r.TLS = cert
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		if w.Code >= 500 {
			t.Errorf("%q to %q is answered with %d %s", body, what, w.Code, w.Body)
		}
	})
}

func isPrintable(s string) bool {
	for _, c := range []byte(s) {
		if c < 0x21 || c > 0x7e {
			return false
		}
	}
	return true
}
