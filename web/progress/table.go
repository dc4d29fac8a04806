package progress

import (
	"sort"
	"strings"

	"sandai/inventory"
)

// phaseTable is a report's phases: a row a phase, a column a node.
type phaseTable struct {
	Nodes []string
	Rows  []phaseRow
}

type phaseRow struct {
	Phase string
	Cells []string
}

// PhaseTable lays a report's phases out: the head, then a row a phase in plan
// order. The steps of the whole rack have the column "rack".
func PhaseTable(r inventory.Report) [][]string {
	t := tableOf(r)
	out := [][]string{append([]string{"phase"}, t.Nodes...)}
	for _, row := range t.Rows {
		out = append(out, append([]string{row.Phase}, row.Cells...))
	}
	return out
}

func tableOf(r inventory.Report) phaseTable {
	var t phaseTable
	cols, rows := map[string]int{}, map[string]int{}
	column := func(n string) string {
		if n == "" {
			return "rack"
		}
		return n
	}
	for _, p := range r.Phases {
		if _, ok := cols[column(p.Node)]; !ok {
			cols[column(p.Node)] = 0
			t.Nodes = append(t.Nodes, column(p.Node))
		}
	}
	sort.SliceStable(t.Nodes, func(i, j int) bool { return t.Nodes[i] != "rack" && t.Nodes[j] == "rack" })
	for i, n := range t.Nodes {
		cols[n] = i
	}
	for _, p := range r.Phases {
		i, ok := rows[p.Phase]
		if !ok {
			i = len(t.Rows)
			rows[p.Phase] = i
			t.Rows = append(t.Rows, phaseRow{p.Phase, make([]string, len(t.Nodes))})
		}
		text := Span(p.Seconds)
		if p.State != inventory.StepDone && p.State != inventory.StepSkipped {
			text = strings.TrimSpace(StepGlyph(p.State) + " " + string(p.State))
		}
		t.Rows[i].Cells[cols[column(p.Node)]] = text
	}
	return t
}
