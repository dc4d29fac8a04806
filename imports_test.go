// Package sandai_test holds the rules of docs/design.md that span packages.
package sandai_test

import (
	"encoding/json"
	"errors"
	"io"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

const module = "sandai/"

// ours says which packages of ours a package may import, and why no others. A
// package that is not named here fails the test: say first where it belongs.
var ours = map[string]struct {
	may []string
	why string
}{
	"inventory":                 {nil, "the nouns are the bottom of the house: everything imports them, they import nothing"},
	"inventory/rackfile":        {[]string{"inventory"}, "rack.yaml is read and written as nouns, without knowing where they are stored"},
	"inventory/db":              {[]string{"inventory"}, "storage knows the nouns and nobody who uses it"},
	"backup":                    {[]string{"inventory"}, "a backup is files and a passphrase; how the database is copied stands behind an interface"},
	"bmc":                       {nil, "a BMC is spoken with by address and password; what a node is, is not its business"},
	"netdump":                   {nil, "a way to ask the kernel, for whoever has to"},
	"lab":                       {[]string{"lab/standin", "netdump"}, "the virtual rack is as foreign to the appliance as a real one: they share the wire and rack.yaml"},
	"lab/standin":               {[]string{"netdump"}, "a machine that is none: it speaks only the wire, and declares the messages itself"},
	"images":                    {[]string{"inventory"}, "images are built from task lists that cmd hands over; the guide stays unknown"},
	"pxe":                       {[]string{"inventory", "netdump"}, "what is booted is decided behind one interface"},
	"web":                       {[]string{"inventory", "inventory/rackfile", "web/auth", "web/console", "web/page", "web/progress"}, "handlers translate; what happens is behind their interfaces"},
	"web/auth":                  {[]string{"inventory"}, "passwords, tokens and limits, of which neither HTTP nor storage is a part"},
	"web/console":               {[]string{"inventory"}, "what the viewers of a console share, for the page alone; it knows no HTTP, and how a line is opened stands behind an interface"},
	"web/page":                  {[]string{"inventory", "web/progress"}, "pages are drawn from nouns by pure functions; fetching is the handlers'"},
	"web/progress":              {[]string{"inventory"}, "how far a run is, is worked out in one place for page, API and command line"},
	"web/webtest":               {[]string{"inventory", "web/auth", "web/console"}, "an inventory in memory, for tests"},
	"e2e":                       {nil, "tests of the whole; only its tests import what they start"},
	"installer/guide/kind":      {nil, "step kinds run on the node, in an image's chroot and in tests; they need only their specification"},
	"installer/guide":           {[]string{"inventory", "installer/guide/kind"}, "the guide is data and a compiler; it carries nothing out"},
	"installer/agent":           {[]string{"inventory", "installer/guide/kind"}, "the node's side shares messages and step kinds with the appliance, no code"},
	"installer/agent/agenttest": {[]string{"inventory", "installer/pki"}, "an appliance for tests of the agent; nothing but tests imports it"},
	"installer/agent/disk":      {nil, "disks are read, partitioned and written without knowing for whom"},
	"installer/agent/host":      {[]string{"inventory", "installer/agent", "installer/guide/kind"}, "what runs in the installed system: the agent's messages and the step kinds"},
	"installer/agent/ramdisk":   {[]string{"inventory", "installer/agent", "installer/agent/disk", "netdump"}, "what runs in the ramdisk knows disks and messages, and nothing of the guide"},
	"installer/keep":            {[]string{"inventory"}, "encrypted files by name; whose they are and when they are wanted, the engine decides"},
	"installer/pki":             {[]string{"inventory"}, "the CA keeps its keys behind an interface"},
	"installer/cloud":           {[]string{"inventory", "installer/guide", "installer/guide/kind"}, "cloud steps know the cloud's API and their specification, not the engine"},
	"installer":                 {[]string{"inventory", "inventory/rackfile", "bmc", "installer/guide", "installer/guide/kind", "installer/cloud", "installer/keep", "installer/pki"}, "the engine stores and serves through interfaces; of bmc it uses the Controller's types"},
}

// fences are foreign packages that only some of ours may import.
var fences = []struct {
	foreign, why string
	may          []string
}{
	{"github.com/gin-gonic/gin", "HTTP frameworks stay in one place, so that one can be exchanged", []string{"web"}},
	{"github.com/danielgtaylor/huma", "as gin", []string{"web"}},
	{"gorm.io", "only storage speaks SQL; a query elsewhere would get around its rules", []string{"inventory/db"}},
	{"github.com/go-gormigrate", "as gorm", []string{"inventory/db"}},
	{"github.com/bmc-toolbox/bmclib", "one command at a time per BMC holds only where all go through bmc", []string{"bmc"}},
	{"github.com/gophercloud", "cloud objects are made in one place", []string{"installer/cloud"}},
	{"github.com/coder/websocket", "as gin", []string{"web"}},
	{"github.com/spf13/cobra", "only cmd reads flags", []string{"cmd/appliance", "cmd/agent"}},
	{"flag", "only cmd reads flags", []string{"cmd/appliance", "cmd/agent"}},
	{"os/signal", "only cmd hears signals", []string{"cmd/appliance", "cmd/agent"}},
}

type goPackage struct {
	ImportPath string
	Imports    []string // of the package without its tests
}

func TestImports(t *testing.T) {
	packages := listPackages(t)
	if len(packages) < 5 {
		t.Fatalf("go list found %d packages; the rules would hold for nothing", len(packages))
	}
	for _, p := range packages {
		name := strings.TrimPrefix(p.ImportPath, module)
		isCmd := strings.HasPrefix(name, "cmd/")
		rule, known := ours[name]
		if !known && !isCmd && name != "sandai" {
			t.Errorf("package %s has no rule in imports_test.go: say there what it may import, and why", name)
		}
		for _, imp := range p.Imports {
			if dep, mine := strings.CutPrefix(imp, module); mine && known && !slices.Contains(rule.may, dep) {
				t.Errorf("%s imports %s: %s", name, dep, rule.why)
			}
			if strings.HasPrefix(imp, module+"cmd/") {
				t.Errorf("%s imports %s: a program is the top of the house", name, imp)
			}
			for _, f := range fences {
				if (imp == f.foreign || strings.HasPrefix(imp, f.foreign+"/")) && !slices.Contains(f.may, name) {
					t.Errorf("%s imports %s: %s", name, imp, f.why)
				}
			}
		}
	}
}

// TestAgentIsSmall: the agent travels in the ramdisk and onto every node.
func TestAgentIsSmall(t *testing.T) {
	out, err := exec.Command("go", "list", "-deps", "./cmd/agent").Output()
	if err != nil {
		t.Fatalf("go list: %v%s", err, stderrOf(err))
	}
	for dep := range strings.FieldsSeq(string(out)) {
		for _, foreign := range []string{"gorm.io", "github.com/gin-gonic", "github.com/gophercloud", "github.com/bmc-toolbox", "sandai/web", "sandai/inventory/db", "sandai/installer/cloud"} {
			if dep == foreign || strings.HasPrefix(dep, foreign+"/") {
				t.Errorf("cmd/agent carries %s: a node's agent is static and small, and knows nothing of the appliance's insides", dep)
			}
		}
	}
}

func listPackages(t *testing.T) []goPackage {
	t.Helper()
	out, err := exec.Command("go", "list", "-json=ImportPath,Imports", "./...").Output()
	if err != nil {
		t.Fatalf("go list: %v%s", err, stderrOf(err))
	}
	var list []goPackage
	for d := json.NewDecoder(strings.NewReader(string(out))); ; {
		var p goPackage
		if err := d.Decode(&p); errors.Is(err, io.EOF) {
			return list
		} else if err != nil {
			t.Fatal(err)
		}
		list = append(list, p)
	}
}

func stderrOf(err error) string {
	var e *exec.ExitError
	if errors.As(err, &e) {
		return "\n" + string(e.Stderr)
	}
	return ""
}
