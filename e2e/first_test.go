package e2e

import (
	"os"
	"path/filepath"
	"regexp"
)

// password of the users that the tests make.
const password = "three machines, one cloud"

// setupPath is the path of the URL that serve printed for the first user.
func (r *rig) setupPath() string {
	r.Helper()
	b, err := os.ReadFile(filepath.Join(r.dir, "appliance.log"))
	if err != nil {
		r.Fatal(err)
	}
	m := regexp.MustCompile(`https://\S+?(/setup\?code=\S+)`).FindSubmatch(b)
	if m == nil {
		r.Fatalf("serve printed no URL for the first user:\n%s", last(string(b), 1000))
	}
	return string(m[1])
}

// firstUser makes the administrator through the page, as its first visitor does.
func (b *browser) firstUser(r *rig) {
	b.Helper()
	b.open(r.setupPath())
	b.fill("#password", password)
	b.fill("#again", password)
	b.click("button.primary", "")
	b.at("/(racks/.*)?")
}

// signIn signs a user in.
func (b *browser) signIn(name, pass string) {
	b.Helper()
	b.open("/login")
	b.fill("#name", name)
	b.fill("#password", pass)
	b.click("button.primary", "")
}

func (s *story) firstStart(b *browser) {
	// Without the code there is no way in.
	b.excuse(`4\d\d.*/setup`)
	b.open("/setup?code=WRONG")
	b.fill("#password", password)
	b.fill("#again", password)
	b.click("button.primary", "")
	b.has("[role=alert]", "code")
	b.accessible("first start, refused")

	b.open(s.setupPath())
	b.accessible("first start")
	b.firstUser(s.rig)
	b.see("No rack yet")
	b.accessible("no rack")
	// The rack comes from elsewhere, and the page finds it by itself.
	s.cli("rack", "import", s.plainDebian())
	b.has("[data-units] li", "controller-1")
}
