package page

import (
	"strings"
	"time"

	"sandai/inventory"
	"sandai/web/progress"
)

// StepView is one step, opened.
type StepView struct {
	inventory.Step
	Title    Text
	Why      Text
	Chapter  Text
	Source   string
	Link     string
	Lane     string // "rack" for the whole rack's
	Seconds  float64
	Waited   float64 // seconds from when it could begin until it was taken up
	Expected float64
	Needs    []StepRef
	Then     []StepRef // what waits for it
	Diff     []DiffLine
	Retry    Text // why it cannot be tried again, the zero Text where it can
	Skip     Text // why it cannot be left out
	Typed    string
	Chosen   bool // somebody asked for it; else it is the one in hand
}

// StepRef leads to another step.
type StepRef struct {
	Key   string
	State inventory.StepState
}

// DiffLine is a line of what a step changed; Class is "add", "del", "at" or "".
type DiffLine struct{ Class, Text string }

func stepView(d RunData, now time.Time) StepView {
	s := *d.Step
	v := StepView{Step: s, Title: titleOf(d, s), Why: Text{EN: s.Why}, Chapter: Both(s.Chapter), Lane: progress.LaneName(s.Node),
		Expected: d.Expected[s.Key], Diff: DiffLines(s.Diff), Typed: d.Why, Chosen: d.Asked.Step != ""}
	if d.Texts != nil {
		t := d.Texts(s.Key)
		v.Why.JA, v.Source, v.Link = t.Why.JA, t.Source, t.Link
		if t.Chapter.EN != "" {
			v.Chapter = Text(t.Chapter)
		}
	}
	if s.State != inventory.StepPending {
		v.Seconds = progress.Seconds(s, now)
	}
	if s.ReadyAt != nil && s.StartedAt != nil {
		v.Waited = max(0, s.StartedAt.Sub(*s.ReadyAt).Seconds())
	}
	need := map[string]bool{}
	for _, k := range s.Needs {
		need[k] = true
	}
	for _, o := range d.Steps {
		if need[o.Key] {
			v.Needs = append(v.Needs, StepRef{o.Key, o.State})
		}
		for _, k := range o.Needs {
			if k == s.Key {
				v.Then = append(v.Then, StepRef{o.Key, o.State})
			}
		}
	}
	v.Retry, v.Skip = whyNot(d, s)
	return v
}

// whyNot says why a step cannot be tried again, and why it cannot be left out.
func whyNot(d RunData, s inventory.Step) (retry, skip Text) {
	switch {
	case !d.Latest:
		old := Text{"a later run has taken this one's place", "より新しい実行があります"}
		return old, old
	case !d.Steer:
		no := Text{"this appliance cannot steer runs", "このアプライアンスでは操作できません"}
		return no, no
	}
	if s.State != inventory.StepFailed {
		retry = Text{"only a failed step can be tried again", "再試行できるのは失敗した手順だけです"}
	}
	switch {
	case d.Run.State == inventory.RunDone:
		skip = Text{"the run has ended", "実行は終了しています"}
	case s.State != inventory.StepFailed && s.State != inventory.StepPending:
		skip = Text{"only a failed step or one to come can be left out", "省略できるのは失敗した手順と未実行の手順だけです"}
	}
	return retry, skip
}

// DiffLines classes the lines of a diff.
func DiffLines(diff string) []DiffLine {
	if diff == "" {
		return nil
	}
	var out []DiffLine
	for line := range strings.SplitSeq(strings.TrimSuffix(diff, "\n"), "\n") {
		l := DiffLine{Text: line}
		switch {
		case strings.HasPrefix(line, "+++"), strings.HasPrefix(line, "---"), strings.HasPrefix(line, "@@"):
			l.Class = "at"
		case strings.HasPrefix(line, "+"):
			l.Class = "add"
		case strings.HasPrefix(line, "-"), strings.HasPrefix(line, "−"):
			l.Class = "del"
		}
		out = append(out, l)
	}
	return out
}

// InHand is the step that a run's page opens by itself: the first that failed,
// else the one that has been in hand the longest; "" for none.
func InHand(run inventory.Run, steps []inventory.Step) string {
	key := ""
	var since time.Time
	for _, s := range steps {
		if s.State == inventory.StepFailed {
			return s.Key
		}
		if run.State == inventory.RunActive && s.State == inventory.StepRunning && s.StartedAt != nil && (key == "" || s.StartedAt.Before(since)) {
			key, since = s.Key, *s.StartedAt
		}
	}
	return key
}
