package page

import (
	"cmp"
	"html/template"

	"sandai/inventory"
)

// checkText is what a check that has ended found.
func checkText(r inventory.Run) Text {
	if r.Reason == "" {
		return Text{"all is as the plan says", "計画との差異なし"}
	}
	return Text{r.Reason, "計画との差異：" + r.Reason}
}

// ReinstallData is what the page of a node's reinstall or release is drawn from.
type ReinstallData struct {
	Preview inventory.Preview
	Asked   Asked // how old Preview is, and whether it is being asked for
	Rack    string
	Node    string
	Release *inventory.ReleaseOptions // how it is released; nil: it is reinstalled
	Why     string                    // the node cannot be reinstalled now, "" where it can
	Typed   string                    // the name, as far as it was typed
	Wrong   bool                      // it is not the node's
	Shown   string                    // the hash that was confirmed, "" for none
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
	inventory.ServerRemoved:   {Lamp{"◔", Text{"removed", "削除"}, "wait"}, "動作証明用のサーバーです。次の証明で作り直します"},
	inventory.ServerMoved:     {Lamp{"◔", Text{"moved", "移動"}, "wait"}, "ボリュームから起動します。同じ ID とアドレスのまま、別のコンピュートノードが引き継ぎます"},
	inventory.ServerRemade:    {Lamp{"✕", Text{"made anew elsewhere", "別ノードで再作成"}, "bad"}, "ディスクはこのノード上にあり失われます。同じ ID とアドレスで、別のコンピュートノードに元のイメージから作り直します"},
	inventory.ServerBlocks:    {Lamp{"✕", Text{"in the way", "要対応"}, "bad"}, "このままでは失われます。ACTIVE か SHUTOFF にするか、所有者が削除するか、引き継げるコンピュートノードを追加してください"},
}

// ReleaseQuery are the options of a release as the page's address has them.
func ReleaseQuery(o *inventory.ReleaseOptions) template.URL {
	if o == nil {
		return ""
	}
	after, wipe := "", ""
	if o.Remove {
		after = "gone"
	}
	switch {
	case o.Full:
		wipe = "full"
	case o.Dead:
		wipe = "none"
	}
	if after == "" && wipe == "" {
		return ""
	}
	return Query("after", after, "wipe", wipe)
}

func releasedDisk(o inventory.ReleaseOptions) Text {
	switch {
	case o.Dead:
		return Text{"stays as it is: nothing is sent to a machine that is dead", "そのまま残ります：故障機には何も送信しません"}
	case o.Full:
		return Text{"overwritten from its first block to its last", "先頭から末尾まで上書き消去します"}
	}
	return Text{"its partition table and what marks its contents are erased", "パーティション表と内容を示す署名を消去します"}
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
			if d.Release != nil && disk.Use == "system" {
				l.Why = releasedDisk(*d.Release)
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
