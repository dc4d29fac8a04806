package agent_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"sandai/installer/agent"
	"sandai/inventory"
)

func TestJournalFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "journal.jsonl")
	old := `{"run":1,"key":"old","attempt":1,"state":"done"}`
	cur := `{"run":2,"key":"a","attempt":1,"state":"failed","reason":"why"}`
	for name, tt := range map[string]struct {
		text string
		want bool
	}{
		"empty":         {"", false},
		"whole":         {old + "\n" + cur + "\n", true},
		"torn line":     {cur + "\n" + `{"run":2,"key":"b","atte`, true},
		"torn and more": {`{"run":2,"ke` + "\n" + cur + "\n", true},
		"zeros":         {"\x00\x00\x00\x00\n" + cur + "\n", true},
	} {
		t.Run(name, func(t *testing.T) {
			if err := os.WriteFile(path, []byte(tt.text), 0o600); err != nil {
				t.Fatal(err)
			}
			j, err := agent.OpenJournal(path)
			if err != nil {
				t.Fatal(err)
			}
			defer j.Close()
			r, ok := j.Find(inventory.Task{Run: 2, Key: "a", Attempt: 1})
			if ok != tt.want || ok && r.Reason != "why" {
				t.Errorf("found %t %+v", ok, r)
			}
			for _, k := range []string{"b", "old"} {
				if _, ok := j.Find(inventory.Task{Run: 2, Key: k, Attempt: 1}); ok {
					t.Errorf("%s was found", k)
				}
			}
			if err := j.Add(inventory.StepReport{Run: 2, Key: "new", Attempt: 3}); err != nil {
				t.Fatal(err)
			}
			b, err := os.ReadFile(path)
			if err != nil || !strings.HasSuffix(string(b), "\n") || !strings.Contains(string(b), `"new"`) || strings.Contains(string(b), `"old"`) {
				t.Errorf("the file is %q, %v", b, err)
			}
		})
	}
}
