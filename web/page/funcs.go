package page

import (
	"fmt"
	"html/template"
	"net/url"
	"strings"
	"time"

	"sandai/inventory"
	"sandai/web/progress"
)

// funcs are the templates' functions in a language.
func funcs(l Lang) template.FuncMap {
	return template.FuncMap{
		// t takes the text in both languages and what fills it in.
		"t": func(en, ja string, a ...any) string {
			s := Text{EN: en, JA: ja}.In(l)
			if len(a) > 0 {
				s = fmt.Sprintf(s, a...)
			}
			return s
		},
		"text":  func(t Text) string { return t.In(l) },
		"lang":  func() Lang { return l },
		"asset": AssetURL,
		"glyph": progress.StepGlyph,
		"stepword": func(s inventory.StepState) string {
			return stepWords[s].In(l)
		},
		"stepclass": stepClass,
		"eventword": func(t inventory.EventType) string { w, _ := kindWord(t); return w.In(l) },
		"runkind":   func(k inventory.RunKind) Text { return runKinds[k] },
		"runlamp":   runLamp,
		"short": func(key string) string { // without its node
			_, rest, _ := strings.Cut(key, "/")
			return rest
		},
		"lamp":      LampOf,
		"lampstate": func(s inventory.NodeState) Lamp { return LampOf(inventory.Node{State: s}) },
		"role":      func(r inventory.Role) RoleSign { return RoleOf(r) },
		"clock":     progress.Clock,
		"span":      func(sec float64) string { return Span(sec).In(l) },
		"ago":       func(from, to time.Time) string { return Span(to.Sub(from).Seconds()).In(l) },
		"bytes":     Bytes,
		"gib":       func(mib int) string { return fmt.Sprintf("%.1f GiB", float64(mib)/1024) },
		"at":        func(t time.Time) string { return t.UTC().Format("2006-01-02 15:04:05 UTC") },
		"time":      func(t time.Time) string { return t.UTC().Format("15:04:05") },
		"join":      strings.Join,
		"path":      Path,
		"query":     Query,

		// The start of a SHA-256, as people compare it.
		"digest": func(sum string) string { return sum[:min(12, len(sum))] },
	}
}

// Path joins segments to a URL's path, each escaped: path "racks" "a b" is
// "/racks/a%20b". It is safe in an attribute.
func Path(segments ...any) template.URL {
	var b strings.Builder
	for _, s := range segments {
		b.WriteByte('/')
		b.WriteString(url.PathEscape(fmt.Sprint(s)))
	}
	return template.URL(b.String())
}

// Query makes a URL's query of names and values in turn, those without a value
// left out: query "node" "a" "tab" "" is "?node=a".
func Query(pairs ...any) template.URL {
	q := url.Values{}
	for i := 0; i+1 < len(pairs); i += 2 {
		if v := fmt.Sprint(pairs[i+1]); v != "" {
			q.Add(fmt.Sprint(pairs[i]), v)
		}
	}
	if len(q) == 0 {
		return "?"
	}
	return template.URL("?" + q.Encode())
}

// Bytes prints a size for a person, in decimal units as disks are sold: "20 GB".
func Bytes(n int64) string {
	switch f := float64(n); {
	case f >= 1e12:
		return fmt.Sprintf("%.1f TB", f/1e12)
	case f >= 10e9:
		return fmt.Sprintf("%.0f GB", f/1e9)
	case f >= 1e9:
		return fmt.Sprintf("%.1f GB", f/1e9)
	case f >= 1e6:
		return fmt.Sprintf("%.0f MB", f/1e6)
	}
	return fmt.Sprintf("%.0f kB", float64(n)/1e3)
}
