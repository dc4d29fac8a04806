package e2e

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"

	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/chromedp"
)

// accessible runs axe-core on the page as it is and fails for each violation.
func (b *browser) accessible(what string) {
	b.Helper()
	b.settled()
	if there, err := eval[bool](b, `typeof axe === "object"`); err != nil || !there {
		source, err := os.ReadFile(filepath.Join("..", "node_modules", "axe-core", "axe.min.js"))
		if err != nil {
			b.Fatalf("axe-core is missing: make assets fetches it: %v", err)
		}
		b.do(chromedp.Evaluate[chromedp.Void](string(source)))
	}
	var out string
	b.wait("axe-core looks at "+what, func() (done bool) { // the page may be drawn again meanwhile
		var err error
		out, err = eval[string](b, `axe.run(document, {resultTypes: ["violations"]}).then((r) => JSON.stringify(r.violations.map((v) => (
			{ID: v.id, Help: v.help, Nodes: v.nodes.map((n) => n.html.slice(0, 300) + " — " + n.failureSummary)}))))`)
		return err == nil
	})
	var violations []struct {
		ID, Help string
		Nodes    []string
	}
	if err := json.Unmarshal([]byte(out), &violations); err != nil {
		b.Fatal(err)
	}
	for _, v := range violations {
		b.Errorf("axe-core on %s: %s: %s\n  %s", what, v.ID, v.Help, strings.Join(v.Nodes[:min(len(v.Nodes), 4)], "\n  "))
	}
}

// picture is the whole page as a PNG.
func (b *browser) picture() []byte {
	b.Helper()
	whole := true
	return call(b, page.CaptureScreenshot, page.CaptureScreenshotParams{Format: page.CaptureScreenshotFormatPng, CaptureBeyondViewport: &whole}).Data
}
