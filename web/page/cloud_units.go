package page

import (
	"slices"
	"strings"
	"time"

	"sandai/inventory"
)

// foldAbove is how many nodes of a role have a column of their own each in the
// matrix; more share one.
const foldAbove = 8

// ServicesView is the matrix of services and nodes.
type ServicesView struct {
	Columns []Column
	Rows    []ServiceRow
	Silent  []SilentNode // nodes that do not say how their units fare
	Waiting int          // nodes that are being asked
	Trouble []PartTrouble
	Wrong   int // cells that are not well
}

// Column is a node of the matrix, or all of a role.
type Column struct {
	Name  string
	Role  inventory.Role
	Nodes []string
}

// Folded reports whether the column stands for several nodes.
func (c Column) Folded() bool { return c.Name != c.Nodes[0] }

// ServiceRow is one unit's row.
type ServiceRow struct {
	Unit, Short string
	Chapter     string // "" where it is that of the row above
	Cells       []Cell
}

// Cell is how a unit fares on the nodes of a column. Lamp is zero where the unit
// is on none of them; of several it is the worst. Wrong and Nodes count.
type Cell struct {
	Node         string // "" for a column of several
	Lamp         Lamp
	Nodes, Wrong int
	Unknown      bool // whether it is there: the node does not say
}

// SilentNode is a node that does not answer, and why.
type SilentNode struct{ Node, Reason string }

// PartTrouble is a part of the cloud that could not be asked, and why.
type PartTrouble struct {
	Part   Text
	Reason string
}

var partWords = map[string]Text{
	inventory.PartCompute: {"Nova's services", "Nova のサービス"}, inventory.PartNetwork: {"Neutron's agents", "Neutron のエージェント"},
	inventory.PartVolume: {"Cinder's services", "Cinder のサービス"}, inventory.PartPlacement: {"what compute nodes have", "コンピュートノードの容量"},
	inventory.PartFloating: {"floating addresses", "フローティング IP"}, inventory.PartInstances: {"instances", "インスタンス"}, inventory.PartVolumes: {"volumes", "ボリューム"},
}

// troubles picks the parts of a status that could not be had.
func troubles(s inventory.CloudStatus, parts ...string) (out []PartTrouble) {
	for _, e := range s.Errors {
		if slices.Contains(parts, e.Part) {
			out = append(out, PartTrouble{partWords[e.Part], e.Text})
		}
	}
	return out
}

// place is where a unit is.
type place struct{ node, unit string }

// fleet is what is known of the units of a rack.
type fleet struct {
	d     CloudData
	units map[place]inventory.Unit
	api   map[place]inventory.ServiceStatus
	order []inventory.Unit // each once, in the guide's order
	roles map[string]inventory.Role
	on    map[inventory.Role]map[string]bool // units seen on a role's nodes
}

// fleetOf sorts what nodes say of their units and what the cloud's APIs say of
// their daemons.
func fleetOf(d CloudData) fleet {
	f := fleet{d: d, units: map[place]inventory.Unit{}, api: map[place]inventory.ServiceStatus{}, roles: map[string]inventory.Role{}, on: map[inventory.Role]map[string]bool{}}
	known := map[string]bool{}
	for _, n := range d.Rack.Nodes {
		if n.Role == "" {
			continue
		}
		f.roles[n.Name] = n.Role
		if f.on[n.Role] == nil {
			f.on[n.Role] = map[string]bool{}
		}
		for _, u := range d.Units[n.Name].Value {
			f.units[place{n.Name, u.Name}] = u
			f.on[n.Role][u.Name] = true
			if !known[u.Name] {
				known[u.Name] = true
				f.order = append(f.order, u)
			}
		}
	}
	for _, s := range d.Status.Value.Services {
		node, _, _ := strings.Cut(s.Host, "@")
		unit := s.Binary + ".service"
		if _, ours := f.roles[node]; !ours {
			continue
		}
		f.api[place{node, unit}] = s
		if !known[unit] {
			known[unit] = true
			f.order = append(f.order, inventory.Unit{Name: unit, Chapter: s.Kind})
		}
	}
	slices.SortStableFunc(f.order, func(a, b inventory.Unit) int { return chapterRank(a.Chapter) - chapterRank(b.Chapter) })
	return f
}

// chapters are those of the guide that start units, in its order.
var chapters = []string{"environment", "identity", "image", "placement", "compute", "network", "volume", "dashboard"}

func chapterRank(c string) int {
	if i := slices.Index(chapters, c); i >= 0 {
		return i
	}
	return len(chapters)
}

// lamp is how a unit fares on a node; the zero Lamp where it is not there.
func (f fleet) lamp(p place) Lamp {
	u, said := f.units[p]
	s, reported := f.api[p]
	switch {
	case said:
		l := unitLamp(u)
		if l.Class == "good" && reported && !s.Up {
			return Lamp{"✕", Text{"not heard by its API", "API に応答なし"}, "bad"}
		}
		if l.Class == "good" && reported && !s.Enabled {
			return Lamp{"⏸", Text{"disabled", "無効化"}, "wait"}
		}
		return l
	case reported && s.Up:
		return Lamp{"●", Text{"up, says its API", "稼働（API による）"}, "good"}
	case reported:
		return Lamp{"✕", Text{"down, says its API", "停止（API による）"}, "bad"}
	case !f.d.Units[p.node].Known() && f.on[f.roles[p.node]][p.unit]:
		return Lamp{"?", Text{"unknown", "不明"}, "quiet"}
	}
	return Lamp{}
}

