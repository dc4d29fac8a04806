package standin

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// scripts are the appliance's own: what it serves is what must be understood.
func golden(t *testing.T, name string) string {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("..", "..", "pxe", "testdata", "script", name))
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func TestScriptOfTheAppliance(t *testing.T) {
	s, err := parseScript(golden(t, "ramdisk.ipxe"))
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(s.kernel, "/kernel?mac=") || !strings.Contains(s.ramdisk, "/ramdisk?mac=") || len(s.echo) != 1 {
		t.Errorf("the ramdisk's script reads as %+v", s)
	}
	p, err := parameters(s.line)
	if err != nil || !strings.HasPrefix(p["url"], "https://") || p["node"] == "" {
		t.Errorf("its command line %q reads as %v, %v", s.line, p, err)
	}
	if s, err = parseScript(golden(t, "disk.ipxe")); err != nil || s.kernel != "" {
		t.Errorf("the disk's script reads as %+v, %v", s, err)
	}
}

func TestBadScripts(t *testing.T) {
	for name, text := range map[string]string{
		"no script":      "<html>",
		"empty":          "",
		"no end":         "#!ipxe\necho hello\n",
		"boot of what":   "#!ipxe\nboot || goto again\n",
		"kernel of what": "#!ipxe\nkernel || goto again\nboot\n",
		"no ramdisk":     "#!ipxe\nkernel http://a/k\nboot\n",
	} {
		if s, err := parseScript(text); err == nil {
			t.Errorf("%s was read as %+v", name, s)
		}
	}
	if p, err := parameters("sandai.node=a console=ttyS0"); err == nil {
		t.Errorf("half a command line was read as %v", p)
	}
}
