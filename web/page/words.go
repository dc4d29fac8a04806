package page

import (
	"fmt"

	"sandai/inventory"
	"sandai/web/progress"
)

// Lamp is a state by glyph and word; Class colours it ("quiet", "busy", "good", "bad").
type Lamp struct {
	Glyph string
	Word  Text
	Class string
}

var nodeLamps = map[inventory.NodeState]Lamp{
	inventory.Discovered:  {"?", Text{"discovered", "発見"}, "quiet"},
	inventory.Inspected:   {"○", Text{"inspected", "調査済み"}, "quiet"},
	inventory.Ready:       {"○", Text{"ready", "準備完了"}, "quiet"},
	inventory.Deploying:   {"◔", Text{"deploying", "展開中"}, "busy"},
	inventory.Installed:   {"◔", Text{"installed", "OS 導入済み"}, "busy"},
	inventory.Configuring: {"◔", Text{"configuring", "構成中"}, "busy"},
	inventory.Active:      {"●", Text{"active", "稼働中"}, "good"},
	inventory.Failed:      {"✕", Text{"failed", "失敗"}, "bad"},
	inventory.Parked:      {"⏸", Text{"parked", "保留"}, "bad"},
	inventory.Releasing:   {"◔", Text{"releasing", "解放中"}, "busy"},
	inventory.Maintenance: {"◇", Text{"in rescue", "レスキュー中"}, "wait"},
}

var handsOffLamp = Lamp{"✋", Text{"hands off", "操作禁止"}, "wait"}

// LampOf is the lamp of a node's state; that hands are off it comes first.
func LampOf(n inventory.Node) Lamp {
	if n.HandsOff != nil {
		return handsOffLamp
	}
	if l, ok := nodeLamps[n.State]; ok {
		return l
	}
	return Lamp{"?", Text{"unknown", "不明"}, "quiet"}
}

var stepWords = map[inventory.StepState]Text{
	inventory.StepPending: {"pending", "未実行"},
	inventory.StepReady:   {"waiting", "待機中"},
	inventory.StepRunning: {"running", "実行中"},
	inventory.StepDone:    {"done", "完了"},
	inventory.StepFailed:  {"failed", "失敗"},
	inventory.StepSkipped: {"skipped", "省略"},
}

// RoleSign is how a role is drawn; Class colours it.
type RoleSign struct {
	Glyph string
	Word  Text
	Class string
}

// RoleOf is a role's sign; "" is a newcomer's.
func RoleOf(r inventory.Role) RoleSign {
	switch r {
	case inventory.Controller:
		return RoleSign{"◆", Both("controller"), "controller"}
	case inventory.Compute:
		return RoleSign{"▣", Both("compute"), "compute"}
	case inventory.NetworkRole:
		return RoleSign{"⇄", Both("network"), "network"}
	}
	return RoleSign{"?", Text{"no role", "ロールなし"}, "newcomer"}
}

// Span is a length of time in words: "14 min 23 s", "14 分 23 秒".
func Span(sec float64) Text {
	t := int(sec + 0.5)
	en := progress.Span(sec)
	switch {
	case sec < 9.95:
		return Text{en, fmt.Sprintf("%.1f 秒", sec)}
	case t < 60:
		return Text{en, fmt.Sprintf("%d 秒", t)}
	case t < 3600:
		return Text{en, fmt.Sprintf("%d 分 %d 秒", t/60, t%60)}
	}
	return Text{en, fmt.Sprintf("%d 時間 %d 分", t/3600, t/60%60)}
}

var runKinds = map[inventory.RunKind]Text{
	inventory.RunInstall:   {"install", "インストール"},
	inventory.RunReinstall: {"reinstall", "再インストール"},
	inventory.RunRelease:   {"release", "解放"},
	inventory.RunApply:     {"apply", "適用"},
	inventory.RunRotate:    {"new passwords", "パスワード更新"},
	inventory.RunCheck:     {"check", "差異の確認"},
	inventory.RunInspect:   {"inspection", "調査"},
	inventory.RunRescue:    {"rescue", "レスキュー"},
	inventory.RunProof:     {"proof", "実証"},
}

func stepClass(s inventory.StepState) string {
	return map[inventory.StepState]string{inventory.StepDone: "good", inventory.StepFailed: "bad", inventory.StepRunning: "busy", inventory.StepReady: "wait"}[s]
}
