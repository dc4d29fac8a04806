package page

import (
	"fmt"
	"slices"
	"strings"

	"sandai/inventory"
)

// PreviewData is what the preview of an install is drawn from.
type PreviewData struct {
	Preview inventory.Preview
	Rack    inventory.Rack
	Run     uint   // the latest install, 0 before the first
	Typed   string // the name, as far as it was typed
	Erase   bool   // the consent, as it was given
	// Changes are what changed since the preview that was confirmed.
	Changes []Text
	// Inspected is what was just done about inspecting, nil for nothing.
	Inspected *inventory.Inspection
	// Wrong and Unasked: what was typed is not the rack's name; the consent is missing.
	Wrong, Unasked bool
}

// PreviewView is what will be lost, what will be made, and what speaks against it.
type PreviewView struct {
	PreviewData
	Lost       []LostNode
	Left       []string // nodes without a role of which no disk is known
	Made       []MadeGroup
	Whole      []MadeChapter
	Networks   []inventory.Network
	Warnings   []WarningGroup
	Stops      bool // a warning says that the install would fail
	Unknown    []string
	Consent    Consent
	Running    bool // nothing can be confirmed while a run is under way
	Resumable  bool
	WholeSteps int
}

// Consent says what beside the rack's name is asked for.
type Consent string

// What is asked for. A disk that was never looked at may turn out not to be
// blank: without the consent the install then stops before that disk.
const (
	ConsentNone    Consent = ""
	ConsentUnknown Consent = "unknown" // may be given
	ConsentFull    Consent = "full"    // must be given: known disks are not blank
	ConsentAgain   Consent = "again"   // must be given: the rack has an install that is given up
)

// ConsentOf says what a confirmation of a preview needs beside the name.
func ConsentOf(p inventory.Preview) Consent {
	c := ConsentNone
	for _, n := range p.Nodes {
		for _, d := range n.Disks {
			switch {
			case d.Fate != inventory.Erased:
			case d.Known && len(d.Contents) > 0:
				c = ConsentFull
			case !d.Known && c == ConsentNone:
				c = ConsentUnknown
			}
		}
	}
	switch p.Action {
	case inventory.ActionResume, inventory.ActionNothing, inventory.ActionConfirm:
		return ConsentAgain
	}
	return c
}

// Must reports whether nothing starts without the consent.
func (c Consent) Must() bool { return c == ConsentFull || c == ConsentAgain }

// LostNode is a server with its disks.
type LostNode struct {
	Name  string
	Role  inventory.Role
	Disks []LostDisk
}

// LostDisk is a disk as a bar of what is on it.
type LostDisk struct {
	inventory.PreviewDisk
	Table string   // "gpt", "mbr", "" for none
	Parts []string // what is on it; nothing is a blank disk
	Why   Text     // it has this fate
}

// Blank reports whether the disk was looked at and nothing was found on it.
func (d LostDisk) Blank() bool { return d.Known && len(d.Contents) == 0 }

// MadeGroup are servers of one role that get the same chapters.
type MadeGroup struct {
	Role     inventory.Role
	Nodes    []inventory.PreviewNode
	Chapters []MadeChapter
	Steps    int // on each of them
}

// MadeChapter is a chapter with its steps.
type MadeChapter struct {
	Name  string
	Steps []inventory.PreviewStep
}

// WarningGroup are the warnings of one kind.
type WarningGroup struct {
	Code  string
	Title Text
	Stops bool
	Nodes []string
	Texts []string
}

var warningTitles = map[string]Text{
	"never-inspected": {"Never inspected: what is on the disks is not known", "未調査：ディスクの内容が分かりません"},
	"not-blank":       {"Disks that are not blank lose what is on them", "空でないディスクの内容が失われます"},
	"misfit":          {"Hardware that may not do for its role", "ロールに対してハードウェアが足りない可能性があります"},
	"slow-link":       {"A slow link", "リンクが低速です"},
	"no-link":         {"No link", "リンクがありません"},
	"no-nic":          {"A NIC of the inventory was not found", "登録された NIC が見つかりません"},
	"no-bmc":          {"No BMC: the power cannot be switched", "BMC がないため電源を操作できません"},
	"firmware":        {"Firmware differs from the inventory", "ファームウェアの種類が登録と異なります"},
	"disk":            {"The chosen disk is not there", "指定されたディスクが見つかりません"},
	"newcomer":        {"No role: left alone", "ロールなし：何もしません"},
	"hands-off":       {"Hands off", "操作禁止"},
	"rescue":          {"In rescue", "レスキュー中"},
	"fence":           {"Pull its plug first", "先に電源を抜いてください"},
	"server":          {"Servers on the node", "ノード上のサーバー"},
	"apis":            {"What does not answer meanwhile", "その間に応答しないもの"},
	"saved":           {"What is kept meanwhile", "その間に保管するもの"},
	"traffic":         {"What stops meanwhile", "その間に止まるもの"},
}

