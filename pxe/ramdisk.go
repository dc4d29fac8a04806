package pxe

import (
	"bytes"
	"fmt"
	"io"
	"os"

	"github.com/cavaliergopher/cpio"
)

// fileCA is where the ramdisk's agent finds the CA it trusts.
const fileCA = "/etc/sandai/ca.pem"

// caArchive is an uncompressed newc cpio with the CA's certificate. The kernel
// unpacks archives that follow one another in one initramfs
// (Documentation/driver-api/early-userspace/buffer-format).
func caArchive(ca []byte) ([]byte, error) {
	var b bytes.Buffer
	w := cpio.NewWriter(&b)
	for _, h := range []*cpio.Header{
		{Name: "etc", Mode: cpio.TypeDir | 0o755, Links: 2},
		{Name: "etc/sandai", Mode: cpio.TypeDir | 0o755, Links: 2},
		{Name: fileCA[1:], Mode: cpio.TypeReg | 0o644, Links: 1, Size: int64(len(ca))},
	} {
		if err := w.WriteHeader(h); err != nil {
			return nil, fmt.Errorf("append %s to the ramdisk: %w", h.Name, err)
		}
	}
	if _, err := w.Write(ca); err != nil {
		return nil, fmt.Errorf("append %s to the ramdisk: %w", fileCA, err)
	}
	if err := w.Close(); err != nil {
		return nil, fmt.Errorf("append %s to the ramdisk: %w", fileCA, err)
	}
	return b.Bytes(), nil
}

// tailed reads a file and then some bytes, as one.
type tailed struct {
	file io.ReaderAt
	size int64 // of the file
	tail []byte
}

// withTail is the file followed by zeros up to a multiple of four bytes, where
// the kernel expects the next archive, and the archive with the CA.
func withTail(f *os.File, size int64, archive []byte) *io.SectionReader {
	pad := (4 - size%4) % 4
	t := tailed{file: f, size: size, tail: append(make([]byte, pad, pad+int64(len(archive))), archive...)}
	return io.NewSectionReader(t, 0, size+int64(len(t.tail)))
}

// ReadAt reads across the seam.
func (t tailed) ReadAt(p []byte, off int64) (n int, err error) {
	if off < t.size {
		n, err = t.file.ReadAt(p[:min(int64(len(p)), t.size-off)], off)
		if err == io.EOF && off+int64(n) < t.size {
			// The file was cut since it was opened.
			return n, io.ErrUnexpectedEOF
		}
		if err != nil && err != io.EOF || n == len(p) {
			return n, err
		}
	}
	n += copy(p[n:], t.tail[min(off+int64(n)-t.size, int64(len(t.tail))):])
	if n < len(p) {
		return n, io.EOF
	}
	return n, nil
}
