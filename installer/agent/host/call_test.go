package host

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"sandai/installer/guide"
	"sandai/inventory"
)

// fakeManager is a ServiceManager that remembers what it was asked to do.
type fakeManager struct{ restarted []string }

func (f *fakeManager) Look(_ context.Context, units []string) (out []inventory.Unit, err error) {
	for _, u := range units {
		out = append(out, inventory.Unit{Name: u, Active: "active"})
	}
	return out, nil
}

func (f *fakeManager) Restart(_ context.Context, unit string) error {
	if unit == "tgt.service" {
		return inventory.Errorf(inventory.Conflict, "the restart of tgt.service ended with \"failed\"")
	}
	f.restarted = append(f.restarted, unit)
	return nil
}

// TestGuideUnits: the node takes every unit that the guide starts, by a pattern,
// since it does not have the guide.
func TestGuideUnits(t *testing.T) {
	g, err := guide.Load("2025.1")
	if err != nil {
		t.Fatal(err)
	}
	hw := &inventory.Hardware{Cores: 4, MemoryMB: 8192}
	rack := inventory.Rack{Name: "r", Release: "2025.1", Region: "R", Address: "10.77.0.1/24",
		Networks: []inventory.Network{{Kind: inventory.Provisioning, CIDR: "10.77.0.0/24"}, {Kind: inventory.Provider, CIDR: "10.78.0.0/24", PoolStart: "10.78.0.5", PoolEnd: "10.78.0.9"}, {Kind: inventory.Tenant, CIDR: "10.79.0.0/24"}},
		Nodes: []inventory.Node{{Name: "c", Role: inventory.Controller, Address: "10.77.0.11", VolumeDisk: "v", Hardware: hw},
			{Name: "n", Role: inventory.NetworkRole, Address: "10.77.0.12", Hardware: hw}, {Name: "m", Role: inventory.Compute, Address: "10.77.0.13", Hardware: hw}}}
	steps, err := g.Compile(rack)
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for _, s := range steps {
		if s.Kind != "service" || !strings.Contains(string(s.Spec), `"started"`) {
			continue
		}
		var v struct{ Names []string }
		if err := json.Unmarshal(s.Spec, &v); err != nil {
			t.Fatal(err)
		}
		for _, name := range v.Names {
			n++
			if err := checkCall(inventory.Call{Kind: inventory.CallRestart, Units: []string{name + ".service"}}); err != nil {
				t.Errorf("%s: %v", s.Key, err)
			}
		}
	}
	if n < 20 {
		t.Errorf("the guide starts %d units; the test looks in the wrong place", n)
	}
}

