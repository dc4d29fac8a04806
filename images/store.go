package images

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"hash"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/klauspost/compress/zstd"

	"sandai/inventory"
)

// Store keeps images by the SHA-256 of their bytes. It may be used by any
// number of processes: a blob or a name appears whole or not at all.
//
//	DIR/<64 hex digits>    the stored bytes
//	DIR/refs/NAME.json     inventory.Image of the newest build of NAME
//	DIR/tmp/               unfinished work
type Store struct{ dir string }

// OpenStore opens the store in dir, which is made if need be.
func OpenStore(dir string) (*Store, error) {
	for _, d := range []string{dir, filepath.Join(dir, "refs"), filepath.Join(dir, "tmp")} {
		if err := os.MkdirAll(d, 0o755); err != nil {
			return nil, fmt.Errorf("make the image store: %w", err)
		}
	}
	return &Store{dir: dir}, nil
}

// Path is where the stored bytes of a digest lie; the file need not exist.
func (s *Store) Path(digest string) string { return filepath.Join(s.dir, filepath.Base(digest)) }

func (s *Store) ref(name string) string {
	return filepath.Join(s.dir, "refs", filepath.Base(name)+".json")
}

// Get returns the newest image of a name. The error is inventory.NotFound when
// there is none, or when its bytes are gone or cut short.
func (s *Store) Get(name string) (inventory.Image, error) {
	var img inventory.Image
	data, err := os.ReadFile(s.ref(name))
	if errors.Is(err, fs.ErrNotExist) {
		return img, inventory.Errorf(inventory.NotFound, "there is no image %q in %s; make it with: appliance image build --only %s", name, s.dir, name)
	}
	if err != nil {
		return img, fmt.Errorf("read what the store knows of %s: %w", name, err)
	}
	if err := json.Unmarshal(data, &img); err != nil {
		return img, fmt.Errorf("%s: %w (delete it and run: appliance image build --only %s)", s.ref(name), err, name)
	}
	st, err := os.Stat(s.Path(img.Digest))
	if err != nil || st.Size() != img.Size {
		return img, inventory.Errorf(inventory.NotFound, "the bytes of image %s (%s) are gone or cut short; make them again with: appliance image build --only %s", name, img.Digest, name)
	}
	return img, nil
}

// List returns every image whose bytes are there, sorted by name.
func (s *Store) List() ([]inventory.Image, error) {
	files, err := os.ReadDir(filepath.Join(s.dir, "refs"))
	if err != nil {
		return nil, fmt.Errorf("list the image store: %w", err)
	}
	var out []inventory.Image
	for _, f := range files {
		name, ok := strings.CutSuffix(f.Name(), ".json")
		if !ok {
			continue
		}
		img, err := s.Get(name)
		if inventory.CodeOf(err) == inventory.NotFound {
			continue
		}
		if err != nil {
			return nil, err
		}
		out = append(out, img)
	}
	return out, nil
}

// Open returns the image's bytes after decompression. When the stored bytes are
// not those that were put in, the last Read fails instead of saying io.EOF.
func (s *Store) Open(ctx context.Context, name string) (io.ReadCloser, inventory.Image, error) {
	img, err := s.Get(name)
	if err != nil {
		return nil, img, err
	}
	f, err := os.Open(s.Path(img.Digest))
	if err != nil {
		return nil, img, fmt.Errorf("open image %s: %w", name, err)
	}
	r := &reader{ctx: ctx, file: f, sum: sha256.New(), img: img}
	r.stored = io.TeeReader(f, r.sum)
	r.raw = r.stored
	if img.Compression == "zstd" {
		if r.zstd, err = zstd.NewReader(r.stored); err != nil {
			f.Close()
			return nil, img, fmt.Errorf("open image %s: %w", name, err)
		}
		r.raw = r.zstd
	}
	return r, img, nil
}

// reader checks the digest of the stored bytes as they pass.
type reader struct {
	ctx         context.Context
	file        *os.File
	sum         hash.Hash
	zstd        *zstd.Decoder
	stored, raw io.Reader
	img         inventory.Image
}

func (r *reader) Read(p []byte) (int, error) {
	if err := r.ctx.Err(); err != nil {
		return 0, err
	}
	n, err := r.raw.Read(p)
	if err == nil {
		return n, nil
	}
	if err == io.EOF {
		if _, err := io.Copy(io.Discard, r.stored); err != nil {
			return n, err
		}
		if hex.EncodeToString(r.sum.Sum(nil)) == r.img.Digest {
			return n, io.EOF
		}
	}
	return n, fmt.Errorf("image %s is damaged on disk (%w): delete %s and run: appliance image build --only %s",
		r.img.Name, errDamaged, r.file.Name(), r.img.Name)
}

var errDamaged = errors.New("its bytes do not have its digest")

func (r *reader) Close() error {
	if r.zstd != nil {
		r.zstd.Close()
	}
	return r.file.Close()
}

// Prune deletes blobs that no name points at and that were put or replaced
// longer than age ago, so that a run that still serves them can end.
func (s *Store) Prune(age time.Duration) error {
	imgs, err := s.List()
	if err != nil {
		return err
	}
	used := map[string]bool{}
	for _, i := range imgs {
		used[i.Digest] = true
	}
	files, err := os.ReadDir(s.dir)
	if err != nil {
		return fmt.Errorf("list the image store: %w", err)
	}
	for _, f := range files {
		st, err := f.Info()
		if err != nil || len(f.Name()) != 2*sha256.Size || used[f.Name()] || time.Since(st.ModTime()) < age {
			continue
		}
		if err := os.Remove(s.Path(f.Name())); err != nil {
			return fmt.Errorf("delete an unused image: %w", err)
		}
	}
	return nil
}
