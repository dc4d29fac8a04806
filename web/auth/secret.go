package auth

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
)

// TokenPrefix begins every API token, so that a person or a scanner of published
// files knows it when one has leaked.
const TokenPrefix = "sandai_"

// NewToken returns a random API token of 130 bits.
func NewToken() string { return TokenPrefix + rand.Text() }

// NewSecret returns a random text of 130 bits for a cookie or a setup code.
func NewSecret() string { return rand.Text() }

// Sum returns what is kept of a random secret: its SHA-256 in hexadecimal. Slow
// hashing is for what people choose; nobody guesses 130 random bits.
func Sum(secret string) string {
	sum := sha256.Sum256([]byte(secret))
	return hex.EncodeToString(sum[:])
}
