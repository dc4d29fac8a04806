package images

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/iotest"
	"time"

	"github.com/google/go-cmp/cmp"

	"sandai/inventory"
)

func put(t *testing.T, s *Store, img inventory.Image, data []byte) inventory.Image {
	t.Helper()
	out, err := s.Put(t.Context(), img, bytes.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func newStore(t *testing.T) *Store {
	t.Helper()
	s, err := OpenStore(filepath.Join(t.TempDir(), "store"))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestStoreRoundTrip(t *testing.T) {
	data := bytes.Repeat([]byte("three machines "), 100_000)
	for _, compression := range []string{"", "zstd"} {
		t.Run("compression "+compression, func(t *testing.T) {
			s := newStore(t)
			img := put(t, s, inventory.Image{Name: "base", Format: "raw", Compression: compression, Key: "k", Built: time.Now()}, data)
			if img.RawSize != int64(len(data)) || img.Seconds <= 0 {
				t.Errorf("raw size %d of %d, %v s", img.RawSize, len(data), img.Seconds)
			}
			stored, err := fileDigest(s.Path(img.Digest))
			if err != nil || stored != img.Digest {
				t.Errorf("stored bytes have digest %s, %v; want %s", stored, err, img.Digest)
			}
			if same := img.Digest == img.RawDigest && img.Size == img.RawSize; same != (compression == "") {
				t.Errorf("stored %d bytes of raw %d", img.Size, img.RawSize)
			}
			r, got, err := s.Open(t.Context(), "base")
			if err != nil {
				t.Fatal(err)
			}
			defer r.Close()
			if d := cmp.Diff(img.RawDigest, got.RawDigest); d != "" {
				t.Error(d)
			}
			back, err := io.ReadAll(r)
			if err != nil || !bytes.Equal(back, data) {
				t.Errorf("read %d bytes back, %v", len(back), err)
			}
		})
	}
}

func TestStoreUnknown(t *testing.T) {
	s := newStore(t)
	_, err := s.Get("guest-tiny")
	if inventory.CodeOf(err) != inventory.NotFound || !strings.Contains(err.Error(), "appliance image build --only guest-tiny") {
		t.Errorf("got %v, want not found and what to do", err)
	}
}

func TestStoreFailedPutKeepsOld(t *testing.T) {
	s := newStore(t)
	old := put(t, s, inventory.Image{Name: "base", Compression: "zstd"}, []byte("old"))
	broken := errors.New("disk on fire")
	_, err := s.Put(t.Context(), inventory.Image{Name: "base", Compression: "zstd"}, io.MultiReader(strings.NewReader("new"), iotest.ErrReader(broken)))
	if !errors.Is(err, broken) {
		t.Fatalf("got %v, want the reader's error", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := s.Put(ctx, inventory.Image{Name: "base"}, strings.NewReader("new")); !errors.Is(err, context.Canceled) {
		t.Fatalf("got %v, want canceled", err)
	}
	got, err := s.Get("base")
	if err != nil || got.Digest != old.Digest {
		t.Errorf("the name points at %s, %v; want the old image %s", got.Digest, err, old.Digest)
	}
	left, err := os.ReadDir(filepath.Join(s.dir, "tmp"))
	if err != nil || len(left) > 0 {
		t.Errorf("unfinished work is left: %v, %v", left, err)
	}
}

func TestStoreDamage(t *testing.T) {
	data := bytes.Repeat([]byte("0123456789abcdef"), 50_000)
	damage := map[string]func(t *testing.T, path string){
		"a flipped bit": func(t *testing.T, path string) {
			f, err := os.OpenFile(path, os.O_RDWR, 0)
			if err != nil {
				t.Fatal(err)
			}
			defer f.Close()
			b := make([]byte, 1)
			if _, err := f.ReadAt(b, 40); err != nil {
				t.Fatal(err)
			}
			b[0] ^= 4
			if _, err := f.WriteAt(b, 40); err != nil {
				t.Fatal(err)
			}
		},
		"cut short": func(t *testing.T, path string) {
			if err := os.Truncate(path, 41); err != nil {
				t.Fatal(err)
			}
		},
		"gone": func(t *testing.T, path string) {
			if err := os.Remove(path); err != nil {
				t.Fatal(err)
			}
		},
	}
	for name, hurt := range damage {
		for _, compression := range []string{"", "zstd"} {
			t.Run(name+" "+compression, func(t *testing.T) {
				s := newStore(t)
				img := put(t, s, inventory.Image{Name: "base", Compression: compression}, data)
				hurt(t, s.Path(img.Digest))
				r, _, err := s.Open(t.Context(), "base")
				if err == nil {
					_, err = io.Copy(io.Discard, r)
					r.Close()
				}
				if err == nil {
					t.Fatal("damage went unnoticed")
				}
				if !strings.Contains(err.Error(), "appliance image build --only base") {
					t.Errorf("the error does not say what to do: %v", err)
				}
				// Building again heals.
				put(t, s, inventory.Image{Name: "base", Compression: compression}, data)
				r, _, err = s.Open(t.Context(), "base")
				if err != nil {
					t.Fatal(err)
				}
				defer r.Close()
				if _, err := io.Copy(io.Discard, r); err != nil {
					t.Errorf("still damaged: %v", err)
				}
			})
		}
	}
}

func TestStoreConcurrentPut(t *testing.T) {
	s := newStore(t)
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			other, err := OpenStore(s.dir)
			if err != nil {
				t.Error(err)
				return
			}
			if _, err := other.Put(t.Context(), inventory.Image{Name: "base", Key: fmt.Sprint(i)}, strings.NewReader(strings.Repeat(fmt.Sprint(i), 100_000))); err != nil {
				t.Error(err)
			}
			// A reader sees one of the images, whole.
			r, _, err := s.Open(t.Context(), "base")
			if err != nil {
				t.Error(err)
				return
			}
			defer r.Close()
			if _, err := io.Copy(io.Discard, r); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	list, err := s.List()
	if err != nil || len(list) != 1 {
		t.Errorf("%d images, %v; want 1", len(list), err)
	}
}

func TestPrune(t *testing.T) {
	s := newStore(t)
	old := put(t, s, inventory.Image{Name: "base"}, []byte("old"))
	kept := put(t, s, inventory.Image{Name: "guest-tiny"}, []byte("guest"))
	now := put(t, s, inventory.Image{Name: "base"}, []byte("new"))
	if err := s.Prune(time.Hour); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(s.Path(old.Digest)); err != nil {
		t.Errorf("a run may still serve the replaced image: %v", err)
	}
	if err := s.Prune(0); err != nil {
		t.Fatal(err)
	}
	for digest, want := range map[string]bool{old.Digest: false, kept.Digest: true, now.Digest: true} {
		if _, err := os.Stat(s.Path(digest)); (err == nil) != want {
			t.Errorf("%s: %v, want it there: %v", digest, err, want)
		}
	}
}
