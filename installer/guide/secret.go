package guide

import (
	"crypto/rand"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"math/big"
	"strings"
)

// SecretSpec is a secret that the guide uses, and how it is made.
type SecretSpec struct {
	Name string
	// Generator is "password" (24 letters and digits), "fernet" (32 random bytes
	// in URL-safe base64, as Keystone's keys are) or "hex32" (32 random bytes in hex).
	Generator string
}

// Secrets lists every secret of the guide in the order of the chapters.
func (g *Guide) Secrets() []SecretSpec {
	var out []SecretSpec
	for i := range g.Chapters {
		out = append(out, g.Chapters[i].Secrets...)
	}
	return out
}

func (s SecretSpec) known() bool {
	return s.Generator == "password" || s.Generator == "fernet" || s.Generator == "hex32"
}

const alnum = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"

// Generate makes a new value from the system's random source.
func (s SecretSpec) Generate() (string, error) {
	switch s.Generator {
	case "password":
		var b strings.Builder
		for range 24 {
			n, err := rand.Int(rand.Reader, big.NewInt(int64(len(alnum))))
			if err != nil {
				return "", fmt.Errorf("make secret %s: %w", s.Name, err)
			}
			b.WriteByte(alnum[n.Int64()])
		}
		return b.String(), nil
	case "fernet", "hex32":
		raw := make([]byte, 32)
		if _, err := rand.Read(raw); err != nil {
			return "", fmt.Errorf("make secret %s: %w", s.Name, err)
		}
		if s.Generator == "fernet" {
			return base64.URLEncoding.EncodeToString(raw), nil
		}
		return hex.EncodeToString(raw), nil
	}
	return "", fmt.Errorf("secret %s: there is no generator %q", s.Name, s.Generator)
}
