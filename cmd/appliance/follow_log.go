package main

import (
	"fmt"
	"io"
	"sort"
	"time"

	"sandai/inventory"
	"sandai/web/progress"
)

// heartbeat is how often a log gets a line while nothing ends.
const heartbeat = time.Minute

// logView prints a line for each start and end of a step, for a log that
// nobody can redraw.
type logView struct {
	out   io.Writer
	seen  map[string]stepMark
	ended int
	told  float64 // elapsed seconds of the run when something was last printed
	node  int     // width of the nodes' names
	chap  int     // width of the chapters' names
	gone  bool
}

// stepMark is what was printed of a step.
type stepMark struct {
	attempt int
	state   inventory.StepState
}

func (v *logView) pause() time.Duration { return 5 * time.Second }

func (v *logView) away(since time.Duration) {
	if !v.gone {
		fmt.Fprintln(v.out, "the appliance does not answer; the run goes on when it is started again")
	}
	v.gone = true
}

// logLine is one line with its time.
type logLine struct {
	at    time.Time
	step  inventory.Step
	ended bool
}

func (v *logView) show(s snapshot) {
	p := s.progress
	if v.gone {
		fmt.Fprintln(v.out, "the appliance answers again")
		v.gone = false
	}
	var lines []logLine
	if v.seen == nil {
		v.begin(s)
	}
	for _, step := range s.steps {
		lines = append(lines, v.changes(step)...)
	}
	sort.SliceStable(lines, func(i, j int) bool { return lines[i].at.Before(lines[j].at) })
	for _, l := range lines {
		v.print(p, l)
	}
	if len(lines) > 0 {
		v.told = p.Elapsed
	} else if p.Run.State == inventory.RunActive && p.Elapsed-v.told >= heartbeat.Seconds() {
		v.told = p.Elapsed
		v.beat(p)
	}
}

// begin takes what ended before we came as read.
func (v *logView) begin(s snapshot) {
	v.seen = map[string]stepMark{}
	for _, n := range s.progress.Nodes {
		v.node = max(v.node, len(n.Node))
	}
	for _, step := range s.steps {
		v.chap = max(v.chap, len(step.Chapter))
		if step.State == inventory.StepDone || step.State == inventory.StepSkipped {
			v.seen[step.Key] = stepMark{step.Attempt, step.State}
			v.ended++
		}
	}
	p := s.progress
	fmt.Fprintf(v.out, "run %d of rack %s: %s\n", p.Run.ID, p.Run.Rack, progress.StatusLine(p))
	v.told = p.Elapsed
}

func (v *logView) changes(s inventory.Step) []logLine {
	old := v.seen[s.Key]
	now := stepMark{s.Attempt, s.State}
	if old == now {
		return nil
	}
	var out []logLine
	begun := old.attempt == now.attempt && old.state == inventory.StepRunning
	switch s.State {
	case inventory.StepRunning:
		if s.StartedAt != nil && !begun {
			out = append(out, logLine{at: *s.StartedAt, step: s})
		}
	case inventory.StepDone, inventory.StepFailed, inventory.StepSkipped:
		if s.EndedAt != nil {
			out = append(out, logLine{at: *s.EndedAt, step: s, ended: true})
		}
	case inventory.StepPending, inventory.StepReady:
		if old.state == inventory.StepDone || old.state == inventory.StepSkipped {
			v.ended-- // a resume put it back
		}
	}
	v.seen[s.Key] = now
	return out
}

func (v *logView) print(p progress.Progress, l logLine) {
	s := l.step
	text := "starts"
	if l.ended {
		text = string(s.State)
		if s.StartedAt != nil {
			text += " " + progress.Span(s.EndedAt.Sub(*s.StartedAt).Seconds())
		}
		if s.State != inventory.StepFailed {
			v.ended++
		}
		text += fmt.Sprintf("  (%d/%d)", v.ended, p.Total)
	}
	v.line(l.at.Sub(p.Run.Created).Seconds(), s.Node, fmt.Sprintf("%-*s  %s  %s", v.chap, s.Chapter, progress.ShortStep(s), text))
}

// beat says what is in hand while nothing ends.
func (v *logView) beat(p progress.Progress) {
	for _, n := range p.Nodes {
		for _, now := range n.Now {
			text := fmt.Sprintf("%-*s  %s  %s for %s", v.chap, now.Chapter, now.Title, now.State, progress.Span(now.Seconds))
			if now.Expected > 0 {
				text += ", last time " + progress.Span(now.Expected)
			}
			v.line(p.Elapsed, n.Node, text)
		}
	}
	v.line(p.Elapsed, "", progress.StatusLine(p))
}

func (v *logView) line(elapsed float64, node, text string) {
	if node == "" {
		node = "rack"
	}
	t := int(elapsed)
	fmt.Fprintf(v.out, "[%3d:%02d] %-*s  %s\n", t/60, t%60, v.node, node, text)
}
