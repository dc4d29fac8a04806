package images

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"github.com/gofrs/flock"
	"github.com/klauspost/compress/zstd"

	"sandai/inventory"
)

// Put stores the bytes of raw under img.Name, compressed if img.Compression is
// "zstd", and returns img with digests and sizes filled in. Name, Format, Key
// and Built, when the work began, are the caller's. The name points at the new bytes only when all is on disk.
func (s *Store) Put(ctx context.Context, img inventory.Image, raw io.Reader) (inventory.Image, error) {
	f, err := os.CreateTemp(filepath.Join(s.dir, "tmp"), img.Name+".*")
	if err != nil {
		return img, fmt.Errorf("store image %s: %w", img.Name, err)
	}
	defer os.Remove(f.Name()) // gone already when all went well
	defer f.Close()
	if err := encode(ctx, &img, f, raw); err != nil {
		return img, fmt.Errorf("store image %s: %w", img.Name, err)
	}
	if err := f.Chmod(0o644); err != nil {
		return img, fmt.Errorf("store image %s: %w", img.Name, err)
	}
	if err := f.Sync(); err != nil {
		return img, fmt.Errorf("store image %s: %w", img.Name, err)
	}
	if !img.Built.IsZero() {
		img.Seconds = time.Since(img.Built).Seconds()
	}
	if err := s.name(img, f.Name()); err != nil {
		return img, fmt.Errorf("store image %s: %w", img.Name, err)
	}
	return img, nil
}

// encode copies raw to w and fills in what it saw passing.
func encode(ctx context.Context, img *inventory.Image, w io.Writer, raw io.Reader) error {
	stored, plain := sha256.New(), sha256.New()
	var storedSize counter
	out := io.MultiWriter(w, stored, &storedSize)
	in := io.TeeReader(&ctxReader{ctx, raw}, plain)
	switch img.Compression {
	case "":
		n, err := io.Copy(out, in)
		if err != nil {
			return err
		}
		img.RawSize = n
	case "zstd":
		z, err := zstd.NewWriter(out, zstd.WithEncoderLevel(zstd.SpeedDefault))
		if err != nil {
			return err
		}
		if img.RawSize, err = z.ReadFrom(in); err != nil {
			z.Close()
			return err
		}
		if err := z.Close(); err != nil {
			return err
		}
	default:
		return fmt.Errorf("there is no compression %q", img.Compression)
	}
	img.Size = int64(storedSize)
	img.Digest = hex.EncodeToString(stored.Sum(nil))
	img.RawDigest = hex.EncodeToString(plain.Sum(nil))
	return nil
}

// name moves the blob into its place and lets img.Name point at it.
func (s *Store) name(img inventory.Image, blob string) error {
	lock := flock.New(filepath.Join(s.dir, ".lock"))
	if err := lock.Lock(); err != nil {
		return err
	}
	defer lock.Unlock()
	if old, err := s.Get(img.Name); err == nil && old.Digest != img.Digest {
		now := time.Now()
		_ = os.Chtimes(s.Path(old.Digest), now, now) // Prune counts from here; at worst it is deleted earlier
	}
	if err := os.Rename(blob, s.Path(img.Digest)); err != nil {
		return err
	}
	data, err := json.MarshalIndent(img, "", "  ")
	if err != nil {
		return err
	}
	return writeFile(s.ref(img.Name), append(data, '\n'))
}

// writeFile replaces a file at once: a reader sees the old or the new one.
func writeFile(path string, data []byte) error {
	f, err := os.CreateTemp(filepath.Dir(path), ".new-*")
	if err != nil {
		return err
	}
	defer os.Remove(f.Name())
	defer f.Close()
	if _, err := f.Write(data); err != nil {
		return err
	}
	if err := f.Chmod(0o644); err != nil {
		return err
	}
	if err := f.Sync(); err != nil {
		return err
	}
	return os.Rename(f.Name(), path)
}

type counter int64

func (c *counter) Write(p []byte) (int, error) {
	*c += counter(len(p))
	return len(p), nil
}

// ctxReader ends a long copy when its context does.
type ctxReader struct {
	ctx context.Context
	r   io.Reader
}

func (c *ctxReader) Read(p []byte) (int, error) {
	if err := c.ctx.Err(); err != nil {
		return 0, err
	}
	return c.r.Read(p)
}
