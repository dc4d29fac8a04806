package kind

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestFileDiff(t *testing.T) {
	const old = "[DEFAULT]\nworkers = 1\n# admin_token = 123\n[database]\nconnection = mysql://nova:hunter2@db/nova\nbackend = rabbit://u:hunter3@mq\n"
	for name, c := range map[string]struct {
		was  string // "" for no file
		mode os.FileMode
		k    Differ
		want string
	}{
		"a new file":          {"", 0, &File{Path: "/f", Content: "a\nb\n"}, "--- /dev/null\n+++ /f\n@@ -0,0 +1,2 @@\n+a\n+b\n"},
		"a changed line":      {"a\nb\n", 0o644, &File{Path: "/f", Content: "a\nc\n"}, "--- /f\n+++ /f\n@@ -1,2 +1,2 @@\n a\n-b\n+c\n"},
		"only the mode":       {"a\n", 0o600, &File{Path: "/f", Content: "a\n"}, "- /f has mode 0600\n"},
		"gone":                {"a\n", 0o644, &File{Path: "/f", Absent: true}, "- /f\n"},
		"a link":              {"", 0, &File{Path: "/f", Link: "/to"}, "- /f is no link to /to\n+ /f -> /to\n"},
		"a directory":         {"", 0, &File{Path: "/f", Directory: true}, "- /f is no directory\n+ /f/\n"},
		"no text":             {"a\xff\n", 0o644, &File{Path: "/f", Content: "a\n"}, "--- /f\n+++ /f\n(3 bytes become 2)\n"},
		"a key":               {"old key\n", 0o600, &File{Path: "/f", Content: "new key\n", Mode: "0600"}, "--- /f\n- (what it was is not shown: only its owner may read it)\n--- /dev/null\n+++ /f\n@@ -0,0 +1,1 @@\n+new key\n"},
		"a secret that stays": {"password = mine\n# by hand\n", 0o644, &File{Path: "/f", Content: "password = mine\n"}, "--- /f\n+++ /f\n@@ -1,2 +1,1 @@\n password = mine\n-# by hand\n"},
		"secrets that were there": {old, 0o640, &INI{Path: "/f", Mode: "0640", Set: map[string]map[string]string{"database": {"connection": "mysql://nova:new@db/nova"}}},
			"--- /f\n+++ /f\n@@ -1,6 +1,4 @@\n-[DEFAULT]\n-workers = 1\n-# admin_token = ***\n+# Written by Sandai; changes are overwritten.\n+\n [database]\n-connection = ***\n-backend = rabbit://u:***@mq\n+connection = mysql://nova:new@db/nova\n"},
	} {
		t.Run(name, func(t *testing.T) {
			h := newHost(t)
			h.put("/etc/passwd", "root:x:0:0::/root:/bin/sh\n")
			if c.was != "" {
				h.put("/f", c.was)
				if err := os.Chmod(filepath.Join(h.root, "f"), c.mode); err != nil {
					t.Fatal(err)
				}
			}
			got, err := c.k.Diff(h)
			if err != nil {
				t.Fatal(err)
			}
			if d := cmp.Diff(c.want, got); d != "" {
				t.Error(d)
			}
			if strings.Contains(got, "hunter") {
				t.Error("a secret that was there is told")
			}
		})
	}
}

// TestLargeDiff: a large file is not compared by line on a node.
func TestLargeDiff(t *testing.T) {
	h := newHost(t)
	got, err := (&File{Path: "/f", Content: strings.Repeat("x\n", diffMost)}).Diff(h)
	if err != nil || got != "--- /dev/null\n+++ /f\n(0 bytes become 524288)\n" {
		t.Errorf("%q, %v", got, err)
	}
}
