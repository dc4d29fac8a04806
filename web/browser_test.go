package web_test

import (
	"context"
	"os"
	"os/exec"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
)

// browser is a window of a real browser in whose log nothing may stand.
type browser struct {
	context.Context
	t    *testing.T
	mu   sync.Mutex
	said []string
	fine func(said string) bool // what a test expects in the log; nil for nothing
}

// browsers starts one browser, and returns what opens a window of it.
func browsers(t *testing.T) func(width, height int64) *browser {
	t.Helper()
	path, err := exec.LookPath("chromium")
	if err != nil {
		if os.Getenv("CI") != "" {
			t.Fatal(err)
		}
		t.Skip(err)
	}
	opts := append(chromedp.DefaultExecAllocatorOptions[:], chromedp.ExecPath(path), chromedp.NoSandbox)
	alloc, cancel := chromedp.NewExecAllocator(t.Context(), opts...)
	t.Cleanup(cancel)
	first, cancel := chromedp.NewContext(alloc)
	t.Cleanup(cancel)
	if err := chromedp.Do(first, chromedp.Navigate("about:blank")); err != nil {
		t.Fatal(err)
	}
	return func(width, height int64) *browser {
		t.Helper()
		ctx, cancel := chromedp.NewContext(first)
		t.Cleanup(cancel)
		b := &browser{t: t}
		b.Context, cancel = context.WithTimeout(ctx, 2*time.Minute)
		t.Cleanup(cancel)
		messages := chromedp.Console(b)
		read := make(chan struct{})
		go func() {
			defer close(read)
			for m, err := range messages {
				if err != nil {
					return
				}
				b.mu.Lock()
				b.said = append(b.said, m.String()+" ("+m.URL+")")
				b.mu.Unlock()
			}
		}()
		t.Cleanup(func() {
			cancel()
			<-read
			for _, s := range b.said {
				if b.fine == nil || !b.fine(s) {
					t.Errorf("the browser's log: %s", s)
				}
			}
		})
		b.do("set the window's size", chromedp.EmulateViewport(width, height))
		return b
	}
}

func (b *browser) do(what string, steps ...chromedp.Action[chromedp.Void]) {
	b.t.Helper()
	if err := chromedp.Do(b, steps...); err != nil {
		b.t.Fatalf("%s: %v", what, err)
	}
}

// waits until a JavaScript expression is true.
func (b *browser) waits(what, js string) {
	b.t.Helper()
	if _, err := chromedp.Run(b, chromedp.Poll[bool](js, chromedp.WithPollingTimeout(30*time.Second))); err != nil {
		text, _ := chromedp.Run(b, chromedp.Evaluate[string](`document.body.innerText`))
		b.t.Fatalf("waited for %s: %v; the page says:\n%s", what, err, text)
	}
}

// shot writes a picture of the window into the folder that SHOTS names.
func (b *browser) shot(name string) {
	b.t.Helper()
	dir := os.Getenv("SHOTS")
	if dir == "" {
		return
	}
	png, err := chromedp.Run(b, chromedp.FullScreenshot(100))
	if err == nil {
		err = os.WriteFile(dir+"/"+name+".png", png, 0o644)
	}
	if err != nil {
		b.t.Error(err)
	}
}
