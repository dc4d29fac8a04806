package bmc

import (
	"io"
	"os"
	"slices"
	"strings"
	"testing"
	"time"
)

// keptAlive is a console whose ipmitool ends for want of an answer, so long
// after it was opened, and what it read until then.
func keptAlive(t *testing.T, c *ipmi, after time.Duration, said string) string {
	t.Helper()
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	s := &console{c: c, f: r, begin: time.Now().Add(-after)}
	if _, err := io.WriteString(w, said+noKeepalive+"\r\nError: No response de-activating SOL payload\r\n"); err != nil {
		t.Fatal(err)
	}
	got, err := io.ReadAll(s) // w stays open: ipmitool takes its time to end
	if err != nil {
		t.Error(err)
	}
	w.Close()
	return string(got)
}

func TestKeepalive(t *testing.T) {
	c := &ipmi{m: &machine{}}
	ask := func() bool { return slices.Contains(c.keepalive(), "usesolkeepalive") }
	for _, said := range []string{"", "login: "} {
		if got := keptAlive(t, c, time.Hour, said); got != said {
			t.Errorf("read %q, want what the machine said: %q", got, said)
		}
	}
	keptAlive(t, c, 20*time.Second, "")
	keptAlive(t, c, time.Hour, "")
	keptAlive(t, c, 20*time.Second, "")
	if !ask() {
		t.Error("one short console, long ones before and after it, make the BMC count as one that does not answer")
	}
	keptAlive(t, c, 20*time.Second, strings.Repeat("x", 100))
	if ask() {
		t.Error("two short consoles in a row do not")
	}
	keptAlive(t, c, time.Hour, "")
	if ask() {
		t.Error("it is forgotten what the BMC cannot do")
	}
}
