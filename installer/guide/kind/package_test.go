package kind

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

func TestPackage(t *testing.T) {
	h := newHost(t)
	h.booted = false
	h.put("/var/lib/apt/lists/x_Packages", "")
	h.answers = map[string][]Result{
		"dpkg-query":             {{Stdout: "a installed\nb config-files\n", Code: 1}, {Stdout: "a installed\nb installed\n"}},
		"debconf-set-selections": {{}},
		"apt-get":                {{}},
	}
	twice(t, h, &Package{Names: []string{"a", "b"}, Debconf: []string{"b b/configure_db boolean false"}})
	if len(h.long) != 1 || !strings.HasSuffix(h.long[0], "install a b") || !strings.Contains(h.long[0], "--no-install-recommends") {
		t.Errorf("ran %q", h.long)
	}
	i := slices.IndexFunc(h.calls, func(c Cmd) bool { return strings.Contains(c.Args[0], "debconf") })
	if i < 0 || h.calls[i].Stdin != "b b/configure_db boolean false\n" {
		t.Errorf("debconf was not asked before: %v", h.calls)
	}
	if _, err := os.Stat(filepath.Join(h.root, "/usr/sbin/policy-rc.d")); err == nil {
		t.Error("policy-rc.d is left behind")
	}
}

func TestPackageStillMissing(t *testing.T) {
	h := newHost(t)
	h.answers = map[string][]Result{"dpkg-query": {{Stdout: "", Code: 1}}, "apt-get": {{}}}
	_, err := Do(t.Context(), h, &Package{Names: []string{"a"}})
	if err == nil || !strings.Contains(err.Error(), "not installed: a") {
		t.Errorf("error %v", err)
	}
	if len(h.ran("update")) != 1 {
		t.Error("without lists, apt-get update has to come first")
	}
}

func TestPackageFails(t *testing.T) {
	h := newHost(t)
	h.answers = map[string][]Result{"dpkg-query": {{Code: 1}}, "apt-get": {{Code: 100, Stderr: "E: Unable to locate package a"}}}
	_, err := Do(t.Context(), h, &Package{Names: []string{"a"}})
	if err == nil || !strings.Contains(err.Error(), "Unable to locate package a") {
		t.Errorf("error %v does not hold what apt said", err)
	}
}
