package standin

import (
	"bytes"
	"errors"
	"io"

	"github.com/cavaliergopher/cpio"
)

// caFile is where the appliance puts its CA, in an archive of its own at the end
// of the ramdisk.
const caFile = "etc/sandai/ca.pem"

// caRoom is how much of the ramdisk's end is looked through, in bytes.
const caRoom = 64 << 10

// ending keeps the last bytes that were written to it.
type ending struct {
	most int
	last []byte
}

func (e *ending) Write(p []byte) (int, error) {
	e.last = append(e.last, p...)
	if n := len(e.last) - e.most; n > 0 {
		e.last = append(e.last[:0], e.last[n:]...)
	}
	return len(p), nil
}

// newc begins each header of the kernel's kind of cpio archive
// (Documentation/driver-api/early-userspace/buffer-format).
var newc = []byte("070701")

// findCA finds the CA's certificate in the last archive of a ramdisk.
func findCA(end []byte) ([]byte, error) {
	for at := 0; ; at += len(newc) {
		i := bytes.Index(end[at:], newc)
		if i < 0 {
			return nil, errors.New("the ramdisk does not end with an archive that holds " + caFile)
		}
		at += i
		if ca := caIn(end[at:]); ca != nil {
			return ca, nil
		}
	}
}

// caIn reads an archive from its first header; nil when it is none, or has no CA.
func caIn(archive []byte) []byte {
	r := cpio.NewReader(bytes.NewReader(archive))
	for {
		h, err := r.Next()
		if err != nil {
			return nil
		}
		if h.Name != caFile {
			continue
		}
		b, err := io.ReadAll(r)
		if err != nil || len(b) == 0 {
			return nil
		}
		return b
	}
}
