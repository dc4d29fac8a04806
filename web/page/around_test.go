package page_test

import (
	"testing"
	"time"

	"sandai/inventory"
	"sandai/web/page"
	"sandai/web/webtest"
)

// viewAs is a frame around a page that is about no rack.
func viewAs(section, url string, role inventory.UserRole) page.Frame {
	return page.Frame{URL: url, Title: page.Both(section), Section: section, Rack: "demo", Racks: []string{"demo"}, Who: "ann", Role: string(role), Status: page.StatusOf(nil)}
}

func image(name string) inventory.Image {
	return inventory.Image{Name: name, Format: "raw", Digest: "0123456789abcdef0123", Size: 512e6, RawSize: 1500e6, Compression: "zstd", Built: webtest.T0, Seconds: 83}
}

func TestImagesPage(t *testing.T) {
	names := []string{"deploy-kernel", "base", "role-controller", "guest-tiny"}
	active := inventory.ImageBuild{By: "ann", Active: true, Started: webtest.At(0),
		Images: []inventory.ImageWork{{Image: "deploy-kernel", State: inventory.ImageKept, Started: webtest.T0}, {Image: "base", State: inventory.ImageBuilding, Phase: "unpack the packages", Started: *webtest.At(2)}},
		Output: []inventory.ImageWords{{Image: "base", Line: "== unpack the packages"}, {Image: "base", Line: "I: installing <remaining> packages..."}}}
	failed := inventory.ImageBuild{Names: []string{"base"}, Started: webtest.At(0), Ended: webtest.At(1), Error: "images are made in chroots, which only root may do: run it with sudo"}
	for name, c := range map[string]struct {
		d    page.ImagesData
		role inventory.UserRole
	}{
		"images-none":   {page.ImagesData{Names: names, Now: webtest.T0}, inventory.Operator},
		"images-active": {page.ImagesData{Names: names, Images: []inventory.Image{image("deploy-kernel"), image("role-storage")}, Build: active, Now: *webtest.At(62)}, inventory.Operator},
		"images-failed": {page.ImagesData{Names: names, Images: []inventory.Image{image("base")}, Build: failed, Now: *webtest.At(62)}, inventory.Viewer},
	} {
		t.Run(name, func(t *testing.T) {
			golden(t, name, "images", viewAs("images", "/images", c.role), page.ImagesPage(c.d))
		})
	}
}

func TestEventsPage(t *testing.T) {
	run := uint(2)
	d := page.EventsData{Racks: []inventory.Rack{webtest.Rack("demo")}, Runs: map[uint]string{2: "demo"}, More: true, Events: []inventory.Event{
		{ID: 9, Time: *webtest.At(9), Type: inventory.EventStep, RunID: &run, Node: "controller-1", Step: "controller-1/identity/keystone.sync", Text: "keystone.sync is done"},
		{ID: 8, Time: *webtest.At(8), Type: inventory.EventRun, RunID: &run, Text: "run 2 began"},
		{ID: 5, Time: *webtest.At(5), Type: "console.taken", Node: "gone-1", MAC: "52:54:00:77:00:09", Text: "a type <of> later"},
	}}
	filtered := d
	filtered.Query = inventory.EventQuery{Text: "key", Type: inventory.EventStep, Before: 10}
	odd := page.EventsData{Query: inventory.EventQuery{Type: "odd"}}
	for name, d := range map[string]page.EventsData{"events": d, "events-filtered": filtered, "events-nothing": odd, "events-none": {}} {
		t.Run(name, func(t *testing.T) {
			golden(t, name, "events", viewAs("events", "/events", inventory.Viewer), page.EventsPage(d))
		})
	}
}

func TestSettingsPages(t *testing.T) {
	later := webtest.T0.Add(24 * time.Hour)
	token := inventory.Token{ID: 3, Owner: "ann", Name: "ci", Role: inventory.Operator, Created: webtest.T0, Expires: &later}
	for name, c := range map[string]struct {
		d    page.SettingsData
		role inventory.UserRole
	}{
		"settings-viewer":    {page.SettingsData{Tab: "account", Name: "eve", User: true}, inventory.Viewer},
		"settings-made":      {page.SettingsData{Tab: "account", Name: "ann", User: true, Tokens: []inventory.Token{token, {ID: 1, Name: inventory.LocalCommand, Role: inventory.Admin, Created: webtest.T0, Used: &later}}, Made: &token, MadeText: "the-token-itself"}, inventory.Admin},
		"settings-users":     {page.SettingsData{Tab: "users", Name: "ann", Done: "added", Users: []inventory.User{{Name: "ann", Role: inventory.Admin, Created: webtest.T0, SignedIn: &later}, {Name: "bob", Role: inventory.Viewer, Created: webtest.T0}}}, inventory.Admin},
		"settings-audit":     {page.SettingsData{Tab: "audit", More: true, Audit: []inventory.AuditEntry{{ID: 8, Time: later, Who: "ann", Via: "session", Method: "POST", Path: "/racks/demo/power", Summary: "Switch power", Address: "10.0.0.9", Status: 303}, {ID: 7, Time: later, Method: "POST", Path: "/login", Summary: "Sign in", Address: "10.0.0.66", Status: 401}, {ID: 6, Time: later, Who: "bob", Via: "token ci", Method: "POST", Path: "/x", Address: "10.0.0.9", Status: 500}, {ID: 5, Time: later, Who: "bob", Method: "POST", Path: "/y"}}}, inventory.Admin},
		"settings-appliance": {page.SettingsData{Tab: "appliance", About: page.About{Version: "abc", State: "/var/lib/sandai", Cache: "/var/cache/sandai", Fingerprint: "AB:CD"}, Racks: []string{"demo"}}, inventory.Viewer},
	} {
		t.Run(name, func(t *testing.T) {
			c.d.Role, c.d.Min = string(c.role), 15
			golden(t, name, "settings", viewAs("settings", "/settings", c.role), page.SettingsPage(c.d))
		})
	}
}
