package e2e

import (
	"encoding/json"
	"fmt"
	"regexp"
	"time"

	"github.com/chromedp/cdproto/input"
	"github.com/chromedp/chromedp"
)

// What a person does and sees. Each waits for a state of the page, and none for
// a time.

// text is what a person reads on the page.
func (b *browser) text() string {
	out, _ := eval[string](b, `document.body ? document.body.innerText : ""`)
	return out
}

// until waits until an expression is true.
func (b *browser) until(what, js string) {
	b.Helper()
	b.wait(what, func() bool {
		ok, err := eval[bool](b, "Boolean("+js+")")
		return err == nil && ok
	})
}

// seeWithin is how long a page may take to show something, on a busy host.
const seeWithin = 2 * time.Minute

// wait polls a condition; it fails the test when it does not become true.
func (b *browser) wait(what string, done func() bool) {
	b.Helper()
	end := time.NewTimer(seeWithin)
	defer end.Stop()
	for t := time.NewTicker(30 * time.Millisecond); !done(); {
		select {
		case <-end.C:
			t.Stop()
			b.fatal("after %s still not so: %s", seeWithin, what)
		case <-t.C:
		}
	}
}

// open goes to a path of the appliance, as typed into the address bar.
func (b *browser) open(path string) {
	b.Helper()
	b.do(chromedp.Navigate(b.base + path))
	b.settled()
}

// settled waits until the page is there and htmx has nothing under way.
func (b *browser) settled() {
	b.Helper()
	b.until("the page is at rest", `document.readyState === "complete" && !document.querySelector(".htmx-request, .htmx-swapping, .htmx-settling")`)
}

// at waits until the address matches a pattern, which is anchored at both ends.
func (b *browser) at(pattern string) {
	b.Helper()
	p := regexp.MustCompile("^" + pattern + "$")
	b.wait("the address is "+pattern, func() bool {
		where, err := eval[string](b, "location.pathname + location.search")
		return err == nil && p.MatchString(where)
	})
	b.settled()
}

// see waits until a text is on the page.
func (b *browser) see(text string) {
	b.Helper()
	b.until(fmt.Sprintf("%q is to be read", text), fmt.Sprintf("document.body.innerText.includes(%s)", quote(text)))
}

// find is the first visible element that fits the selector and holds the text.
func find(selector, text string) string {
	return fmt.Sprintf(`[...document.querySelectorAll(%s)].find((e) => e.getClientRects().length > 0 && e.textContent.includes(%s))`, quote(selector), quote(text))
}

// has waits until a visible element fits the selector and holds the text.
func (b *browser) has(selector, text string) {
	b.Helper()
	b.until(fmt.Sprintf("there is %s with %q", selector, text), find(selector, text))
}

// hasNot waits until no visible element fits.
func (b *browser) hasNot(selector, text string) {
	b.Helper()
	b.until(fmt.Sprintf("there is no %s with %q", selector, text), "!("+find(selector, text)+")")
}

// click waits for the element and presses the mouse on it, like a person: it has
// to be visible, enabled, and nothing may lie over it. A page that is drawn anew just
// then may move it away from under the mouse: that is tried again.
func (b *browser) click(selector, text string) {
	b.Helper()
	type place struct {
		X, Y float64
		Why  string
	}
	b.wait(fmt.Sprintf("%s with %q can be clicked", selector, text), func() bool {
		at, err := eval[place](b, fmt.Sprintf(`(() => {
			const e = %s;
			if (!e) return {Why: "it is not there"};
			if (e.disabled) return {Why: "it is disabled: " + e.title};
			e.scrollIntoView({block: "center", inline: "center", behavior: "instant"});
			const r = e.getClientRects()[0], x = r.left + r.width / 2, y = r.top + r.height / 2;
			const top = document.elementFromPoint(x, y);
			const hits = (t) => e.contains(t) || [...(e.labels || [])].some((l) => l.contains(t));
			if (!top || !hits(top)) return {Why: "something lies over it"};
			window.clickOfTest = "missed";
			document.addEventListener("mousedown", (ev) => { if (hits(ev.target)) window.clickOfTest = "hit"; }, {capture: true, once: true});
			return {X: x, Y: y, Why: ""};
		})()`, find(selector, text)))
		if err != nil || at.Why != "" {
			return false
		}
		b.do(chromedp.MouseClickXY(at.X, at.Y))
		missed, err := eval[bool](b, `window.clickOfTest === "missed"`) // on another page there is no such thing
		return err != nil || !missed
	})
}

// follow clicks and waits until the address matches.
func (b *browser) follow(selector, text, pattern string) {
	b.Helper()
	b.click(selector, text)
	b.at(pattern)
}

// fill clicks into a field, and types in place of what is there.
func (b *browser) fill(selector, text string) {
	b.Helper()
	b.click(selector, "")
	b.until("the field has the focus", fmt.Sprintf(`document.activeElement.matches(%s)`, quote(selector)))
	b.do(chromedp.Evaluate[chromedp.Void](`document.activeElement.select()`))
	call(b, input.InsertText, input.InsertTextParams{Text: text})
	b.until("the field holds what was typed", fmt.Sprintf(`document.activeElement.value === %s`, quote(text)))
}

// choose picks an option of a select.
func (b *browser) choose(selector, value string) {
	b.Helper()
	b.has(selector, "")
	ok, err := eval[bool](b, fmt.Sprintf(`(() => {
		const s = document.querySelector(%s);
		s.value = %s;
		for (const e of ["input", "change"]) s.dispatchEvent(new Event(e, {bubbles: true}));
		return s.value === %[2]s;
	})()`, quote(selector), quote(value)))
	if err != nil || !ok {
		b.fatal("%s has no option %q: %v", selector, value, err)
	}
}

// upload puts a file into a file input.
func (b *browser) upload(selector, path string) {
	b.Helper()
	b.do(chromedp.SetUploadFiles(selector, []string{path}))
}

// press types keys; package kb names those without a character.
func (b *browser) press(keys ...string) {
	b.Helper()
	for _, k := range keys {
		b.do(chromedp.KeyEvent(k))
	}
}

func quote(s string) string {
	b, _ := json.Marshal(s) // never fails for a string
	return string(b)
}
