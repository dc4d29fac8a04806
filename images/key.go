package images

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"os"
)

// builderVersion is part of every key: raise it when the Go code of this
// package makes something else from the same inputs.
const builderVersion = 1

// keyOf is the digest of an image's inputs, which must marshal to JSON.
func keyOf(name string, inputs ...any) string {
	doc, err := json.Marshal([]any{builderVersion, name, inputs})
	if err != nil {
		panic(fmt.Sprintf("inputs of %s: %v", name, err)) // only strings, bytes and lists of them come here
	}
	sum := sha256.Sum256(doc)
	return hex.EncodeToString(sum[:])
}

// short is a key as part of a directory's name.
func short(key string) string { return key[:16] }

// uuidOf derives a version 8 UUID (RFC 9562 §5.8) from a key, so that the same
// inputs give the same file system.
func uuidOf(key, purpose string) string {
	b := sha256.Sum256([]byte(purpose + key))
	b[6], b[8] = b[6]&0x0f|0x80, b[8]&0x3f|0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[0:4], b[4:6], b[6:8], b[8:10], b[10:16])
}

// fileDigest is the SHA-256 of a file in hex.
func fileDigest(path string) (string, error) {
	f, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer f.Close()
	h := sha256.New()
	if _, err := io.Copy(h, f); err != nil {
		return "", err
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}