// Preview makes the view. It is pure.
func Preview(d PreviewData) PreviewView {
	v := PreviewView{PreviewData: d, Networks: d.Rack.Networks, Consent: ConsentOf(d.Preview),
		Running: d.Preview.Action == inventory.ActionRunning, Resumable: d.Preview.Action == inventory.ActionResume}
	for _, n := range d.Preview.Nodes {
		if n.Role == "" && len(n.Disks) == 0 {
			v.Left = append(v.Left, n.Name)
			continue
		}
		l := LostNode{Name: n.Name, Role: n.Role}
		for _, disk := range n.Disks {
			l.Disks = append(l.Disks, lostDisk(n, disk))
		}
		v.Lost = append(v.Lost, l)
		if n.Role == "" {
			continue
		}
		if !n.Inspected {
			v.Unknown = append(v.Unknown, n.Name)
		}
		v.add(n)
	}
	slices.SortStableFunc(v.Lost, func(a, b LostNode) int { return rank(a.Role) - rank(b.Role) })
	slices.SortStableFunc(v.Made, func(a, b MadeGroup) int { return rank(a.Role) - rank(b.Role) })
	for _, c := range d.Preview.Chapters {
		v.Whole = append(v.Whole, MadeChapter{c.Chapter, c.Steps})
		v.WholeSteps += len(c.Steps)
	}
	v.warn(d.Preview.Warnings)
	return v
}

// rank puts the roles into the order in which a cloud is made.
func rank(r inventory.Role) int {
	if i := slices.Index([]inventory.Role{inventory.Controller, inventory.NetworkRole, inventory.Compute}, r); i >= 0 {
		return i
	}
	return 9
}

// add puts a node to those of its role that get the same.
func (v *PreviewView) add(n inventory.PreviewNode) {
	for i, g := range v.Made {
		if g.Role == n.Role && same(n.Name, n.Chapters, g.Nodes[0].Name, g.Nodes[0].Chapters) {
			v.Made[i].Nodes = append(v.Made[i].Nodes, n)
			return
		}
	}
	g := MadeGroup{Role: n.Role, Nodes: []inventory.PreviewNode{n}}
	for _, c := range n.Chapters {
		g.Chapters = append(g.Chapters, MadeChapter{c.Chapter, c.Steps})
		g.Steps += len(c.Steps)
	}
	v.Made = append(v.Made, g)
}

// same reports whether two nodes get the same steps but for their names.
func same(a string, ac []inventory.PreviewChapter, b string, bc []inventory.PreviewChapter) bool {
	return slices.EqualFunc(ac, bc, func(x, y inventory.PreviewChapter) bool {
		return x.Chapter == y.Chapter && slices.EqualFunc(x.Steps, y.Steps, func(s, t inventory.PreviewStep) bool {
			return strings.TrimPrefix(s.Key, a) == strings.TrimPrefix(t.Key, b) && s.Title == t.Title
		})
	})
}

func lostDisk(n inventory.PreviewNode, d inventory.PreviewDisk) LostDisk {
	out := LostDisk{PreviewDisk: d, Parts: d.Contents}
	if len(d.Contents) > 1 && (d.Contents[0] == "gpt" || d.Contents[0] == "mbr") {
		out.Table, out.Parts = d.Contents[0], d.Contents[1:]
	}
	switch {
	case d.Use == "system":
		out.Why = Textf(Text{"gets the system of %s", "%s のシステムを書き込みます"}, n.Name)
	case d.Use == "volumes":
		out.Why = Text{"becomes the volume group of the cloud's volumes", "クラウドのボリューム用 VG になります"}
	case n.Role == "":
		out.Why = Text{"stays: the server has no role", "残ります：サーバーにロールがありません"}
	default:
		out.Why = Text{"stays: no step writes to it", "残ります：書き込む手順はありません"}
	}
	return out
}

func (v *PreviewView) warn(all []inventory.Warning) {
	at := map[string]int{}
	for _, w := range all {
		key := fmt.Sprint(w.Code, w.Stops)
		i, ok := at[key]
		if !ok {
			title, known := warningTitles[w.Code]
			if !known {
				title = Both(w.Code)
			}
			i = len(v.Warnings)
			at[key] = i
			v.Warnings = append(v.Warnings, WarningGroup{Code: w.Code, Title: title, Stops: w.Stops})
		}
		g := &v.Warnings[i]
		g.Texts = append(g.Texts, w.Text)
		if w.Node != "" && !slices.Contains(g.Nodes, w.Node) {
			g.Nodes = append(g.Nodes, w.Node)
		}
		v.Stops = v.Stops || w.Stops
	}
	slices.SortStableFunc(v.Warnings, func(a, b WarningGroup) int {
		switch {
		case a.Stops == b.Stops:
			return 0
		case a.Stops:
			return -1
		}
		return 1
	})
}
