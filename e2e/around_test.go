package e2e

import "strconv"

func itoa(n uint) string { return strconv.FormatUint(uint64(n), 10) }

// around visits the pages beside the rack.
func (s *story) around(b *browser) {
	for _, p := range []struct{ path, text string }{
		{"/images", "deploy-ramdisk"},
		{"/events", "done"},
		{"/events?q=installed", "installed"},
		{"/settings", "Password"},
		{"/settings/users", "admin"},
		{"/settings/audit", "Make the first user"},
	} {
		b.open(p.path)
		b.see(p.text)
		b.accessible(p.path)
	}
	b.window(390, 844)
	for _, path := range []string{s.url(), s.url() + "?node=compute-1", s.runURL(s.runs()[0]), "/events", "/settings"} {
		b.open(path)
		b.accessible(path + " on a phone")
		wide, err := eval[string](b, `(() => {
			const width = document.documentElement.clientWidth;
			if (document.documentElement.scrollWidth <= width) return "";
			return [...document.querySelectorAll("body *")].filter((e) => e.getBoundingClientRect().right > width && !e.closest(".wide, .scroll"))
				.map((e) => e.outerHTML.slice(0, 160)).join("\n") || "something";
		})()`)
		if err != nil || wide != "" {
			b.Errorf("%s does not fit a phone's width (%v):\n%s", path, err, wide)
		}
	}
	b.prefers("dark", "en")
	b.open(s.url())
	b.accessible("the rack in the dark, on a phone")
	b.window(1440, 900)
	for _, path := range []string{s.url() + "?node=compute-1&tab=bmc", s.url() + "/preview", s.runURL(s.runs()[0]), "/images", "/events", "/settings/users"} {
		b.open(path)
		b.accessible(path + " in the dark")
	}
	b.prefers("light", "en")
}
