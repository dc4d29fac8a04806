package disk

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"runtime"
	"sync/atomic"

	"github.com/klauspost/compress/zstd"
)

// Image says what is to arrive.
type Image struct {
	Name        string `json:"name"`
	Digest      string `json:"digest"` // SHA-256 of the bytes on the wire, hex
	Size        int64  `json:"size"`   // bytes on the wire
	RawDigest   string `json:"raw_digest"`
	RawSize     int64  `json:"raw_size"`
	Compression string `json:"compression"` // "zstd" or ""
}

const (
	blockSize = 2 * MiB // of a write
	chunkSize = 256 << 10
	maxWindow = 128 << 20 // of zstd --long=27
)

// ErrDamaged: the bytes that arrived are not the image's.
var ErrDamaged = errors.New("arrived damaged")

// fetches is how often an image that arrives damaged is fetched.
const fetches = 3

// Fetch writes an image from its source, and fetches it again when it arrived
// damaged. note is told what is tried again.
func (d *Disk) Fetch(ctx context.Context, p Partition, img Image, from Source, note func(error), progress func(done int64)) error {
	for try := 1; ; try++ {
		src := from
		src.Start(ctx)
		err := d.Write(ctx, p, img, &src, progress)
		src.Close()
		if try == fetches || !errors.Is(err, ErrDamaged) {
			return err
		}
		note(err)
	}
}

// Write streams an image into a partition and checks it on the way. The digest
// is of the bytes on the wire, so that decompression, which is the bottleneck, is
// the only work on the larger stream; the raw size is counted. The image's first
// block is written last, after the check: what broke off half-way has no
// file system that could be started. progress is told of raw bytes done.
func (d *Disk) Write(ctx context.Context, p Partition, img Image, from io.Reader, progress func(done int64)) (err error) {
	if img.RawSize > p.Size {
		return fmt.Errorf("the image %s has %d MiB, the root partition %d MiB: use a larger disk", img.Name, img.RawSize/MiB, p.Size/MiB)
	}
	if err := d.zero(p.Start, blockSize); err != nil {
		return err
	}
	sparse := d.PunchZero(p.Start, (img.RawSize+MiB-1)/MiB*MiB)
	if err := d.Sync(); err != nil {
		return err
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	wire := hashAhead(ctx, from)
	raw, closeRaw, err := decompress(wire, img.Compression)
	if err != nil {
		return err
	}
	first, n, err := d.copyBlocks(ctx, p, raw, img.RawSize, sparse, progress)
	closeRaw()
	derr := wire.drain()
	// A wrong digest explains every other error: say it first.
	if derr == nil && wire.digest != img.Digest {
		return fmt.Errorf("the image %s %w: SHA-256 %s instead of %s; check the appliance's store and the network", img.Name, ErrDamaged, wire.digest, img.Digest)
	}
	if err = errors.Join(err, derr); err != nil {
		return fmt.Errorf("write the image %s: %w", img.Name, err)
	}
	if n != img.RawSize {
		return fmt.Errorf("the image %s has %d bytes instead of %d: build it again", img.Name, n, img.RawSize)
	}
	if err := d.Sync(); err != nil {
		return err
	}
	if _, err := d.File.WriteAt(first, p.Start); err != nil {
		return fmt.Errorf("write the image's first block: %w", err)
	}
	return d.Sync()
}

// copyBlocks writes everything but the first block, which it returns, and counts
// the raw bytes. Reading and writing overlap.
func (d *Disk) copyBlocks(ctx context.Context, p Partition, raw io.Reader, limit int64, sparse bool, progress func(int64)) (first []byte, n int64, err error) {
	type block struct {
		b  []byte
		at int64
	}
	free, full := make(chan []byte, 3), make(chan block, 2)
	for range 3 {
		free <- make([]byte, blockSize)
	}
	var done atomic.Int64
	written := make(chan error, 1)
	go func() {
		var err error
		for b := range full {
			if err == nil && !(sparse && isZero(b.b)) {
				_, err = d.File.WriteAt(b.b, p.Start+b.at)
			}
			progress(done.Add(int64(len(b.b))))
			free <- b.b[:blockSize]
		}
		written <- err
	}()
	for err == nil {
		buf := <-free
		var k int
		k, err = io.ReadFull(raw, buf)
		if n+int64(k) > limit {
			err = errors.New("there is more of it than its description says")
			break
		}
		if k > 0 && n == 0 {
			first = bytes.Clone(buf[:k])
			free <- buf
			progress(done.Add(int64(k)))
		} else if k > 0 {
			full <- block{buf[:k], n}
		}
		n += int64(k)
		if ctx.Err() != nil {
			err = context.Cause(ctx)
		}
	}
	close(full)
	werr := <-written
	if err == io.EOF || err == io.ErrUnexpectedEOF {
		err = nil
	}
	return first, n, errors.Join(werr, err)
}

var zeros = make([]byte, blockSize)

func isZero(b []byte) bool { return bytes.Equal(b, zeros[:len(b)]) }

func decompress(r io.Reader, how string) (io.Reader, func(), error) {
	switch how {
	case "":
		return r, func() {}, nil
	case "zstd":
		// The frame's own checksum is not needed beside SHA-256.
		z, err := zstd.NewReader(r, zstd.WithDecoderConcurrency(min(runtime.NumCPU(), 4)), zstd.WithDecoderLowmem(true),
			zstd.WithDecoderMaxWindow(maxWindow), zstd.IgnoreChecksum(true))
		if err != nil {
			return nil, nil, fmt.Errorf("decompress: %w", err)
		}
		return z, z.Close, nil
	}
	return nil, nil, fmt.Errorf("the image's compression %q is not known: appliance and ramdisk are of different versions", how)
}

// hashed reads ahead of its consumer and hashes on the way, in a goroutine of
// its own so that two cores share the work.
type hashed struct {
	chunks chan []byte
	free   chan []byte
	cur    []byte
	buf    []byte
	err    error  // set before chunks is closed
	digest string // set before chunks is closed, "" when the end was not reached
}

func hashAhead(ctx context.Context, r io.Reader) *hashed {
	const depth = 8
	h := &hashed{chunks: make(chan []byte, depth), free: make(chan []byte, depth+2)}
	for range depth + 2 {
		h.free <- make([]byte, chunkSize)
	}
	go func() {
		defer close(h.chunks)
		sum := sha256.New()
		for {
			var buf []byte
			select {
			case buf = <-h.free:
			case <-ctx.Done():
				h.err = context.Cause(ctx)
				return
			}
			n, err := io.ReadFull(r, buf)
			sum.Write(buf[:n])
			select {
			case h.chunks <- buf[:n]:
			case <-ctx.Done():
				h.err = context.Cause(ctx)
				return
			}
			if err == io.EOF || err == io.ErrUnexpectedEOF {
				h.digest, h.err = hex.EncodeToString(sum.Sum(nil)), io.EOF
				return
			}
			if err != nil {
				h.err = err
				return
			}
		}
	}()
	return h
}

func (h *hashed) Read(p []byte) (int, error) {
	for len(h.cur) == 0 {
		if h.buf != nil {
			h.free <- h.buf[:chunkSize]
			h.buf = nil
		}
		c, ok := <-h.chunks
		if !ok {
			return 0, h.err
		}
		h.cur, h.buf = c, c
	}
	n := copy(p, h.cur)
	h.cur = h.cur[n:]
	return n, nil
}

// drain reads what is left, so that the digest is of everything, even when what
// came first could not be decompressed.
func (h *hashed) drain() error {
	_, err := io.Copy(io.Discard, h)
	return err
}
