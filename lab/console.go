package lab

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"time"
)

// consoleWindow is how far back PrintConsole looks for lines, in bytes.
const consoleWindow = 1 << 20

// PrintConsole writes the last lines of a console log, and with follow also
// what comes after, until ctx is done.
func PrintConsole(ctx context.Context, out io.Writer, path string, lines int, follow bool) error {
	f, err := os.Open(path)
	for errors.Is(err, fs.ErrNotExist) {
		if !follow {
			return fmt.Errorf("%s is not there: the machine was never on", path)
		}
		if !pause(ctx) {
			return nil
		}
		f, err = os.Open(path)
	}
	if err != nil {
		return fmt.Errorf("read the console: %w", err)
	}
	defer f.Close()
	size, err := f.Seek(0, io.SeekEnd)
	if err != nil {
		return err
	}
	if _, err = f.Seek(max(0, size-consoleWindow), io.SeekStart); err != nil {
		return err
	}
	b, err := io.ReadAll(f)
	if err != nil {
		return err
	}
	if _, err := out.Write(lastLines(b, lines)); err != nil || !follow {
		return err
	}
	for pause(ctx) {
		if _, err := io.Copy(out, f); err != nil {
			return err
		}
	}
	return nil
}

// pause waits for the next look; false when ctx is done.
func pause(ctx context.Context) bool {
	select {
	case <-ctx.Done():
		return false
	case <-time.After(200 * time.Millisecond):
		return true
	}
}

// lastLines cuts b to its last n lines; one without its newline counts.
func lastLines(b []byte, n int) []byte {
	if n <= 0 {
		return nil
	}
	i := len(bytes.TrimSuffix(b, []byte("\n")))
	for ; n > 0 && i >= 0; n-- {
		i = bytes.LastIndexByte(b[:i], '\n')
	}
	return b[i+1:]
}
