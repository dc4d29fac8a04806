package web

import (
	"net/url"
	"strings"
	"testing"

	"sandai/inventory"
	"sandai/web/webtest"
)

func TestImagesAreBuiltFromThePage(t *testing.T) {
	m := webtest.New()
	m.Works = webtest.Works{Names: []string{"base", "guest-tiny"}, Images: []inventory.Image{{Name: "base", Digest: "0123456789abcdef", Size: 5e8}}}
	h := pagesFor(m, inventory.Operator)
	if w := browse(h, "GET", "/images", nil); w.Code != 200 || !strings.Contains(w.Body.String(), "0123456789ab<") || !strings.Contains(w.Body.String(), "not built yet") {
		t.Fatalf("the list: %d %s", w.Code, w.Body)
	}
	if w := browse(h, "POST", "/images/build", url.Values{"what": {"chosen"}}); w.Code != 422 || m.LatestBuild(t.Context()).Active || w.Header().Get("HX-Push-Url") != "/images" {
		t.Errorf("none chosen: %d %v", w.Code, w.Header())
	}
	if w := browse(h, "POST", "/images/build", url.Values{"what": {"chosen"}, "name": {"guest-tiny"}}); w.Code != 303 || strings.Join(m.LatestBuild(t.Context()).Names, ",") != "guest-tiny" {
		t.Fatalf("one chosen: %d, %+v", w.Code, m.LatestBuild(t.Context()))
	}
	if w := browse(h, "POST", "/images/build", url.Values{"what": {"all"}}); w.Code != 409 || !strings.Contains(w.Body.String(), "wait for it or stop it") {
		t.Errorf("while one is under way: %d %s", w.Code, w.Body)
	}
	if w := browse(h, "POST", "/images/stop", url.Values{}); w.Code != 303 || m.LatestBuild(t.Context()).Active {
		t.Errorf("stop: %d", w.Code)
	}
	if w := browse(h, "POST", "/images/build", url.Values{"what": {"all"}, "name": {"base"}}); w.Code != 303 || len(m.LatestBuild(t.Context()).Names) != 0 {
		t.Errorf("all: %d, %+v", w.Code, m.LatestBuild(t.Context()))
	}
	v := pagesFor(m, inventory.Viewer)
	if w := browse(v, "GET", "/images", nil); w.Code != 200 || strings.Contains(w.Body.String(), ">Build all") {
		t.Errorf("a viewer: %d %s", w.Code, w.Body)
	}
	for _, path := range []string{"/images/build", "/images/stop"} {
		if w := browse(v, "POST", path, url.Values{"what": {"all"}}); w.Code != 403 {
			t.Errorf("a viewer at %s: %d", path, w.Code)
		}
	}
}
