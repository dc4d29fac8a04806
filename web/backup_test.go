package web

import (
	"context"
	"io"
	"net/url"
	"strings"
	"testing"

	"sandai/inventory"
)

// sealed is a backup in the making.
type sealed struct{}

func (sealed) Backup(_ context.Context, w io.Writer, passphrase string) error {
	if len(passphrase) < 15 {
		return inventory.Errorf(inventory.Invalid, "the passphrase is too short")
	}
	_, err := io.WriteString(w, "age-encryption.org/v1")
	return err
}

// TestBackup: an administrator gets the file, nobody else.
func TestBackup(t *testing.T) {
	const phrase = "three machines, one cloud"
	for _, c := range []struct {
		name string
		role inventory.UserRole
		form url.Values
		code int
		text string
	}{
		{"admin", inventory.Admin, url.Values{"passphrase": {phrase}, "again": {phrase}}, 200, "age-encryption.org/v1"},
		{"operator", inventory.Operator, url.Values{"passphrase": {phrase}, "again": {phrase}}, 403, "wants the role admin"},
		{"typed wrong", inventory.Admin, url.Values{"passphrase": {phrase}, "again": {"another"}}, 422, "the two passphrases differ"},
		{"too short", inventory.Admin, url.Values{"passphrase": {"x"}, "again": {"x"}}, 422, "too short"},
	} {
		w := browse(pagesFor(provedRack(), c.role), "POST", "/settings/backup", c.form)
		if w.Code != c.code || !strings.Contains(w.Body.String(), c.text) {
			t.Errorf("%s: %d, want %d with %q:\n%.2000s", c.name, w.Code, c.code, c.text, w.Body)
		}
		if strings.Contains(w.Body.String(), phrase) {
			t.Errorf("%s: the answer has the passphrase", c.name)
		}
	}
}
