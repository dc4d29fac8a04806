package e2e

import (
	"bytes"
	"crypto/rand"
	"encoding/json"
	"flag"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"sandai/inventory"
)

var (
	pictures = flag.String("pictures", "", "a folder for pictures of each page")
	stateDir = flag.String("of", "", "the state directory of a running appliance: the pictures are of it, else of a rack of stand-ins; TestRackFromPage and TestReprovision work on it")
)

// TestPictures takes a picture of each page, on a desk and on a phone, in the
// light and in the dark, and of the most important ones in Japanese.
func TestPictures(t *testing.T) {
	if *pictures == "" {
		t.Skip("it makes pictures: make screenshots")
	}
	if err := os.MkdirAll(*pictures, 0o755); err != nil {
		t.Fatal(err)
	}
	var b *browser
	var racks []inventory.Rack
	if *stateDir != "" {
		b, racks = visit(t, *stateDir)
	} else {
		b, racks = installedStandIns(t)
	}
	if len(racks) == 0 {
		t.Fatal("the appliance has no rack: make rack first")
	}
	for _, p := range pagesOf(t, b, racks[0]) {
		if *stateDir != "" && forAdmins[p.name] {
			continue
		}
		b.takeAll(p.name, p.path)
	}
}

// takeAll takes a page's pictures. How long each page took until it showed
// something goes into paint.json beside them.
func (b *browser) takeAll(name, path string) {
	b.Helper()
	paints := map[string]float64{}
	for _, w := range []struct {
		name          string
		width, height int64
	}{{"desk", 1440, 900}, {"phone", 390, 844}} {
		for _, scheme := range []string{"light", "dark"} {
			b.window(w.width, w.height)
			b.prefers(scheme, "en")
			b.open(path)
			picture := fmt.Sprintf("%s-%s-%s", name, w.name, scheme)
			b.save(picture)
			paints[picture] = b.firstPaint()
		}
	}
	b.window(1440, 900)
	b.prefers("light", "en")
	inLang := func(lang string) string {
		return path + map[bool]string{true: "&", false: "?"}[strings.Contains(path, "?")] + "lang=" + lang
	}
	b.open(inLang("ja"))
	b.save(name + "-desk-light-ja")
	paints[name+"-desk-light-ja"] = b.firstPaint()
	b.notePaints(paints)
	b.open(inLang("en"))
}

// firstPaint is how many milliseconds after the navigation began the browser drew
// the first text or picture of the page that it is at (W3C Paint Timing, 4.2).
func (b *browser) firstPaint() float64 {
	b.Helper()
	b.until("something is drawn", `performance.getEntriesByName("first-contentful-paint").length === 1`)
	ms, err := eval[float64](b, `performance.getEntriesByName("first-contentful-paint")[0].startTime`)
	if err != nil {
		b.Fatal(err)
	}
	return ms
}

func (b *browser) notePaints(paints map[string]float64) {
	b.Helper()
	file := filepath.Join(*pictures, "paint.json")
	all := map[string]float64{}
	if have, err := os.ReadFile(file); err == nil {
		if err := json.Unmarshal(have, &all); err != nil {
			b.Fatal(err)
		}
	}
	maps.Copy(all, paints)
	out, err := json.MarshalIndent(all, "", "  ")
	if err != nil {
		b.Fatal(err)
	}
	if err := os.WriteFile(file, out, 0o644); err != nil {
		b.Fatal(err)
	}
}

func (b *browser) save(name string) {
	b.Helper()
	b.until("the fonts are there", `document.fonts.status === "loaded"`)
	b.until("what the page asks for is answered", `![...document.querySelectorAll("main small")].some(e => e.textContent.startsWith("◔"))`)
	b.until("a console shows what the server said", `[...document.querySelectorAll(".xterm-rows")].every(e => e.textContent.trim() !== "")`)
	if err := os.WriteFile(filepath.Join(*pictures, name+".png"), b.picture(), 0o644); err != nil {
		b.Fatal(err)
	}
}

type pictured struct{ name, path string }

// forAdmins are pages that visit's user does not see. It is no admin, because the
// last admin cannot be removed again.
var forAdmins = map[string]bool{"users": true, "audit": true}