func TestCallsRefused(t *testing.T) {
	f := &fakeManager{}
	d := &Desk{Service: f, Logs: t.TempDir()}
	now := time.Now()
	grep := func(change func(*inventory.Call)) inventory.Call {
		c := inventory.Call{Kind: inventory.CallGrep, Files: []string{"/var/log/nova/nova-api.log"}, Match: []string{"req-1234"}, Since: now, Until: now.Add(time.Minute)}
		change(&c)
		return c
	}
	for name, c := range map[string]inventory.Call{
		"no kind":              {},
		"another kind":         {Kind: "exec", Units: []string{"keystone.service"}},
		"no units":             {Kind: inventory.CallUnits},
		"another unit":         {Kind: inventory.CallRestart, Units: []string{"ssh.service"}},
		"two units":            {Kind: inventory.CallRestart, Units: []string{"keystone.service", "nova-api.service"}},
		"an option":            {Kind: inventory.CallRestart, Units: []string{"--force"}},
		"a target":             {Kind: inventory.CallRestart, Units: []string{"reboot.target"}},
		"a line feed":          {Kind: inventory.CallRestart, Units: []string{"keystone.service\nssh.service"}},
		"the agent":            {Kind: inventory.CallRestart, Units: []string{agentUnit}},
		"journal of another":   {Kind: inventory.CallJournal, Units: []string{"ssh.service"}, Lines: 10},
		"journal without end":  {Kind: inventory.CallJournal, Units: []string{"keystone.service"}, Lines: 1e6},
		"another file":         grep(func(c *inventory.Call) { c.Files = []string{"/etc/shadow"} }),
		"a way out":            grep(func(c *inventory.Call) { c.Files = []string{"/var/log/nova/../auth.log"} }),
		"another service":      grep(func(c *inventory.Call) { c.Files = []string{"/var/log/journal/x.log"} }),
		"nothing to look for":  grep(func(c *inventory.Call) { c.Match = nil }),
		"too short":            grep(func(c *inventory.Call) { c.Match = []string{"a"} }),
		"too much to look for": grep(func(c *inventory.Call) { c.Match = slices.Repeat([]string{"req-1"}, 21) }),
		"no digest":            {Kind: inventory.CallCopy},
		"a path for a digest":  {Kind: inventory.CallCopy, Digest: "../" + strings.Repeat("0", 61)},
		"backwards":            grep(func(c *inventory.Call) { c.Until = now.Add(-time.Minute) }),
	} {
		if a := d.Answer(t.Context(), c); a.Code != inventory.Invalid || !strings.Contains(a.Error, "refuses") {
			t.Errorf("%s: answered with %+v", name, a)
		}
	}
	if f.restarted != nil {
		t.Errorf("restarted: %v", f.restarted)
	}
}

// TestKeepCopy: the copy of the appliance is replaced by one that came whole, and by
// no other.
func TestKeepCopy(t *testing.T) {
	const first, second = "a first copy", "a second copy"
	digest := func(s string) string { d := sha256.Sum256([]byte(s)); return hex.EncodeToString(d[:]) }
	come, broken := first, error(nil)
	d := &Desk{Copy: filepath.Join(t.TempDir(), "appliance.copy"), Fetch: func(context.Context) (io.ReadCloser, error) {
		return io.NopCloser(strings.NewReader(come)), broken
	}}
	keep := func(want string) inventory.CallAnswer {
		return d.Answer(t.Context(), inventory.Call{Kind: inventory.CallCopy, Digest: digest(want)})
	}
	holds := func(want string) {
		t.Helper()
		b, err := os.ReadFile(d.Copy)
		if st, _ := os.Stat(d.Copy); err != nil || string(b) != want || st.Mode() != 0o600 {
			t.Errorf("it keeps %q, %v", b, err)
		}
		if left, _ := filepath.Glob(filepath.Join(filepath.Dir(d.Copy), ".*")); len(left) > 0 {
			t.Errorf("%v is left", left)
		}
	}
	if a := keep(first); a.Error != "" {
		t.Fatal(a.Error)
	}
	holds(first)
	come = second[:5]
	if a := keep(second); !strings.Contains(a.Error, "came damaged") {
		t.Errorf("half a copy: %+v", a)
	}
	holds(first)
	broken = inventory.Errorf(inventory.NotFound, "no copy is handed out")
	if a := keep(second); a.Code != inventory.NotFound {
		t.Errorf("no copy: %+v", a)
	}
	holds(first)
	come, broken = second, nil
	if a := keep(second); a.Error != "" {
		t.Fatal(a.Error)
	}
	holds(second)
}

func TestRestart(t *testing.T) {
	f := &fakeManager{}
	d := &Desk{Service: f}
	a := d.Answer(t.Context(), inventory.Call{Kind: inventory.CallRestart, Units: []string{"keystone.service"}})
	if a.Error != "" || len(a.Units) != 1 || a.Units[0].Active != "active" || !slices.Equal(f.restarted, []string{"keystone.service"}) {
		t.Errorf("a restart answers %+v, done: %v", a, f.restarted)
	}
	if a := d.Answer(t.Context(), inventory.Call{Kind: inventory.CallRestart, Units: []string{"tgt.service"}}); a.Code != inventory.Conflict {
		t.Errorf("a restart that fails answers %+v", a)
	}
}

