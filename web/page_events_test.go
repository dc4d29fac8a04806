package web

import (
	"fmt"
	"regexp"
	"strings"
	"testing"

	"sandai/inventory"
	"sandai/web/webtest"
)

// TestEventsArePaged: every event is on exactly one page, the newest first.
func TestEventsArePaged(t *testing.T) {
	m := webtest.New()
	m.AddRack(webtest.Rack("demo"))
	run := m.AddRun(inventory.Run{RackID: 1, Rack: "demo", State: inventory.RunDone, Created: webtest.T0, Ended: webtest.At(80)}, nil)
	for i := range 2*eventsOnPage + 5 {
		m.AddEvent(inventory.Event{Time: webtest.T0, Type: inventory.EventStep, Node: "compute-1", RunID: &run, Step: "compute-1/compute/nova.conf", Text: fmt.Sprint("number ", i+1)})
	}
	m.AddEvent(inventory.Event{Time: webtest.T0, Type: inventory.EventPower, Node: "network-1", Text: "network-1 is on"})
	h := pagesFor(m, inventory.Viewer)
	item, next := regexp.MustCompile(`id="event-(\d+)"`), regexp.MustCompile(`rel="next" href="([^"]+)"`)
	path, last, pages := "/events", 1<<30, 0
	seen := map[string]bool{}
	for path != "" {
		w := browse(h, "GET", path, nil)
		if w.Code != 200 {
			t.Fatalf("%s: %d %s", path, w.Code, w.Body)
		}
		for _, found := range item.FindAllStringSubmatch(w.Body.String(), -1) {
			var id int
			if _, err := fmt.Sscan(found[1], &id); err != nil || id >= last || seen[found[1]] {
				t.Fatalf("event %s after %d: %v", found[1], last, err)
			}
			last, seen[found[1]] = id, true
		}
		path = ""
		if found := next.FindStringSubmatch(w.Body.String()); found != nil {
			path = strings.ReplaceAll(found[1], "&amp;", "&")
		}
		pages++
	}
	if len(seen) != 2*eventsOnPage+6 || pages != 3 {
		t.Errorf("%d events on %d pages", len(seen), pages)
	}
	w := browse(h, "GET", "/events?q=NUMBER+7&node=compute-1&type=step", nil).Body.String()
	if !strings.Contains(w, ">number 7<") || strings.Contains(w, "network-1 is on") || !strings.Contains(w, `href="/racks/demo?node=compute-1"`) || !strings.Contains(w, `href="/racks/demo/runs/1?step=compute-1%2Fcompute%2Fnova.conf"`) {
		t.Errorf("a search: %s", w)
	}
	if w := browse(h, "GET", "/events?before=x", nil); w.Code != 200 || !strings.Contains(w.Body.String(), "network-1 is on") {
		t.Errorf("a page that is no number: %d", w.Code)
	}
}
