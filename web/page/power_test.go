package page_test

import (
	"testing"
	"time"

	"sandai/inventory"
	"sandai/web/page"
	"sandai/web/webtest"
)

// TestOldLampIsNotShown: what a BMC said before a server changed its state is no
// news of what it is now.
func TestOldLampIsNotShown(t *testing.T) {
	for name, c := range map[string]struct {
		seen time.Duration // after the server's state changed
		want string
	}{"before": {-time.Second, "being asked"}, "after": {time.Second, "off"}} {
		d := page.RackData{Rack: webtest.Rack("demo"), Now: *webtest.At(60)}
		d.Rack.Nodes[0].State, d.Rack.Nodes[0].Since = inventory.Active, *webtest.At(30)
		n := d.Rack.Nodes[0]
		d.Power = map[string]page.Power{n.Name: {State: "off", Seen: n.Since.Add(c.seen)}}
		for _, u := range page.RackPage(d).Units {
			if u.Node.Name == n.Name && u.Power.Word.EN != c.want {
				t.Errorf("%s: the lamp says %q, want %q", name, u.Power.Word.EN, c.want)
			}
		}
	}
}
