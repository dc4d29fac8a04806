package guide

import (
	"fmt"
	"io/fs"
	"strings"
	"testing"
	"testing/fstest"

	"sandai/inventory"
)

func TestLoad(t *testing.T) {
	g, err := Load("2025.1")
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, c := range g.Chapters {
		names = append(names, c.Name)
	}
	want := "environment identity image placement compute network volume dashboard dashboard-off cloud proof"
	if got := strings.Join(names, " "); got != want {
		t.Errorf("chapters %s", got)
	}
	if _, err := Load("1999"); inventory.CodeOf(err) != inventory.NotFound || !strings.Contains(err.Error(), "2025.1") {
		t.Errorf("error %v", err)
	}
}

const head = `chapter: one
source: the book
title: {en: One, ja: 一}
why: {en: Because., ja: 理由。}
secrets: {db: password}
steps:
`

// chapterOf makes a chapter of steps that are given without their texts.
func chapterOf(steps ...string) string {
	var b strings.Builder
	b.WriteString(head)
	for _, s := range steps {
		fmt.Fprintf(&b, "  - %s\n    title: {en: A, ja: あ}\n    why: {en: B., ja: い。}\n", strings.ReplaceAll(s, "\n", "\n    "))
	}
	return b.String()
}

func loadText(files ...string) (*Guide, error) {
	m := fstest.MapFS{}
	for i, f := range files {
		m[fmt.Sprintf("%d0-x.yaml", i+1)] = &fstest.MapFile{Data: []byte(f)}
	}
	return load(fs.FS(m))
}

