package auth

import (
	"context"
	"fmt"
	"runtime"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/alexedwards/argon2id"
	"golang.org/x/text/unicode/norm"

	"sandai/inventory"
)

// Length of a password in characters. NIST SP 800-63B-4 §3.1.1.2 wants 15 where
// the password is the only factor, and no rules of what it is composed of; the
// maximum bounds the work of hashing.
const (
	MinPassword = 15
	MaxPassword = 256
)

// params are the second recommended option of RFC 9106 §4, with fewer lanes.
var params = argon2id.Params{Memory: 64 << 10, Iterations: 3, Parallelism: 2, SaltLength: 16, KeyLength: 32}

// Each hashing takes 64 MiB for a moment. Few run side by side, and who would
// wait long for a turn is sent away, so that a flood of sign-ins can take
// neither the memory nor pile up.
const (
	hashings = 2
	patience = 5 * time.Second
)

// Passwords hashes and checks passwords. It is safe for use by many goroutines.
type Passwords struct {
	params argon2id.Params
	turns  chan struct{}
	decoy  string
}

// NewPasswords returns a Passwords with the parameters of the real appliance.
func NewPasswords() *Passwords { return newPasswords(params) }

// NewCheapPasswords returns a Passwords that costs next to nothing, and protects
// as little: for tests.
func NewCheapPasswords() *Passwords {
	return newPasswords(argon2id.Params{Memory: 64, Iterations: 1, Parallelism: 1, SaltLength: 16, KeyLength: 32})
}

func newPasswords(p argon2id.Params) *Passwords {
	decoy, err := argon2id.CreateHash("", &argon2id.Params{Memory: 8, Iterations: 1, Parallelism: 1, SaltLength: p.SaltLength, KeyLength: p.KeyLength})
	if err != nil {
		panic("auth: no random bytes: " + err.Error())
	}
	// The decoy costs what a real hash costs, and no password fits it: its key
	// was made by other parameters than the ones that it names.
	_, made, _ := strings.Cut(decoy, "p=1$")
	decoy = fmt.Sprintf("$argon2id$v=19$m=%d,t=%d,p=%d$%s", p.Memory, p.Iterations, p.Parallelism, made)
	return &Passwords{params: p, turns: make(chan struct{}, min(hashings, max(1, runtime.NumCPU()))), decoy: decoy}
}

// Hash returns the hash of a password in PHC form. The error is Unavailable
// where too many are hashed already.
func (p *Passwords) Hash(ctx context.Context, password string) (string, error) {
	done, err := p.turn(ctx)
	if err != nil {
		return "", err
	}
	defer done()
	h, err := argon2id.CreateHash(norm.NFKC.String(password), &p.params)
	if err != nil {
		return "", inventory.Errorf(inventory.Internal, "hash the password: %w", err)
	}
	return h, nil
}

// Check reports whether a password fits a hash. With an empty hash, of a user
// who does not exist, it takes the same time and says no. The error is
// Unavailable where too many are checked already.
func (p *Passwords) Check(ctx context.Context, password, hash string) (bool, error) {
	done, err := p.turn(ctx)
	if err != nil {
		return false, err
	}
	defer done()
	if hash == "" {
		hash = p.decoy
	}
	if utf8.RuneCountInString(password) > MaxPassword {
		password = ""
	}
	fits, err := argon2id.ComparePasswordAndHash(norm.NFKC.String(password), hash)
	if err != nil {
		return false, inventory.Errorf(inventory.Internal, "check the password: %w", err)
	}
	return fits, nil
}

func (p *Passwords) turn(ctx context.Context) (func(), error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	select {
	case p.turns <- struct{}{}:
		return func() { <-p.turns }, nil
	case <-ctx.Done():
		return nil, inventory.Errorf(inventory.Unavailable, "too many passwords are being checked at this moment: try again in a minute")
	}
}

// common are the words that long guessable passwords are made of.
var common = []string{"password", "passw0rd", "sandai", "openstack", "appliance", "administrator", "admin", "operator", "changeme", "letmein", "welcome",
	"qwertyuiop", "qwerty", "asdfghjkl", "asdf", "zxcvbnm", "1234567890", "0123456789", "12345678", "123456", "1234", "9876543210", "abcdefghijklmnopqrstuvwxyz", "abcdefg", "abcd", "abc", "123"}

// Rule says why a password is refused for a user, nil where it is good: too
// short or long, or made of nothing but the user's name, words that everybody
// tries, and few characters again and again. The error is Invalid.
func Rule(user, password string) error {
	switch n := utf8.RuneCountInString(norm.NFKC.String(password)); {
	case n < MinPassword:
		return inventory.Errorf(inventory.Invalid, "the password has %d characters and needs %d: a sentence of four words is easy to keep in mind", n, MinPassword)
	case n > MaxPassword:
		return inventory.Errorf(inventory.Invalid, "the password has %d characters; %d are enough", n, MaxPassword)
	}
	left := strings.ToLower(norm.NFKC.String(password))
	for _, word := range append([]string{strings.ToLower(user)}, common...) {
		if word != "" {
			left = strings.ReplaceAll(left, word, "")
		}
	}
	different := map[rune]bool{}
	for _, r := range left {
		different[r] = true
	}
	if len(different) < 5 {
		return inventory.Errorf(inventory.Invalid, "the password is among the first that anybody would try: choose words that have nothing to do with each other")
	}
	return nil
}
