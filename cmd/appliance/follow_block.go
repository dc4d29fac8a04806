package main

import (
	"fmt"
	"io"
	"strings"
	"time"
	"unicode/utf8"

	"sandai/inventory"
	"sandai/web/progress"
)

// blockView redraws one block on a terminal.
type blockView struct {
	out   io.Writer
	lines int // drawn last time
	last  progress.Progress
}

func (v *blockView) pause() time.Duration { return time.Second }

func (v *blockView) show(s snapshot) {
	v.last = s.progress
	v.draw(block(s.progress, v.width()))
}

func (v *blockView) away(since time.Duration) {
	lines := block(v.last, v.width())
	if v.last.Run.ID == 0 {
		lines = nil
	}
	v.draw(append(lines, "the appliance has not answered for "+progress.Span(since.Seconds())+"; the run goes on when it is started again"))
}

// width is asked for each time: a terminal may be made wider.
func (v *blockView) width() int { return terminalWidth(v.out) }

// draw puts the lines where the last ones were.
func (v *blockView) draw(lines []string) {
	var b strings.Builder
	if v.lines > 0 {
		fmt.Fprintf(&b, "\x1b[%dF", v.lines) // to the first column, so many lines up (ECMA-48, CPL)
	}
	b.WriteString("\x1b[J") // erase from here on (ED)
	for _, l := range lines {
		b.WriteString(l + "\n")
	}
	v.lines = len(lines)
	fmt.Fprint(v.out, b.String())
}

// block is a run in a line for all and a line a node, no wider than width
// columns unless width is 0.
func block(p progress.Progress, width int) []string {
	glyph := map[inventory.RunState]string{inventory.RunDone: "●", inventory.RunFailed: "✕", inventory.RunStopped: "⏸"}[p.Run.State]
	if glyph == "" {
		glyph = "◔"
	}
	names, roles := len("rack"), 0
	for _, n := range p.Nodes {
		names, roles = max(names, len(n.Node)), max(roles, len(n.Role))
	}
	out := []string{fmt.Sprintf("%s %s · %s", glyph, p.Run.Rack, progress.StatusLine(p))}
	for _, n := range p.Nodes {
		name := n.Node
		if name == "" {
			name = "rack"
		}
		line := fmt.Sprintf("  %-*s  %-*s  %s %3d/%-3d  %s", names, name, roles, n.Role, bar(n.Done, n.Total), n.Done, n.Total, inHand(n))
		out = append(out, strings.TrimRight(line, " "))
	}
	for i := range out {
		out[i] = cut(out[i], width)
	}
	return out
}

func inHand(n progress.NodeProgress) string {
	switch {
	case len(n.Now) > 0:
		now := n.Now[0]
		text := progress.StepGlyph(now.State) + " " + now.Chapter + "  " + now.Title + "  " + progress.Clock(now.Seconds)
		if now.Expected > 0 {
			text += " / ~" + progress.Clock(now.Expected)
		}
		if now.Progress > 0 {
			text += fmt.Sprintf("  %.0f %%", 100*now.Progress)
		}
		if len(n.Now) > 1 {
			text += fmt.Sprintf("  +%d", len(n.Now)-1)
		}
		return text
	case n.Waiting != "":
		return "waits for " + n.Waiting
	case n.Reason != "":
		return string(n.State) + ": " + n.Reason
	}
	return string(n.State)
}

func bar(done, total int) string {
	const cells = 10
	full := 0
	if total > 0 {
		full = done * cells / total
	}
	return strings.Repeat("▓", full) + strings.Repeat("░", cells-full)
}

func cut(s string, width int) string {
	if width <= 0 || utf8.RuneCountInString(s) <= width {
		return s
	}
	return string([]rune(s)[:width-1]) + "…"
}
