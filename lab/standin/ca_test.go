package standin

import (
	"bytes"
	"io"
	"strings"
	"testing"

	"github.com/cavaliergopher/cpio"
)

// archive is a newc archive with one file.
func archive(t testing.TB, name, text string) []byte {
	t.Helper()
	var b bytes.Buffer
	w := cpio.NewWriter(&b)
	if err := w.WriteHeader(&cpio.Header{Name: name, Mode: cpio.TypeReg | 0o644, Links: 1, Size: int64(len(text))}); err != nil {
		t.Fatal(err)
	}
	if _, err := io.WriteString(w, text); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func TestFindCA(t *testing.T) {
	noise := bytes.Repeat([]byte("070701 is no header "), 1000)
	whole := append(append(bytes.Clone(noise), archive(t, "init", "x")...), archive(t, caFile, "the CA")...)
	e := &ending{most: 2048}
	if _, err := io.Copy(e, struct{ io.Reader }{bytes.NewReader(whole)}); err != nil || len(e.last) != 2048 {
		t.Fatalf("kept %d bytes, %v", len(e.last), err)
	}
	if ca, err := findCA(e.last); err != nil || string(ca) != "the CA" {
		t.Errorf("found %q, %v", ca, err)
	}
	for name, b := range map[string][]byte{"none": noise, "empty": nil, "torn": whole[:len(whole)-200], "other": archive(t, "etc/other", "x")} {
		if ca, err := findCA(b); err == nil {
			t.Errorf("%s: found %q", name, ca)
		}
	}
}

func FuzzFindCA(f *testing.F) {
	f.Add(archive(f, caFile, "the CA"))
	f.Add([]byte(strings.Repeat("070701", 40)))
	f.Fuzz(func(t *testing.T, b []byte) {
		if ca, err := findCA(b); err == nil && len(ca) == 0 {
			t.Error("an empty CA was found")
		}
	})
}
