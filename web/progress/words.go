package progress

import (
	"fmt"

	"sandai/inventory"
)

// StepGlyph is the glyph of a step's state, as on the page.
func StepGlyph(s inventory.StepState) string {
	switch s {
	case inventory.StepDone:
		return "●"
	case inventory.StepRunning:
		return "◔"
	case inventory.StepReady:
		return "⏳"
	case inventory.StepFailed:
		return "✕"
	case inventory.StepSkipped:
		return "–"
	}
	return "○"
}

// StatusLine says in one line how far a run is, how long it will take, and
// whether anything is wrong.
func StatusLine(p Progress) string {
	line := fmt.Sprintf("step %d of %d · %s", p.Done, p.Total, Span(p.Elapsed))
	switch {
	case p.Run.State == inventory.RunFailed && len(p.Failed) == 0:
		return line + " · " + p.Run.Reason
	case p.Run.State == inventory.RunFailed: // its reason is told with the step
	case p.Run.State == inventory.RunDone:
		return line + " · run " + fmt.Sprint(p.Run.ID)
	case p.Remaining == nil:
		line += " · first run, no estimate"
	default:
		line += " · about " + Span(*p.Remaining) + " left"
	}
	if len(p.Failed) > 0 {
		return line + " · " + p.Failed[0].Key + " failed"
	}
	return line + " · nothing wrong"
}

// Clock prints seconds as "0:42" or "1:02:03".
func Clock(sec float64) string {
	t := int(sec)
	if t >= 3600 {
		return fmt.Sprintf("%d:%02d:%02d", t/3600, t/60%60, t%60)
	}
	return fmt.Sprintf("%d:%02d", t/60, t%60)
}

// Span prints seconds in words: "1.2 s", "42 s", "14 min 23 s", "2 h 5 min".
func Span(sec float64) string {
	t := int(sec + 0.5)
	switch {
	case sec < 9.95:
		return fmt.Sprintf("%.1f s", sec)
	case t < 60:
		return fmt.Sprintf("%d s", t)
	case t < 3600:
		return fmt.Sprintf("%d min %d s", t/60, t%60)
	}
	return fmt.Sprintf("%d h %d min", t/3600, t/60%60)
}
