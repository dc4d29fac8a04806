package page

import (
	"sandai/inventory"
)

// EventsData is what the events' page is drawn from.
type EventsData struct {
	Query  inventory.EventQuery
	Events []inventory.Event // newest first
	More   bool              // there are older ones
	Racks  []inventory.Rack
	Runs   map[uint]string // the racks of the runs that the events name
}

// EventsView is the events' page.
type EventsView struct {
	Query   inventory.EventQuery
	Rows    []EventRow
	Types   []EventKind
	Nodes   []string
	Older   uint // the ID that the next page goes before, 0 where there is none
	Asked   bool // something was searched for
	Unknown bool // the type asked for is not one of ours
}

// EventRow is one event with where its node and step are shown.
type EventRow struct {
	inventory.Event
	Kind Text
	Rack string // of the node, "" where it is in none
	Run  string // the rack of its run
	No   uint   // of its run
}

// EventKind is a type of events in words.
type EventKind struct {
	Type inventory.EventType
	Word Text
}

var eventKinds = []EventKind{
	{inventory.EventRun, Text{"run", "実行"}},
	{inventory.EventStep, Text{"step", "手順"}},
	{inventory.EventNodeState, Text{"server's state", "サーバーの状態"}},
	{inventory.EventDiscovered, Text{"server discovered", "サーバー発見"}},
	{inventory.EventPower, Text{"power", "電源"}},
	{inventory.EventEnrolled, Text{"agent enrolled", "エージェント登録"}},
	{inventory.EventInstalled, Text{"installed system reported", "導入済みシステムの応答"}},
	{inventory.EventStray, Text{"old system started", "旧システムの起動"}},
	{inventory.EventDHCPDiscover, Text{"asked for an address", "アドレス要求"}},
	{inventory.EventDHCPAck, Text{"got an address", "アドレス割り当て"}},
	{inventory.EventLoader, Text{"boot loader fetched", "ブートローダー取得"}},
	{inventory.EventScript, Text{"boot script fetched", "ブートスクリプト取得"}},
	{inventory.EventKernel, Text{"kernel fetched", "カーネル取得"}},
	{inventory.EventRamdisk, Text{"ramdisk fetched", "ramdisk 取得"}},
	{inventory.EventConsole, Text{"console's keyboard", "コンソールのキーボード"}},
	{inventory.EventServing, Text{"serving", "応答再開"}},
	{inventory.EventCopy, Text{"copy of the appliance", "アプライアンスの複製"}},
	{inventory.EventRefused, Text{"refused", "拒否"}},
}

func kindWord(t inventory.EventType) (Text, bool) {
	for _, k := range eventKinds {
		if k.Type == t {
			return k.Word, true
		}
	}
	return Both(string(t)), false
}

// EventsPage makes the view. It is pure.
func EventsPage(d EventsData) EventsView {
	v := EventsView{Query: d.Query, Types: eventKinds, Asked: d.Query.Text != "" || d.Query.Node != "" || d.Query.Type != ""}
	if d.Query.Type != "" {
		_, ok := kindWord(d.Query.Type)
		v.Unknown = !ok
	}
	rackOf := map[string]string{}
	for _, r := range d.Racks {
		for _, n := range r.Nodes {
			v.Nodes = append(v.Nodes, n.Name)
			rackOf[n.Name] = r.Name
		}
	}
	for _, e := range d.Events {
		r := EventRow{Event: e, Rack: rackOf[e.Node]}
		r.Kind, _ = kindWord(e.Type)
		if e.RunID != nil {
			r.Run, r.No = d.Runs[*e.RunID], *e.RunID
		}
		if r.Run != "" && r.Rack != "" {
			r.Rack = r.Run // two racks may have a node of that name
		}
		v.Rows = append(v.Rows, r)
	}
	if n := len(d.Events); d.More && n > 0 {
		v.Older = d.Events[n-1].ID
	}
	return v
}
