package rackfile

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

// TestHostile: what would keep the parser busy for minutes is refused at once.
func TestHostile(t *testing.T) {
	const n = 100_000
	var keys, steps, flow, mapping strings.Builder
	for i := range n {
		fmt.Fprintf(&keys, "k%d: v\n", i)
		fmt.Fprintf(&mapping, "k%d: v,", i)
		flow.WriteString("a,")
		if i < 1000 {
			steps.WriteString(strings.Repeat(" ", i) + "a:\n")
		}
	}
	for name, text := range map[string]string{
		"lists":         strings.Repeat("[", n),
		"mappings":      strings.Repeat("{a: ", n),
		"dashes":        strings.Repeat("- ", n),
		"questions":     strings.Repeat("? ", n),
		"colons":        strings.Repeat("a: ", n),
		"keys":          keys.String(),
		"staircase":     steps.String(),
		"flow":          "ssh_keys: [" + flow.String() + "]",
		"flow mapping":  "rack: {" + mapping.String() + "}",
		"closed lists":  strings.Repeat("[]\n", n),
		"list of lists": strings.Repeat("- [a]\n", n),
		"big":           strings.Repeat("# nothing\n", n*2),
		"anchors":       strings.Repeat("&a ", n),
		"tags":          strings.Repeat("!a ", n),
		"documents":     strings.Repeat("---\na\n", n),
		"quotes":        strings.Repeat(`"`, n),
		"lines":         strings.Repeat("x\n", n),
		"block":         "rack: |\n" + strings.Repeat("  x\n", n),
		"nodes":         "nodes:\n" + strings.Repeat("- a: b\n", n),
	} {
		t.Run(name, func(t *testing.T) {
			start := time.Now()
			_, _, err := Parse("rack.yaml", []byte(text))
			if err == nil {
				t.Error("it was taken")
			}
			took := time.Since(start)
			t.Logf("%s for %d bytes, %d bytes of message", took, len(text), len(err.Error()))
			if n := len(err.Error()); n > 100_000 {
				t.Errorf("a message of %d bytes", n)
			}
			if took > 20*time.Second { // minutes without the limits; the rest is for a busy machine
				t.Errorf("took %s", took)
			}
		})
	}
}

// TestThousand: a rack of a thousand nodes is well within the limits.
func TestThousand(t *testing.T) {
	head, _, _ := strings.Cut(strings.NewReplacer("10.77.0.0/24", "10.77.0.0/16", "10.77.0.1/24", "10.77.0.1/16").Replace(demoYAML), "  - name: compute-1")
	var b strings.Builder
	b.WriteString(head)
	for i := range 1000 {
		fmt.Fprintf(&b, `  - name: compute-%d
    role: compute
    firmware: uefi
    address: 10.77.%d.%d
    nics: {provisioning: "52:54:01:77:%02x:%02x"}
    bmc: {kind: ipmi, address: 10.79.%d.%d, port: 623, user: admin, password: sixteen-letters!}
    system_disk: SYS-compute-%d
`, i, 1+i/250, 1+i%250, i/250, i%250, i/250, i%250, i)
	}
	start := time.Now()
	rack, passwords, err := Parse("rack.yaml", []byte(b.String()))
	if err != nil {
		t.Fatal(err)
	}
	if len(rack.Nodes) != 1002 || len(passwords) != 1001 {
		t.Errorf("%d nodes and %d passwords", len(rack.Nodes), len(passwords))
	}
	t.Logf("%s for %d bytes", time.Since(start), b.Len())
}
