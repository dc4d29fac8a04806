package e2e

import (
	"context"
	"crypto/sha256"
	"crypto/tls"
	"encoding/base64"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	clog "github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
)

var (
	headful = flag.Bool("headful", false, "show the browser's window")
	goOn    = flag.Bool("go-on", false, "go on with the parts of the page after one that failed")
)

// browser is one tab of Debian's chromium with cookies of its own. What the
// browser complains of fails the test: an exception, an error on its console, a
// request that failed or was refused, unless a test said that it comes.
type browser struct {
	*testing.T
	ctx  context.Context
	base string // "https://127.0.0.1:8081"

	mu      sync.Mutex
	faults  []string
	excused []*regexp.Regexp
}

// newBrowser starts a browser that knows the appliance at base by its key, as one
// does whose user has imported the CA.
func newBrowser(t *testing.T, base string) *browser {
	t.Helper()
	base = strings.TrimSuffix(base, "/")
	path, err := exec.LookPath("chromium")
	if err != nil {
		t.Fatal("chromium is missing: make deps installs it")
	}
	opts := append(slices.Clone(chromedp.DefaultExecAllocatorOptions[:]),
		chromedp.ExecPath(path), chromedp.UserDataDir(t.TempDir()), chromedp.Flag("no-sandbox", os.Geteuid() == 0),
		chromedp.Flag("disable-gpu", true), chromedp.Flag("disable-quic", true), chromedp.Flag("disable-component-update", true),
		chromedp.Flag("proxy-server", "direct://"), chromedp.Flag("hide-scrollbars", true), chromedp.Flag("lang", "en-US"),
		chromedp.Flag("ignore-certificate-errors-spki-list", keyDigest(t, base)),
	)
	if *headful {
		opts = append(opts, chromedp.VisibleWindow)
	}
	alloc, cancel := chromedp.NewExecAllocator(context.Background(), opts...)
	t.Cleanup(cancel)
	first, cancel := chromedp.NewContext(alloc)
	t.Cleanup(func() {
		_ = chromedp.Cancel(first) // waits until the browser is gone
		cancel()
	})
	if err := chromedp.Do(first); err != nil {
		t.Fatalf("start chromium: %v", err)
	}
	return tab(t, first, base)
}

// keyDigest is the digest of the key that the appliance serves with.
func keyDigest(t *testing.T, base string) string {
	t.Helper()
	c, err := tls.Dial("tcp", strings.TrimPrefix(base, "https://"), &tls.Config{InsecureSkipVerify: true}) // to learn the key is the point
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	sum := sha256.Sum256(c.ConnectionState().PeerCertificates[0].RawSubjectPublicKeyInfo)
	return base64.StdEncoding.EncodeToString(sum[:])
}

func tab(t *testing.T, parent context.Context, base string) *browser {
	t.Helper()
	b := &browser{T: t, base: base}
	var cancel context.CancelFunc
	b.ctx, cancel = chromedp.NewContext(parent, chromedp.WithNewBrowserContext(), chromedp.WithListener(b.listen))
	t.Cleanup(cancel)
	if err := chromedp.Do(b.ctx); err != nil {
		t.Fatalf("open a tab: %v", err)
	}
	call(b, network.Enable, network.EnableParams{})
	b.window(1440, 900)
	b.prefers("light", "en")
	t.Cleanup(b.noFaults)
	return b
}

// another is a tab of the same browser with cookies of its own: another person.
func (b *browser) another() *browser {
	b.Helper()
	return tab(b.T, b.ctx, b.base)
}

// with is the same tab for a subtest.
func (b *browser) with(t *testing.T, f func(*browser)) {
	t.Helper()
	old := b.T
	defer func() { b.T = old }()
	b.T = t
	f(b)
	b.noFaults()
}

