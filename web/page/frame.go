package page

import (
	"sandai/inventory"
	"sandai/web/progress"
)

// Frame is what every page has around its content.
type Frame struct {
	Lang    Lang
	Theme   string // "light", "dark", or "" for the system's
	URL     string // the page's own, with its query: it is fetched again when something changed
	Title   Text
	Section string // the tab that is chosen: "rack", "runs", "cloud", "images", "events", "settings"
	Racks   []string
	Rack    string // the one that the page is about, "" where there is none
	Who     string // who is signed in
	Role    string // "viewer", "operator", "admin"
	Status  *Status
	Problem string // what went wrong with what was just asked for: what, why, what now
	Wire    string // why the rack's machines are not heard now, "" where they are
	Search  string // what was searched for
}

// May reports whether who looks may do what wants a role.
func (f Frame) May(role string) bool {
	rank := map[string]int{"viewer": 1, "operator": 2, "admin": 3}
	return rank[f.Role] >= rank[role]
}

// Status is the line that is always there and always true: what happens, how
// far, how long, and whether anything is wrong.
type Status struct {
	Lamp Lamp
	Text []Text // in the order of the line
	Run  uint   // the run that it tells of, 0 for none
	// Active: a run is under way and may be stopped after the steps in hand.
	Active   bool
	Stopping bool
}

// StatusOf makes the line from a rack's progress; nil where it was never installed.
func StatusOf(p *progress.Progress) *Status {
	if p == nil {
		return &Status{Lamp: Lamp{"○", Text{"Not installed", "未インストール"}, "quiet"},
			Text: []Text{{"give each server a role, then install the rack", "各サーバーにロールを割り当て、ラックをインストールしてください"}}}
	}
	s := &Status{Lamp: runLamp(p.Run), Run: p.Run.ID, Active: p.Run.State == inventory.RunActive, Stopping: p.Run.Stopping()}
	add := func(t Text, a ...any) { s.Text = append(s.Text, Textf(t, a...)) }
	add(Text{"step %d of %d", "手順 %d / %d"}, p.Done, p.Total)
	took := Span(p.Elapsed)
	s.Text = append(s.Text, took)
	switch {
	case !s.Active:
	case p.Remaining == nil:
		add(Text{"first run, no estimate", "初回のため見積りなし"})
	default:
		left := Span(*p.Remaining)
		s.Text = append(s.Text, Text{"about " + left.EN + " left", "残り約 " + left.JA})
	}
	switch {
	case len(p.Failed) > 0:
		add(Text{"%s failed", "%s が失敗"}, p.Failed[0].Key)
	case p.Run.State == inventory.RunFailed, p.Run.State == inventory.RunStopped:
		s.Text = append(s.Text, Both(p.Run.Reason))
	case p.Run.Kind == inventory.RunCheck && p.Run.State == inventory.RunDone:
		s.Text = append(s.Text, checkText(p.Run))
	case s.Active:
		add(Text{"nothing wrong", "異常なし"})
	}
	return s
}

// runLamp is a run's state; what it is for chooses the word.
func runLamp(r inventory.Run) Lamp {
	active, done := Text{"Installing", "インストール中"}, Text{"Installed", "インストール済み"}
	switch r.Kind {
	case inventory.RunReinstall:
		active, done = Text{"Reinstalling", "再インストール中"}, Text{"Reinstalled", "再インストール済み"}
	case inventory.RunRelease:
		active, done = Text{"Releasing a server", "サーバーを解放中"}, Text{"Released", "解放済み"}
	case inventory.RunApply:
		active, done = Text{"Applying the plan", "計画を適用中"}, Text{"Applied", "適用済み"}
	case inventory.RunRotate:
		active, done = Text{"Changing the passwords", "パスワードを更新中"}, Text{"Passwords changed", "パスワード更新済み"}
	case inventory.RunCheck:
		active, done = Text{"Checking for drift", "差異を確認中"}, Text{"Checked", "確認済み"}
	case inventory.RunInspect:
		active, done = Text{"Inspecting", "調査中"}, Text{"Inspected", "調査済み"}
	case inventory.RunRescue:
		active, done = Text{"Starting a rescue", "レスキューを開始中"}, Text{"Rescue started", "レスキュー開始済み"}
	case inventory.RunProof:
		active, done = Text{"Proving", "実証中"}, Text{"Proved", "実証済み"}
	}
	switch {
	case r.State == inventory.RunDone:
		return Lamp{"●", done, "good"}
	case r.State == inventory.RunFailed:
		return Lamp{"✕", Text{"Failed", "失敗"}, "bad"}
	case r.Stopping():
		return Lamp{"◔", Text{"Stopping", "停止待ち"}, "busy"}
	case r.State == inventory.RunActive:
		return Lamp{"◔", active, "busy"}
	}
	return Lamp{"⏸", Text{"Stopped", "停止"}, "quiet"}
}
