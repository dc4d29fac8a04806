package host

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
)

// mostCopy bounds a copy of the appliance, in bytes.
const mostCopy = 1 << 30

var digestText = regexp.MustCompile(`^[0-9a-f]{64}$`)

// keepCopy fetches the sealed copy of the appliance and puts it into the place of
// the one before, which stays where the new one is not whole.
func (d *Desk) keepCopy(ctx context.Context, digest string) error {
	r, err := d.Fetch(ctx)
	if err != nil {
		return fmt.Errorf("fetch the copy of the appliance: %w", err)
	}
	defer r.Close()
	f, err := os.CreateTemp(filepath.Dir(d.Copy), ".copy-*") // mode 0600
	if err != nil {
		return fmt.Errorf("keep the copy of the appliance: %w", err)
	}
	defer os.Remove(f.Name())
	sum := sha256.New()
	_, err = io.Copy(io.MultiWriter(f, sum), io.LimitReader(r, mostCopy))
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		return fmt.Errorf("keep the copy of the appliance: %w", err)
	}
	if got := hex.EncodeToString(sum.Sum(nil)); got != digest {
		return fmt.Errorf("the copy of the appliance came damaged: SHA-256 %s instead of %s", got, digest)
	}
	return os.Rename(f.Name(), d.Copy)
}
