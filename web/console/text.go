package console

import (
	"bytes"
	"strings"
	"unicode"

	"github.com/charmbracelet/x/ansi"
)

// Scrollback returns what is kept of a node's console, at most 256 KiB, with its
// escape sequences: of the line in memory, or of its file.
func (h *Hub) Scrollback(rack, node string) []byte {
	h.mu.Lock()
	if l := h.lines[key{rack, node}]; l != nil {
		defer h.mu.Unlock()
		from := l.stream.history(0)
		return l.stream.read(from, int(l.stream.end-from))
	}
	h.mu.Unlock()
	return h.recorded(key{rack, node}, history)
}

// Tail returns the last lines of a node's console as plain text, each with its
// newline; 0 lines are all.
func (h *Hub) Tail(rack, node string, lines int) string {
	b := bytes.TrimRight(h.Scrollback(rack, node), "\r\n")
	// A line on a screen has some 80 bytes; escape sequences are paid for
	// generously, so that not all is read for a few lines.
	const lineBytes = 1 << 10
	if most := lines * lineBytes; most > 0 && most < len(b) {
		b = b[len(b)-most:]
		b = b[bytes.IndexByte(b, '\n')+1:]
	}
	if len(b) == 0 {
		return ""
	}
	all := strings.Split(Plain(b), "\n")
	if lines > 0 && len(all) > lines {
		all = all[len(all)-lines:]
	}
	return strings.Join(all, "\n") + "\n"
}

// Plain is what a terminal's output says, for reading without a terminal:
// without escape sequences and control characters, each line as it was at its
// end. What was drawn by moving the cursor stands where it was sent.
func Plain(b []byte) string {
	text := strings.ToValidUTF8(string(b), "�")
	// Of the sequences one has a say in what a line reads at its end: a shell
	// erases to the end of the line (ECMA-48 §8.3.41) for every backspace.
	text = erasures.Replace(text)
	lines := strings.Split(ansi.Strip(text), "\n")
	for i, l := range lines {
		lines[i] = settled(l)
	}
	return strings.Join(lines, "\n")
}

// erase stands for an erasure: a control character that no terminal acts on.
const erase = '\x1c'

var erasures = strings.NewReplacer("\x1b[K", string(erase), "\x1b[0K", string(erase))

// settled carries out the carriage returns, backspaces and erasures of one line.
func settled(l string) string {
	out := make([]rune, 0, len(l))
	at := 0
	for _, r := range strings.TrimRight(l, "\r") {
		switch {
		case r == '\r':
			at = 0
		case r == '\b':
			at = max(0, at-1)
		case r == erase:
			out = out[:min(at, len(out))]
		case r != '\t' && unicode.IsControl(r):
		case at < len(out):
			out[at] = r
			at++
		default:
			out = append(out, r)
			at++
		}
	}
	return strings.TrimRight(string(out), " ")
}
