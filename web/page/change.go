package page

import (
	"cmp"

	"sandai/inventory"
)

// checkText is what a check that has ended found.
func checkText(r inventory.Run) Text {
	if r.Reason == "" {
		return Text{"all is as the plan says", "計画との差異なし"}
	}
	return Text{r.Reason, "計画との差異：" + r.Reason}
}

// ReinstallData is what the page of a node's reinstall is drawn from.
type ReinstallData struct {
	Preview inventory.Preview
	Asked   Asked // how old Preview is, and whether it is being asked for
	Rack    string
	Node    string
	Why     string // the node cannot be reinstalled now, "" where it can
	Typed   string // the name, as far as it was typed
	Wrong   bool   // it is not the node's
	Shown   string // the hash that was confirmed, "" for none
}

// ReinstallView is what is lost, what becomes of the servers, and what is done.
type ReinstallView struct {
	ReinstallData
	Changed  bool // a disk or a server is no longer as it was shown
	Role     RoleSign
	Disks    []LostDisk
	Servers  []ServerRow
	Warnings []WarningGroup
	Stops    bool
	Chapters []MadeChapter
	Whole    []MadeChapter
}

// ServerRow is a server on the node, with its fate in words.
type ServerRow struct {
	inventory.HostedServer
	Lamp Lamp
	Why  Text
}

var serverFates = map[inventory.ServerFate]struct {
	lamp Lamp
	ja   string
}{
	inventory.ServerKept:      {Lamp{"●", Text{"kept", "維持"}, "good"}, "停止中で、ボリュームから起動します。失うものはありません"},
	inventory.ServerRestarted: {Lamp{"◔", Text{"restarted", "再起動"}, "wait"}, "ボリュームから起動します。いったん停止し、ノードの復帰後に再び起動します"},
	inventory.ServerRebuilt:   {Lamp{"✕", Text{"made anew", "再作成"}, "bad"}, "ディスクはこのノード上にあり失われます。同じ ID とアドレスで、元のイメージから作り直します"},
	inventory.ServerLost:      {Lamp{"✕", Text{"lost", "消失"}, "bad"}, "ディスクはこのノード上にあり失われます。元のイメージもありません"},
	inventory.ServerBlocks:    {Lamp{"✕", Text{"in the way", "要対応"}, "bad"}, "この状態のままでは失われます。ACTIVE か SHUTOFF にするか、削除してください"},
}

// Reinstall makes the view. It is pure.
func Reinstall(d ReinstallData) ReinstallView {
	v := ReinstallView{ReinstallData: d, Changed: d.Shown != "" && d.Shown != d.Preview.Hash}
	for _, n := range d.Preview.Nodes {
		v.Role = RoleOf(n.Role)
		for _, disk := range n.Disks {
			l := lostDisk(n, disk)
			if disk.Use == "volumes" {
				l.Why = Text{"stays: it holds the cloud's volumes", "残ります：クラウドのボリュームがあります"}
			}
			v.Disks = append(v.Disks, l)
		}
		for _, c := range n.Chapters {
			v.Chapters = append(v.Chapters, MadeChapter{c.Chapter, c.Steps})
		}
	}
	for _, c := range d.Preview.Chapters {
		v.Whole = append(v.Whole, MadeChapter{c.Chapter, c.Steps})
	}
	for _, s := range d.Preview.Servers {
		f := serverFates[s.Fate]
		v.Servers = append(v.Servers, ServerRow{s, f.lamp, Text{s.Reason, cmp.Or(f.ja, s.Reason)}})
	}
	var p PreviewView
	p.warn(d.Preview.Warnings)
	for _, g := range p.Warnings {
		v.Stops = v.Stops || g.Stops
		if g.Code != "server" { // the servers have a table of their own
			v.Warnings = append(v.Warnings, g)
		}
	}
	return v
}