func TestLoadMistakes(t *testing.T) {
	const ok = "id: ok\nrole: all\npackage: {names: [a]}"
	tests := map[string]struct {
		file string
		want []string
	}{
		"no mistake":            {chapterOf(ok), nil},
		"no YAML":               {"chapter: [", []string{"10-x.yaml:1:"}},
		"unknown chapter key":   {head + "  []\nsteeps: []\n", []string{"10-x.yaml:8: unknown field \"steeps\""}},
		"no steps":              {strings.TrimSuffix(head, "steps:\n"), []string{"steps: wants at least one"}},
		"no Japanese":           {strings.Replace(chapterOf(ok), ", ja: あ", "", 1), []string{"10-x.yaml:7: step ok: title wants both en and ja"}},
		"unknown step key":      {chapterOf("id: a\nrole: all\nshell: {run: x}"), []string{"10-x.yaml:9: unknown key \"shell\"", "does nothing"}},
		"unknown kind key":      {chapterOf("id: a\nrole: all\npackage: {names: [a], version: 1}"), []string{"10-x.yaml:9: unknown field \"version\""}},
		"wrong type":            {chapterOf("id: a\nrole: all\npackage:\n  names: {a: b}"), []string{"10-x.yaml:10:"}},
		"invalid specification": {chapterOf("id: a\nrole: all\npackage: {names: []}"), []string{"10-x.yaml:9: package: names: wants at least one package"}},
		"two kinds":             {chapterOf(ok + "\nwait: {unit: a}"), []string{"10-x.yaml:10: a step does one thing"}},
		"unknown expression":    {chapterOf("id: a\nrole: all\nfile:\n  path: /a\n  content: |\n    x\n    ${node.shoe_size}"), []string{"unknown ${node.shoe_size}"}},
		"unclosed expression":   {chapterOf("id: a\nrole: all\nfile: {path: /a, content: \"${node.name\"}"), []string{"10-x.yaml:9: unknown ${", "no closing"}},
		"undeclared secret":     {chapterOf("id: a\nrole: all\nfile: {path: /a, content: \"${secret:other}\"}"), []string{"10-x.yaml:7: step a: secret \"other\" is declared by no chapter"}},
		"unknown generator":     {strings.Replace(chapterOf(ok), "db: password", "db: dice", 1), []string{"secrets: db: there is no generator \"dice\""}},
		"unknown role":          {chapterOf("id: a\nrole: king\npackage: {names: [a]}"), []string{"10-x.yaml:7: step a: there is no role \"king\""}},
		"api on a node":         {chapterOf("id: a\nrole: all\napi: {role: {name: x}}"), []string{"api steps have the role rack"}},
		"package on the rack":   {chapterOf("id: a\nrole: rack\npackage: {names: [a]}"), []string{"api steps have the role rack"}},
		"two api objects":       {chapterOf("id: a\nrole: rack\napi: {role: {name: x}, project: {name: x}}"), []string{"exactly one object"}},
		"baked wait":            {chapterOf("id: a\nrole: all\nbake: true\nwait: {unit: a}"), []string{"nothing runs in an image"}},
		"half baked":            {chapterOf("id: a\nrole: all\nbake: half\npackage: {names: [a]}"), []string{"10-x.yaml:9: bake: wants true or only"}},
		"timeout":               {chapterOf(ok + "\ntimeout: soon"), []string{"10-x.yaml:10: timeout: \"soon\""}},
		"dangling need":         {chapterOf(ok + "\nneeds: [nothing]"), []string{"10-x.yaml:7: step ok: needs \"nothing\""}},
		"dangling chapter":      {chapterOf(ok + "\nneeds: [\"chapter:two\"]"), []string{"needs \"chapter:two\""}},
		"same id":               {chapterOf(ok, ok), []string{"10-x.yaml:12: step ok is already at 10-x.yaml:7"}},
		"needs itself":          {chapterOf(ok + "\nneeds: [ok]"), []string{"10-x.yaml:7: step controller-1/one/ok needs itself"}},
		"circle": {chapterOf("id: a\nrole: controller\nneeds: [b]\npackage: {names: [a]}", "id: b\nrole: compute\nneeds: [a]\npackage: {names: [a]}"),
			[]string{"needs itself: controller-1/one/a → compute-1/one/b → controller-1/one/a"}},
		"nothing restarts": {chapterOf("id: a\nrole: all\nnotify: [a.service]\npackage: {names: [a]}", "id: b\nrole: all\nservice: {names: [a], enabled: true}"),
			[]string{"10-x.yaml:7: step compute-1/one/a notifies a.service, which no service step starts"}},
		"restarts too early": {chapterOf("id: b\nrole: all\nservice: {names: [a], state: started}", "id: a\nrole: all\nnotify: [a.service]\npackage: {names: [a]}"),
			[]string{"10-x.yaml:12: step compute-1/one/a notifies a.service, which the node's service steps start only before it"}},
		"restarts on one role": {chapterOf("id: a\nrole: all\nnotify: [a.service]\npackage: {names: [a]}", "id: b\nrole: compute\nservice: {names: [a], state: started}"), nil},
		"several at once":      {chapterOf("id: A\nrole: all\npackage: {names: [a]}", "id: b\nrole: king\npackage: {names: [a]}"), []string{"10-x.yaml:7: id:", "10-x.yaml:12: step b"}},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			_, err := loadText(tc.file)
			if len(tc.want) == 0 {
				if err != nil {
					t.Fatal(err)
				}
				return
			}
			if err == nil {
				t.Fatal("no error")
			}
			for _, w := range tc.want {
				if !strings.Contains(err.Error(), w) {
					t.Errorf("error does not say %q:\n%v", w, err)
				}
			}
		})
	}
}

func TestLoadAcrossChapters(t *testing.T) {
	one := chapterOf("id: a\nrole: controller\nneeds: [\"chapter:two\"]\npackage: {names: [a]}")
	two := strings.NewReplacer("chapter: one", "chapter: two", "db: password", "db2: password").Replace(
		chapterOf("id: b\nrole: controller\nneeds: [\"chapter:one\"]\npackage: {names: [a]}"))
	if _, err := loadText(one, two); err == nil || !strings.Contains(err.Error(), "needs itself") {
		t.Errorf("error %v", err)
	}
	if _, err := loadText(one, one); err == nil || !strings.Contains(err.Error(), "20-x.yaml:1: chapter one is already at 10-x.yaml:1") {
		t.Errorf("error %v", err)
	}
}

// FuzzLoad feeds any bytes to the loader: it may only refuse them.
func FuzzLoad(f *testing.F) {
	f.Add(chapterOf("id: a\nrole: all\npackage: {names: [a]}"))
	f.Add("steps: [{id: a, role: [rack], api: {rule: {group: ${}}}}]")
	f.Add("chapter: &a [*a]")
	f.Add("a: {<<: *b}")
	f.Add("- - -\n? : \n")
	f.Fuzz(func(t *testing.T, text string) {
		if g, err := loadText(text); err == nil {
			if _, err := g.Bake(inventory.Controller); err != nil {
				t.Logf("loads, but does not bake: %v", err)
			}
		}
	})
}
