package host

import (
	"errors"
	"fmt"
	"os"
	"strings"
)

// bakeMark ends the line that bake adds to /etc/hosts.
const bakeMark = "# while the image is built"

// hostsFile makes "controller" mean this machine while an image is built; on a
// node it is the rack's controller.
type hostsFile struct {
	path    string
	touched bool
	existed bool
}

// ensure adds the line where a step has taken it away again.
func (h *hostsFile) ensure() error {
	b, err := os.ReadFile(h.path)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("let controller resolve: %w", err)
	}
	if !h.touched {
		h.touched, h.existed = true, err == nil
	} else {
		h.existed = h.existed || strings.TrimSpace(without(string(b))) != ""
	}
	if strings.Contains(string(b), bakeMark) {
		return nil
	}
	text := string(b)
	if text != "" && !strings.HasSuffix(text, "\n") {
		text += "\n"
	}
	// First, because the first match of a name wins.
	text = "127.0.0.1 localhost controller " + bakeMark + "\n" + text
	if err := os.WriteFile(h.path, []byte(text), 0o644); err != nil {
		return fmt.Errorf("let controller resolve: %w", err)
	}
	return nil
}

// restore takes the line away, and the file too if there was none.
func (h *hostsFile) restore() error {
	if !h.touched {
		return nil
	}
	b, err := os.ReadFile(h.path)
	if err != nil {
		return fmt.Errorf("restore %s: %w", h.path, err)
	}
	text := without(string(b))
	if text == "" && !h.existed {
		return os.Remove(h.path)
	}
	return os.WriteFile(h.path, []byte(text), 0o644)
}

func without(text string) string {
	var b strings.Builder
	for line := range strings.Lines(text) {
		if !strings.Contains(line, bakeMark) {
			b.WriteString(line)
		}
	}
	return b.String()
}
