package web

import (
	"context"
	"io"
	"net/url"
	"strings"
	"testing"
	"time"

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

func (sealed) Copies(context.Context) (inventory.Copies, error) {
	at := time.Date(2026, 11, 27, 12, 0, 0, 0, time.UTC)
	return inventory.Copies{On: true, Last: &at, Text: "rack demo keeps a sealed copy of the appliance on 3 of 3 nodes"}, nil
}

func (s sealed) SealCopies(ctx context.Context, passphrase string) error {
	if passphrase == "" {
		return nil
	}
	return s.Backup(ctx, io.Discard, passphrase)
}

func (s sealed) CopyNow(ctx context.Context) (inventory.Copies, error) { return s.Copies(ctx) }

// TestCopies: an administrator has the nodes keep copies, nobody else; who sees the
// settings sees how they stand.
func TestCopies(t *testing.T) {
	const phrase = "three machines, one cloud"
	for _, c := range []struct {
		name string
		role inventory.UserRole
		form url.Values
		code int
		text string
	}{
		{"on", inventory.Admin, url.Values{"passphrase": {phrase}, "again": {phrase}}, 303, ""},
		{"off", inventory.Admin, url.Values{"do": {"off"}}, 303, ""},
		{"now", inventory.Admin, url.Values{"do": {"now"}}, 303, ""},
		{"operator", inventory.Operator, url.Values{"do": {"off"}}, 403, "wants the role admin"},
		{"typed wrong", inventory.Admin, url.Values{"passphrase": {phrase}, "again": {"another"}}, 422, "the two passphrases differ"},
		{"nothing typed", inventory.Admin, url.Values{}, 422, "or there is none"},
		{"too short", inventory.Admin, url.Values{"passphrase": {"x"}, "again": {"x"}}, 422, "too short"},
	} {
		w := browse(pagesFor(provedRack(), c.role), "POST", "/settings/copies", c.form)
		if w.Code != c.code || !strings.Contains(w.Body.String(), c.text) || strings.Contains(w.Body.String(), phrase) {
			t.Errorf("%s: %d, want %d with %q:\n%.2000s", c.name, w.Code, c.code, c.text, w.Body)
		}
	}
	if w := browse(pagesFor(provedRack(), inventory.Viewer), "GET", "/settings/appliance", nil); !strings.Contains(w.Body.String(), "on 3 of 3 nodes") || strings.Contains(w.Body.String(), `value="off"`) {
		t.Errorf("a viewer sees:\n%s", w.Body)
	}
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