// logDir makes a directory of logs.
func logDir(t *testing.T, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range files {
		p := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(p), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(p, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func TestTail(t *testing.T) {
	long := strings.Repeat(strings.Repeat("x", 99)+"\n", 2000)
	d := &Desk{Logs: logDir(t, map[string]string{"nova/nova-api.log": "one\ntwo\nthree\n", "nova/torn.log": "one\ntwo", "nova/empty.log": "", "nova/long.log": long})}
	for name, tt := range map[string]struct {
		file  string
		lines int
		want  string
		cut   bool
	}{
		"two of three": {"nova-api.log", 2, "two\nthree\n", true},
		"all":          {"nova-api.log", 3, "one\ntwo\nthree\n", false},
		"more":         {"nova-api.log", 9, "one\ntwo\nthree\n", false},
		"no last feed": {"torn.log", 1, "two", true},
		"empty":        {"empty.log", 5, "", false},
		"long":         {"long.log", 2000, long[len(long)-65500:], true},
	} {
		got, cut, err := d.tail("/var/log/nova/"+tt.file, tt.lines)
		if err != nil || got != tt.want || cut != tt.cut {
			t.Errorf("%s: got %d bytes, cut %t (%v), want %d bytes, cut %t", name, len(got), cut, err, len(tt.want), tt.cut)
		}
	}
}

// A service that writes in its own directory of logs must not make the agent,
// which is root, read another file for it.
func TestLogLinks(t *testing.T) {
	secret := filepath.Join(t.TempDir(), "shadow")
	if err := os.WriteFile(secret, []byte("2026-11-27 04:43:47.123 root:hash req-12345\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	d := &Desk{Logs: logDir(t, map[string]string{"nova/real.log": ""})}
	link := func(to, name string) {
		if err := os.Symlink(to, filepath.Join(d.Logs, "nova", name)); err != nil {
			t.Fatal(err)
		}
	}
	link(secret, "nova-api.log")
	link("real.log", "inside.log")
	if err := os.Symlink(filepath.Dir(secret), filepath.Join(d.Logs, "keystone")); err != nil {
		t.Fatal(err)
	}
	for _, f := range []string{"nova/nova-api.log", "nova/inside.log", "keystone/shadow"} {
		if got, _, err := d.tail("/var/log/"+f, 10); err == nil {
			t.Errorf("%s was read through a link: %q", f, got)
		}
	}
	lines, bad := d.grep(t.Context(), inventory.Call{Files: []string{"/var/log/nova/nova-api.log"}, Match: []string{"req-12345"}, Until: time.Now().AddDate(100, 0, 0)})
	if len(lines) != 0 || len(bad) != 1 || bad[0].Error == "" {
		t.Errorf("searched through a link: %v %v", lines, bad)
	}
}

func TestShare(t *testing.T) {
	line := strings.Repeat("y", 63) + "\n"
	big := strings.Repeat(line, 2048) // twice what an answer holds
	logs := []inventory.LogText{{Text: big}, {Text: "short\n"}, {Text: big + "\xff\n"}}
	share(logs)
	size := 0
	for i, l := range logs {
		size += len(l.Text)
		if l.Cut != (i != 1) || !strings.HasPrefix(l.Text, []string{line, "short\n", line}[i]) {
			t.Errorf("text %d: %d bytes, cut %t, begins %.70q", i, len(l.Text), l.Cut, l.Text)
		}
	}
	if size > inventory.MaxCallText || size < inventory.MaxCallText-200 {
		t.Errorf("%d bytes are used of %d", size, inventory.MaxCallText)
	}
	if !strings.HasSuffix(logs[2].Text, "\uFFFD\n") {
		t.Errorf("a byte that is no UTF-8 was kept")
	}
}

func TestGrep(t *testing.T) {
	oldLocal := time.Local
	time.Local = time.FixedZone("JST", 9*3600)
	defer func() { time.Local = oldLocal }()
	d := &Desk{Logs: logDir(t, map[string]string{
		"nova/nova-api.log": `2026-11-27 14:00:00.500 700 INFO nova.api [None req-aaaa-1 early] too early
2026-11-27 14:00:02.250 700 INFO nova.api [None req-aaaa-1 admin] POST
Traceback of req-aaaa-1, a line without a time
2026-11-27 14:00:02.300 700 INFO nova.api [None req-bbbb-2 admin] another request
`,
		"keystone/keystone.log":              "[pid: 9|app: 0|req: 1/1] 10.77.0.1 () {30 vars in 400 bytes} [Fri Nov 27 14:00:01 2026] POST /v3/auth/tokens => generated 9 bytes in 90 msecs (HTTP/1.1 201)\n",
		"glance/uwsgi.log":                   "1795755604123 10.77.0.13 \"GET /v2/images/x HTTP/1.1\" 200 2 bytes in 54 ms, [27/Nov/2026:05:00:04 +0000], request req-aaaa-1, by \"curl\"\n",
		"apache2/access.log":                 `10.77.0.1 - - [27/Nov/2026:05:00:03 +0000] "POST /v3/auth/tokens HTTP/1.1" 200` + "\n",
		"libvirt/qemu/instance-00000001.log": "2026-11-27 05:00:09.125+0000: starting up libvirt version: 11.3.0\n",
	})}
	since := time.Date(2026, 11, 27, 5, 0, 1, 5e8, time.UTC)
	a := d.Answer(t.Context(), inventory.Call{Kind: inventory.CallGrep, Since: since, Until: since.Add(10 * time.Second),
		Files: []string{"/var/log/nova/nova-api.log", "/var/log/keystone/keystone.log", "/var/log/apache2/access.log", "/var/log/libvirt/qemu/instance-00000001.log", "/var/log/glance/uwsgi.log", "/var/log/glance/glance-api.log"},
		Match: []string{"req-aaaa-1", "POST /v3/auth/tokens", "starting up libvirt"}})
	var got []string
	for _, l := range a.Lines {
		got = append(got, fmt.Sprintf("%s %t %s", l.At.Format("15:04:05.000"), l.Second, filepath.Base(l.Source)))
	}
	want := []string{"05:00:01.000 true keystone.log", "05:00:02.250 false nova-api.log", "05:00:03.000 true access.log", "05:00:04.123 false uwsgi.log", "05:00:09.125 false instance-00000001.log"}
	if diff := cmp.Diff(want, got); diff != "" || a.Error != "" {
		t.Error(diff, a.Error)
	}
	if len(a.Logs) != 1 || a.Logs[0].Source != "/var/log/glance/glance-api.log" || a.Logs[0].Error == "" {
		t.Errorf("the file that is not there: %+v", a.Logs)
	}
}

// What is found is bounded, and it is said that there was more.
func TestGrepBound(t *testing.T) {
	var b strings.Builder
	for i := range 2000 {
		fmt.Fprintf(&b, "2026-11-27 14:00:02.%03d 700 INFO nova.api [None req-aaaa-1 admin] %s\n", i%1000, strings.Repeat("z", 100))
	}
	d := &Desk{Logs: logDir(t, map[string]string{"nova/nova-api.log": b.String()})}
	a := d.Answer(t.Context(), inventory.Call{Kind: inventory.CallGrep, Since: time.Unix(0, 0), Until: time.Now().AddDate(100, 0, 0), Files: []string{"/var/log/nova/nova-api.log"}, Match: []string{"req-aaaa-1"}})
	size := 0
	for _, l := range a.Lines {
		size += len(l.Text)
	}
	if size > inventory.MaxCallText || size < inventory.MaxCallText/2 || len(a.Logs) != 1 || !a.Logs[0].Cut {
		t.Errorf("%d lines of %d bytes; %+v", len(a.Lines), size, a.Logs)
	}
}
