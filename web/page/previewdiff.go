package page

import (
	"cmp"
	"slices"
	"strings"

	"sandai/inventory"
)

// PreviewChanges says what differs between the preview that a person confirmed
// and the one that holds now. It is pure.
func PreviewChanges(old, now inventory.Preview) []Text {
	var out []Text
	add := func(t Text, a ...any) { out = append(out, Textf(t, a...)) }
	was := map[string]inventory.PreviewNode{}
	for _, n := range old.Nodes {
		was[n.Name] = n
	}
	for _, n := range now.Nodes {
		o, ok := was[n.Name]
		delete(was, n.Name)
		if !ok {
			add(Text{"%s is new in the rack", "%s がラックに加わりました"}, n.Name)
			continue
		}
		if o.Role != n.Role {
			add(Text{"%s: the role was %s and is %s", "%s：ロールが %s から %s に変わりました"}, n.Name, cmp.Or(o.Role, "–"), cmp.Or(n.Role, "–"))
		}
		if o.Address != n.Address {
			add(Text{"%s: the address was %s and is %s", "%s：アドレスが %s から %s に変わりました"}, n.Name, cmp.Or(o.Address, "–"), cmp.Or(n.Address, "–"))
		}
		out = append(out, diskChanges(n.Name, o.Disks, n.Disks)...)
	}
	for _, n := range old.Nodes {
		if _, gone := was[n.Name]; gone {
			add(Text{"%s is no longer in the rack", "%s がラックからなくなりました"}, n.Name)
		}
	}
	switch {
	case old.PlanHash == now.PlanHash:
	case old.Steps != now.Steps:
		add(Text{"the plan had %d steps and has %d", "計画の手順が %d 件から %d 件に変わりました"}, old.Steps, now.Steps)
	default:
		add(Text{"the plan has as many steps as before, but what some of them do has changed", "計画の手順数は同じですが、一部の内容が変わりました"})
	}
	return out
}

func diskChanges(node string, old, now []inventory.PreviewDisk) []Text {
	var out []Text
	add := func(t Text, a ...any) { out = append(out, Textf(t, a...)) }
	left := slices.Clone(old)
	for _, d := range now {
		i := slices.IndexFunc(left, func(o inventory.PreviewDisk) bool { return sameDisk(o, d) })
		if i < 0 {
			add(Text{"%s: there is a disk that was not there: %s", "%s：新しいディスクがあります：%s"}, node, diskName(d))
			continue
		}
		o := left[i]
		left = slices.Delete(left, i, i+1)
		if !o.Known && d.Known {
			add(Text{"%s: %s has been looked at since", "%s：%s が調査されました"}, node, diskName(d))
		}
		if o.Known == d.Known && o.Bytes != d.Bytes {
			add(Text{"%s: %s had %s and has %s", "%s：%s の容量が %s から %s に変わりました"}, node, diskName(d), Bytes(o.Bytes), Bytes(d.Bytes))
		}
		if o.Known && !slices.Equal(o.Contents, d.Contents) {
			add(Text{"%s: on %s there was %s and is %s", "%s：%s の内容が「%s」から「%s」に変わりました"}, node, diskName(d), contents(o), contents(d))
		}
		if o.Fate != d.Fate || o.Use != d.Use {
			add(Text{"%s: %s was to be %s and is to be %s", "%s：%s の扱いが %s から %s に変わりました"}, node, diskName(d), fate(o), fate(d))
		}
	}
	for _, o := range left {
		add(Text{"%s: a disk is gone: %s", "%s：ディスクがなくなりました：%s"}, node, diskName(o))
	}
	return out
}

// sameDisk goes by what stays with a disk: a name may go to another one.
func sameDisk(a, b inventory.PreviewDisk) bool {
	switch {
	case a.Selector() != "" && b.Selector() != "":
		return a.Is(b.Serial) || a.Is(b.WWN) || b.Is(a.Serial)
	case a.Known && b.Known:
		return a.Selector() == b.Selector() && a.Name == b.Name
	}
	return a.Use != "" && a.Use == b.Use
}

func diskName(d inventory.PreviewDisk) string {
	return cmp.Or(strings.TrimSpace(d.Name+" "+d.Selector()), d.Use)
}

func contents(d inventory.PreviewDisk) string {
	return cmp.Or(strings.Join(d.Contents, ", "), "blank")
}

func fate(d inventory.PreviewDisk) string {
	return strings.TrimSpace(string(d.Fate) + " " + d.Use)
}