// pagesOf lists the pages of a rack, with its latest run and a step of it.
func pagesOf(t *testing.T, b *browser, rack inventory.Rack) []pictured {
	t.Helper()
	url := "/racks/" + rack.Name
	out := []pictured{{"rack", url}, {"preview", url + "/preview"}, {"runs", url + "/runs"}, {"cloud", url + "/cloud"}, {"first", "/first"},
		{"images", "/images"}, {"events", "/events"}, {"settings", "/settings"}, {"appliance", "/settings/appliance"}, {"users", "/settings/users"}, {"audit", "/settings/audit"}}
	if n := len(rack.Nodes); n > 0 {
		node := rack.Nodes[0].Name
		for _, tab := range []string{"now", "facts", "bmc", "network", "history", "console"} {
			out = append(out, pictured{"node-" + tab, url + "?node=" + node + "&tab=" + tab})
		}
		out = append(out, pictured{"role", url + "/nodes/" + rack.Nodes[n-1].Name + "/role"})
	}
	for _, n := range rack.Nodes {
		if n.Role == inventory.Compute && n.State == inventory.Active {
			out = append(out, pictured{"release", url + "/nodes/" + n.Name + "/release"})
		}
		if n.Role == inventory.NetworkRole && n.State == inventory.Active {
			out = append(out, pictured{"reinstall", url + "/nodes/" + n.Name + "/reinstall"})
		}
	}
	b.open(url + "/runs")
	run, err := eval[string](b, `(document.querySelector("main table a")?.getAttribute("href") ?? "").split("?")[0]`)
	if err != nil {
		t.Fatal(err)
	}
	if run != "" {
		b.open(run)
		step, err := eval[string](b, `document.querySelector("table.steps tr.changed a, table.steps a")?.getAttribute("href") ?? ""`)
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, pictured{"run", run})
		if step != "" {
			out = append(out, pictured{"step", run + strings.Split(step, "#")[0]})
		}
	}
	return out
}

// visit signs in to a running appliance as a user made for the pictures.
func visit(t *testing.T, state string) (*browser, []inventory.Rack) {
	t.Helper()
	bin := filepath.Join("..", "bin", "appliance")
	cli := func(stdin string, args ...string) string {
		cmd := exec.CommandContext(t.Context(), bin, append([]string{"--state", state}, args...)...)
		var out, errs bytes.Buffer
		cmd.Stdin, cmd.Stdout, cmd.Stderr = strings.NewReader(stdin), &out, &errs
		if err := cmd.Run(); err != nil {
			t.Fatalf("appliance %s: %v\n%s", strings.Join(args, " "), err, errs.String())
		}
		return out.String()
	}
	pass := rand.Text()
	cli(pass+"\n", "user", "add", "pictures", "--role", "operator")
	t.Cleanup(func() {
		if out, err := exec.Command(bin, "--state", state, "user", "remove", "pictures").CombinedOutput(); err != nil { // the test's context is over
			t.Errorf("remove the user: %v\n%s", err, out)
		}
	})
	url, err := os.ReadFile(filepath.Join(state, "url"))
	if err != nil {
		t.Fatal(err)
	}
	b := newBrowser(t, strings.TrimSpace(string(url)))
	b.open("/login")
	b.takeAll("login", "/login")
	b.signIn("pictures", pass)
	b.at("/racks/.*")
	var racks []inventory.Rack
	if err := json.Unmarshal([]byte(cli("", "rack", "list", "--json")), &racks); err != nil {
		t.Fatal(err)
	}
	return b, racks
}

// installedStandIns is a rack of stand-ins with one newcomer, installed.
func installedStandIns(t *testing.T) (*browser, []inventory.Rack) {
	t.Helper()
	r := newStandIns(t, 1)
	r.serve()
	b := newBrowser(t, r.rack.URL())
	b.takeAll("setup", r.setupPath())
	b.firstUser(r)
	b.takeAll("empty", "/")
	r.cli("rack", "import", r.plainDebian())
	r.cli("rack", "install")
	r.runEnds()
	return b, []inventory.Rack{r.rackState()}
}
