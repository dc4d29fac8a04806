package e2e

import "github.com/chromedp/chromedp/kb"

func (s *story) rackPage(b *browser) {
	b.open("/")
	b.at(s.url())
	for _, n := range []string{"controller-1", "network-1", "compute-1"} {
		b.has("[data-units] li", n)
	}
	b.has("[data-newcomers] li", "52:54:00") // as soon as it has asked for an address
	b.accessible("the rack")

	b.follow("[data-units] a", "compute-1", ".*node=compute-1.*")
	b.accessible("the drawer")
	for _, tab := range []string{"facts", "bmc", "network", "history", "console"} {
		b.follow(`.tabs a[href*="tab=`+tab+`"]`, "", ".*tab="+tab+".*")
		b.accessible("the tab " + tab)
	}
	b.click("[data-close]", "")
	b.hasNot("[data-drawer]", "")

	// Power, by the page: the BMC is asked, and the lamp follows.
	b.open(s.url() + "?node=compute-1&tab=bmc")
	b.click(`#power button[value="on"]`, "")
	b.has(".drawer .power, .drawer dd", "on")
	b.fill(`#power input[name="confirm"]`, "compute-1")
	b.click(`#power button[value="off"]`, "")
	b.has(".drawer .power, .drawer dd", "off")
}

// keyboard goes through the rack without a mouse.
func (s *story) keyboard(b *browser) {
	b.open(s.url())
	b.press(kb.Tab)
	b.until("the first stop is the way past the header", `document.activeElement.matches("a.skip")`)
	b.press(kb.Enter)
	b.until("it leads to the content", `document.activeElement.id === "main"`)
	b.press(kb.ArrowDown, kb.ArrowDown)
	b.until("an arrow walks along the servers", `document.activeElement.closest("[data-units] li")`)
	name, err := eval[string](b, `document.activeElement.closest("[data-node]").dataset.node`)
	if err != nil {
		b.fatal("which server has the focus: %v", err)
	}
	b.press(kb.Enter)
	b.at(".*node=" + name + ".*")
	b.has("[data-drawer] h2", name)
	b.until("the focus is on its unit still", `document.activeElement.closest("[data-node]")?.dataset.node === "`+name+`"`)
	b.press(" ") // out of the choice
	b.hasNot("[data-drawer]", "")
	b.press(" ")
	b.has("[data-drawer] h2", name)
	b.press(kb.Escape)
	b.hasNot("[data-drawer]", "")
}

func (s *story) language(b *browser) {
	b.open(s.url())
	b.click("header a.tool", "日本語")
	b.until("the page is Japanese", `document.documentElement.lang === "ja"`)
	b.see("ラックをインストール")
	b.accessible("the rack in Japanese")
	b.open(s.url() + "/runs") // and it stays so
	b.until("the page is Japanese", `document.documentElement.lang === "ja"`)
	b.click("header a.tool", "English")
	b.until("the page is English", `document.documentElement.lang === "en"`)

	// A browser that asks for Japanese gets it, who has not chosen.
	other := b.another()
	other.prefers("light", "ja,en")
	other.open("/login")
	other.until("the sign-in is Japanese", `document.documentElement.lang === "ja"`)
	other.accessible("sign-in in Japanese")
}