func unitLamp(u inventory.Unit) Lamp {
	switch {
	case u.Load == "not-found":
		return Lamp{"✕", Text{"not there", "存在しません"}, "bad"}
	case u.Load == "masked":
		return Lamp{"⏸", Text{"masked", "マスク済み"}, "wait"}
	case u.Active == "active":
		return Lamp{"●", Text{"active", "稼働中"}, "good"}
	case u.Active == "failed":
		return Lamp{"✕", Text{"failed", "失敗"}, "bad"}
	case u.Active == "inactive":
		return Lamp{"○", Text{"stopped", "停止"}, "wait"}
	case u.Active == "":
		return Lamp{"?", Text{"unknown", "不明"}, "quiet"}
	}
	return Lamp{"◔", Both(u.Active), "busy"}
}

func servicesView(f fleet) ServicesView {
	d := f.d
	v := ServicesView{Columns: columnsOf(d.Rack), Trouble: troubles(d.Status.Value, inventory.PartCompute, inventory.PartNetwork, inventory.PartVolume)}
	for _, n := range d.Rack.Nodes {
		if n.Role == "" {
			continue
		}
		if a := d.Units[n.Name]; a.Err != "" {
			v.Silent = append(v.Silent, SilentNode{n.Name, a.Err})
		} else if !a.Known() {
			v.Waiting++
		}
	}
	last := ""
	for _, u := range f.order {
		r := ServiceRow{Unit: u.Name, Short: strings.TrimSuffix(u.Name, ".service")}
		if u.Chapter != last {
			r.Chapter, last = u.Chapter, u.Chapter
		}
		for _, c := range v.Columns {
			cell := f.cell(c, u.Name)
			v.Wrong += cell.Wrong
			r.Cells = append(r.Cells, cell)
		}
		v.Rows = append(v.Rows, r)
	}
	return v
}

// columnsOf gives each node a column, in the order of the roles; a role with
// many nodes has one.
func columnsOf(r inventory.Rack) (out []Column) {
	byRole := map[inventory.Role][]string{}
	var roles []inventory.Role
	for _, n := range r.Nodes {
		if n.Role == "" {
			continue
		}
		if byRole[n.Role] == nil {
			roles = append(roles, n.Role)
		}
		byRole[n.Role] = append(byRole[n.Role], n.Name)
	}
	for _, role := range roles {
		nodes := byRole[role]
		if len(nodes) > foldAbove {
			out = append(out, Column{Name: string(role), Role: role, Nodes: nodes})
			continue
		}
		for _, n := range nodes {
			out = append(out, Column{Name: n, Role: role, Nodes: []string{n}})
		}
	}
	return out
}

// severity orders lamps, the worst last.
var severity = []string{"good", "busy", "quiet", "wait", "bad"}

func (f fleet) cell(c Column, unit string) Cell {
	var out Cell
	if !c.Folded() {
		out.Node, out.Unknown = c.Name, !f.d.Units[c.Name].Known()
	}
	for _, n := range c.Nodes {
		l := f.lamp(place{n, unit})
		if l.Glyph == "" {
			continue
		}
		out.Nodes++
		if l.Class == "bad" || l.Class == "wait" {
			out.Wrong++
		}
		if out.Lamp.Glyph == "" || slices.Index(severity, l.Class) > slices.Index(severity, out.Lamp.Class) {
			out.Lamp = l
		}
	}
	return out
}

// UnitView is one unit: on one node, or on all that have it.
type UnitView struct {
	Name, Short string
	Node        string // "" where none is chosen
	Lamp        Lamp
	Said        *inventory.Unit // by the node; nil where it did not say
	API         *inventory.ServiceStatus
	Asked       Asked
	Restart     bool
	Restarted   bool
	Others      []UnitOn // all that have it, where none is chosen
	Logs        []inventory.LogText
	LogAsked    Asked
	LogAt       time.Time // by the node's clock
}

// UnitOn is how a unit fares on one node.
type UnitOn struct {
	Node string
	Lamp Lamp
}

func unitView(f fleet) *UnitView {
	d := f.d
	v := &UnitView{Node: d.Node, Restart: d.Restart, Restarted: d.Restarted}
	v.Name, v.Short = d.Unit, strings.TrimSuffix(d.Unit, ".service")
	if d.Node == "" {
		for _, n := range d.Rack.Nodes {
			if l := f.lamp(place{n.Name, d.Unit}); l.Glyph != "" {
				v.Others = append(v.Others, UnitOn{n.Name, l})
			}
		}
		slices.SortStableFunc(v.Others, func(a, b UnitOn) int {
			return slices.Index(severity, b.Lamp.Class) - slices.Index(severity, a.Lamp.Class)
		})
		return v
	}
	p := place{d.Node, d.Unit}
	if u, ok := f.units[p]; ok {
		v.Said = &u
	}
	if s, ok := f.api[p]; ok {
		v.API = &s
	}
	if v.Lamp = f.lamp(p); v.Lamp.Glyph == "" {
		v.Lamp = Lamp{"?", Text{"not known on this server", "このサーバーでは不明"}, "quiet"}
	}
	v.Asked = AskedOf(d.Units[d.Node], d.Now)
	v.Logs, v.LogAsked, v.LogAt = d.Journal.Value.Logs, AskedOf(d.Journal, d.Now), d.Journal.Value.Now
	return v
}