// listen collects what the browser complains of.
func (b *browser) listen(ev any) {
	switch ev := ev.(type) {
	case *runtime.EventExceptionThrown:
		text := ev.ExceptionDetails.Text
		if ev.ExceptionDetails.Exception != nil {
			text += " " + ev.ExceptionDetails.Exception.Description
		}
		b.fault("exception: %s", text)
	case *runtime.EventConsoleAPICalled:
		switch ev.Type {
		case runtime.ConsoleAPICalledTypeError, runtime.ConsoleAPICalledTypeWarning, runtime.ConsoleAPICalledTypeAssert:
			var words []string
			for _, a := range ev.Args {
				words = append(words, string(a.Value)+a.Description)
			}
			b.fault("console %s: %s", ev.Type, strings.Join(words, " "))
		}
	case *clog.EventEntryAdded:
		if ev.Entry.Level == clog.EntryLevelError || ev.Entry.Level == clog.EntryLevelWarning {
			b.fault("log %s: %s %s", ev.Entry.Level, ev.Entry.Text, ev.Entry.URL)
		}
	case *network.EventResponseReceived:
		if ev.Response.Status >= 400 {
			b.fault("response %d: %s", ev.Response.Status, ev.Response.URL)
		}
	case *network.EventLoadingFailed:
		// A request that a navigation cuts off is no fault.
		if !ev.Canceled && ev.ErrorText != "net::ERR_ABORTED" {
			b.fault("failed %s: %s", ev.Type, ev.ErrorText)
		}
	}
}

func (b *browser) fault(format string, args ...any) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.faults = append(b.faults, fmt.Sprintf(format, args...))
}

// excuse says that complaints which match are meant to come.
func (b *browser) excuse(pattern string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.excused = append(b.excused, regexp.MustCompile(pattern))
}

// noFaults fails the test for each complaint since the last look.
func (b *browser) noFaults() {
	b.Helper()
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, f := range b.faults {
		if !slices.ContainsFunc(b.excused, func(x *regexp.Regexp) bool { return x.MatchString(f) }) {
			b.Errorf("the browser complains: %s", f)
		}
	}
	b.faults = nil
}

// patience is how long a single command to the browser may take.
const patience = time.Minute

// do carries out what cannot be refused for want of a state on the page.
func (b *browser) do(steps ...chromedp.Action[chromedp.Void]) {
	b.Helper()
	ctx, cancel := context.WithTimeout(b.ctx, patience)
	defer cancel()
	if err := chromedp.Do(ctx, steps...); err != nil {
		b.fatal("drive the browser: %v", err)
	}
}

// call sends a command of the browser's protocol.
func call[P, R any](b *browser, cmd cdp.Command[P, R], params P) R {
	b.Helper()
	ctx, cancel := context.WithTimeout(b.ctx, patience)
	defer cancel()
	r, err := chromedp.Call(ctx, cmd, params)
	if err != nil {
		b.fatal("drive the browser: %v", err)
	}
	return r
}

// eval evaluates an expression; a page that is just changing is an error.
func eval[T any](b *browser, js string) (T, error) {
	ctx, cancel := context.WithTimeout(b.ctx, patience)
	defer cancel()
	return chromedp.Run(ctx, chromedp.Evaluate[T](js, chromedp.EvalAwaitPromise))
}

// fatal ends the test and leaves what was to be seen: a picture and the page.
func (b *browser) fatal(format string, args ...any) {
	b.Helper()
	name := filepath.Join(b.ArtifactDir(), strings.NewReplacer("/", "_", " ", "_").Replace(b.Name()))
	ctx, cancel := context.WithTimeout(b.ctx, patience)
	defer cancel()
	if png, err := chromedp.Run(ctx, chromedp.FullScreenshot(100)); err == nil {
		_ = os.WriteFile(name+".png", png, 0o644)
	}
	where, _ := eval[string](b, "location.href")
	html, _ := eval[string](b, "document.documentElement.outerHTML")
	_ = os.WriteFile(name+".html", []byte(html), 0o644)
	b.noFaults()
	b.Fatalf(format+"\nat %s; picture and page, with go test -artifacts: %s.{png,html}\n%s", append(args, where, name, last(b.text(), 2500))...)
}

// window sets the size of the page in CSS pixels; a narrow one is a phone.
func (b *browser) window(width, height int64) {
	b.Helper()
	call(b, emulation.SetDeviceMetricsOverride, emulation.SetDeviceMetricsOverrideParams{Width: width, Height: height, DeviceScaleFactor: 1, Mobile: width < 600})
}

// prefers sets the colours ("light" or "dark") and the language that the browser
// asks for.
func (b *browser) prefers(scheme, language string) {
	b.Helper()
	call(b, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Features: []*emulation.MediaFeature{
		{Name: "prefers-color-scheme", Value: scheme}, {Name: "prefers-reduced-motion", Value: "reduce"}}})
	agent, err := eval[string](b, "navigator.userAgent")
	if err != nil {
		b.fatal("ask the browser who it is: %v", err)
	}
	call(b, emulation.SetUserAgentOverride, emulation.SetUserAgentOverrideParams{UserAgent: agent, AcceptLanguage: language})
}
