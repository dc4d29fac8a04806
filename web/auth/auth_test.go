package auth

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/alexedwards/argon2id"

	"sandai/inventory"
)

func TestPassword(t *testing.T) {
	p := NewCheapPasswords()
	h, err := p.Hash(t.Context(), "correct horse battery ｓｔａｐｌｅ")
	if err != nil || strings.Contains(h, "horse") || !strings.HasPrefix(h, "$argon2id$v=19$m=64,t=1,p=1$") {
		t.Fatalf("%s %v", h, err)
	}
	for password, want := range map[string]bool{
		"correct horse battery ｓｔａｐｌｅ":           true,
		"correct horse battery staple":           true, // the same, typed with another input method
		"correct horse battery stapl":            false,
		"":                                       false,
		strings.Repeat("x", MaxPassword+1) + "y": false,
	} {
		if got, err := p.Check(t.Context(), password, h); err != nil || got != want {
			t.Errorf("%q fits: %v %v", password, got, err)
		}
	}
}

// TestNobody: the hash that is checked for an unknown user costs what a real
// one costs, and nothing fits it, the empty password neither.
func TestNobody(t *testing.T) {
	p := NewCheapPasswords()
	for _, password := range []string{"", "x", p.decoy} {
		if fits, err := p.Check(t.Context(), password, ""); fits || err != nil {
			t.Errorf("%q fits nobody: %v", password, err)
		}
	}
	of, _, _, err := argon2id.DecodeHash(p.decoy)
	if err != nil || *of != p.params {
		t.Errorf("the decoy has %v, %v", of, err)
	}
	of, _, _, err = argon2id.DecodeHash(NewPasswords().decoy)
	if err != nil || *of != params {
		t.Errorf("the real decoy has %v, %v", of, err)
	}
}

// TestTurns: with every turn taken a further one is sent away.
func TestTurns(t *testing.T) {
	p := NewCheapPasswords()
	for range cap(p.turns) {
		if _, err := p.turn(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel() // as after five seconds
	if _, err := p.Check(ctx, "x", ""); inventory.CodeOf(err) != inventory.Unavailable {
		t.Errorf("got %v", err)
	}
	if _, err := p.Hash(ctx, "x"); inventory.CodeOf(err) != inventory.Unavailable {
		t.Errorf("got %v", err)
	}
}

func TestRule(t *testing.T) {
	for password, good := range map[string]bool{
		"correct horse battery staple": true,
		"三台のサーバーをクラウドに変える装置":           true,
		"fourteen chars":                   false,
		"fifteen charact":                  true,
		"aaaaaaaaaaaaaaaaaaaa":             false,
		"abababababababab":                 false,
		"passwordpassword":                 false,
		"Password1234567890":               false,
		"ann-ann-ann-ann-ann":              false,
		"sandai-admin-ann-1":               false,
		"qwertyuiopasdfghjkl":              false,
		strings.Repeat("long enough ", 30): false,
	} {
		if err := Rule("ann", password); (err == nil) != good || err != nil && (inventory.CodeOf(err) != inventory.Invalid || strings.Contains(err.Error(), password)) {
			t.Errorf("%q: %v", password, err)
		}
	}
}

func TestSecrets(t *testing.T) {
	if a, b := NewToken(), NewToken(); a == b || !strings.HasPrefix(a, TokenPrefix) || len(a) < len(TokenPrefix)+26 {
		t.Errorf("%s %s", a, b)
	}
	if got := Sum("abc"); got != "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad" { // FIPS 180-4's example
		t.Error(got)
	}
}

func TestLimiter(t *testing.T) {
	now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	l := NewLimiter(6*time.Second, 3)
	allowed := func(key string) (n int) {
		for range 10 {
			if ok, wait := l.Allow(key, now); ok {
				n++
			} else if wait <= 0 {
				t.Error("refused without saying how long")
			}
		}
		return n
	}
	if got := []int{allowed("a"), allowed("a"), allowed("b")}; fmt.Sprint(got) != "[3 0 3]" {
		t.Errorf("allowed %v", got)
	}
	now = now.Add(13 * time.Second)
	if got := allowed("a"); got != 2 {
		t.Errorf("after 13 s %d more", got)
	}
}

// TestLimiterIsBounded: many keys cannot eat memory, nor wash a used-up one away.
func TestLimiterIsBounded(t *testing.T) {
	now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	l := NewLimiter(time.Minute, 2)
	for range 2 {
		l.Allow("victim", now)
	}
	allowed := 0
	for i := range 3 * maxKeys {
		if ok, _ := l.Allow(fmt.Sprint(i), now); ok {
			allowed++
		}
	}
	if len(l.keys) > maxKeys || allowed > maxKeys+2 {
		t.Errorf("%d keys, %d allowed", len(l.keys), allowed)
	}
	if ok, _ := l.Allow("victim", now); ok {
		t.Error("the used-up key was forgotten")
	}
	now = now.Add(time.Hour)
	if ok, _ := l.Allow("late", now); !ok || len(l.keys) > 2 {
		t.Errorf("an hour later: %v, %d keys", ok, len(l.keys))
	}
}

func TestAddressKey(t *testing.T) {
	for in, want := range map[string]string{
		"192.0.2.1": "192.0.2.1", "::ffff:192.0.2.1": "192.0.2.1", "2001:db8:1:2:3::4": "2001:db8:1:2::/64", "fe80::1%eth0": "fe80::/64", "": "", "x": "x",
	} {
		if got := AddressKey(in); got != want {
			t.Errorf("%s: %s, want %s", in, got, want)
		}
	}
}
