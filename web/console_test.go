package web_test

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"

	"sandai/inventory"
	"sandai/web"
	"sandai/web/console"
)

// terminal is the command line's side of a console.
func terminal(t *testing.T, base string) (io.ReadWriter, *bufio.Reader) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), "POST", base+"/api/v1/nodes/compute-1/console", nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Connection", "Upgrade")
	req.Header.Set("Upgrade", web.ConsoleProtocol)
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { res.Body.Close() })
	if res.StatusCode != http.StatusSwitchingProtocols {
		t.Fatalf("got %s", res.Status)
	}
	line := res.Body.(io.ReadWriter)
	return line, bufio.NewReader(line)
}

// until reads until the text has come, and returns all that was read.
func until(t *testing.T, r io.ByteReader, text string) string {
	t.Helper()
	var b strings.Builder
	for !strings.HasSuffix(b.String(), text) {
		c, err := r.ReadByte()
		if err != nil {
			t.Fatalf("%v; read %q and waited for %q", err, b.String(), text)
		}
		b.WriteByte(c)
	}
	return b.String()
}

// socket is a page's side of a console.
type socket struct {
	*websocket.Conn
	t     *testing.T
	state console.State
	text  string
	past  string // the scrollback
	live  bool
}

func dial(t *testing.T, base, node string) *socket {
	t.Helper()
	return dialAs(t, base, node, http.Header{"Origin": {base}})
}

func dialAs(t *testing.T, base, node string, header http.Header) *socket {
	t.Helper()
	c, res, err := websocket.Dial(t.Context(), base+"/racks/demo/nodes/"+node+"/console/ws", &websocket.DialOptions{HTTPHeader: header})
	if err != nil {
		t.Fatalf("%v %v", err, res)
	}
	t.Cleanup(func() { c.CloseNow() })
	return &socket{Conn: c, t: t}
}

func (s *socket) send(kind websocket.MessageType, text string) {
	s.t.Helper()
	if err := s.Write(s.t.Context(), kind, []byte(text)); err != nil {
		s.t.Fatal(err)
	}
}

// see reads messages until what was seen is as wanted.
func (s *socket) see(what string, ok func() bool) {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(s.t.Context(), 30*time.Second)
	defer cancel()
	for !ok() {
		kind, data, err := s.Read(ctx)
		if err != nil {
			s.t.Fatalf("%v while waiting for: %s; state %+v, text %q", err, what, s.state, s.text)
		}
		if kind == websocket.MessageBinary {
			s.text += string(data)
			continue
		}
		var m struct{ Type string }
		if err := json.Unmarshal(data, &m); err != nil {
			s.t.Fatal(err)
		}
		switch m.Type {
		case "state":
			s.state = console.State{}
			if err := json.Unmarshal(data, &s.state); err != nil {
				s.t.Fatal(err)
			}
		case "live":
			s.live, s.past = true, s.text
		default:
			s.t.Fatalf("the page knows no %q", data)
		}
	}
}

// TestConsole: the command line and two pages look at one line.
func TestConsole(t *testing.T) {
	base := serve(t, installed())
	tty, out := terminal(t, base)
	until(t, out, "compute-1 login: ")
	a, b := dial(t, base, "compute-1"), dial(t, base, "compute-1")
	for _, p := range []*socket{a, b} {
		p.see("the scrollback", func() bool { return p.live })
		if !strings.HasSuffix(p.past, "compute-1 login: ") || p.state.Line != console.Live {
			t.Errorf("a page's scrollback is %q, the line %s", p.past, p.state.Line)
		}
	}
	a.see("all viewers", func() bool { return len(a.state.Viewers) == 3 })

	if _, err := io.WriteString(tty, "root"); err != nil { // the first key takes the free keyboard
		t.Fatal(err)
	}
	until(t, out, "root")
	a.see("the echo", func() bool {
		return strings.HasSuffix(a.text, "login: root") && a.state.Holder == a.state.Viewers[0].ID
	})
	a.send(websocket.MessageBinary, "dropped")
	a.send(websocket.MessageText, `{"type":"ask"}`)
	until(t, out, "test asks for the keyboard and gets it in 15 s]\r\n")
	b.see("the question", func() bool { return b.state.Asking != nil && b.state.Asking.Who == a.state.You })
	_ = tty.(io.Closer).Close() // who leaves gives the keyboard to who asks
	a.see("the keyboard", func() bool { return a.state.Holder == a.state.You })
	a.send(websocket.MessageBinary, "\r")
	b.see("the echo", func() bool { return strings.HasSuffix(b.text, "login: root\r") })
	b.send(websocket.MessageText, `{"type":"ask"}`)
	a.see("the question", func() bool { return a.state.Asking != nil })
	a.send(websocket.MessageText, `{"type":"refuse","who":`+id(b)+`}`)
	b.see("the refusal", func() bool { return b.state.Answer == console.Refused })
	a.send(websocket.MessageText, `{"type":"give","to":0}`)
	b.see("the keyboard laid down", func() bool { return b.state.Holder == 0 })
	b.send(websocket.MessageText, `{"type":"ask"}`)
	b.see("the free keyboard", func() bool { return b.state.Holder == b.state.You })
}

func id(s *socket) string {
	b, _ := json.Marshal(s.state.You)
	return string(b)
}

// TestConsoleTypedEarly: what is typed on the command line before the BMC has
// answered is not lost.
func TestConsoleTypedEarly(t *testing.T) {
	m := installed()
	m.SlowConsole = make(chan struct{})
	base := serve(t, m)
	tty, out := terminal(t, base)
	page := dial(t, base, "compute-1")
	page.see("the wait for the BMC", func() bool { return page.state.Line == console.Opening && len(page.state.Viewers) == 2 })
	if _, err := io.WriteString(tty, "root"); err != nil {
		t.Fatal(err)
	}
	for range 10 { // time enough for the keys to get lost, if they do
		other := dial(t, base, "compute-1")
		other.see("the wait for the BMC", func() bool { return other.state.Line == console.Opening })
	}
	close(m.SlowConsole)
	until(t, out, "login: root")
}

func TestConsoleRefusals(t *testing.T) {
	base := serve(t, installed())
	refused := func(path, origin string) int {
		_, res, err := websocket.Dial(t.Context(), base+path, &websocket.DialOptions{HTTPHeader: http.Header{"Origin": {origin}}})
		if err == nil || res == nil {
			t.Fatalf("%s from %s: %v", path, origin, err)
		}
		return res.StatusCode
	}
	if got := refused("/racks/demo/nodes/compute-1/console/ws", "https://evil.example"); got != http.StatusForbidden {
		t.Errorf("a foreign page got %d", got)
	}
	for _, path := range []string{"/racks/demo/nodes/nobody/console/ws", "/racks/nowhere/nodes/compute-1/console/ws"} {
		if got := refused(path, base); got != http.StatusNotFound {
			t.Errorf("%s got %d", path, got)
		}
	}
	if got := call(t, "GET", base+"/racks/demo/nodes/compute-1/console/ws", ""); got.status != http.StatusUpgradeRequired {
		t.Errorf("a request without an upgrade got %v", got)
	}
	if got := call(t, "POST", base+"/api/v1/nodes/compute-1/console", ""); got.status != http.StatusUnprocessableEntity {
		t.Errorf("a POST without an upgrade got %v", got)
	}
	for _, nonsense := range []string{`{"type":"explode"}`, `[`, ``} {
		s := dial(t, base, "compute-1")
		s.send(websocket.MessageText, nonsense)
		for {
			if _, _, err := s.Read(t.Context()); err != nil {
				if got := websocket.CloseStatus(err); got != websocket.StatusUnsupportedData {
					t.Errorf("%q ends the connection with %v", nonsense, err)
				}
				break
			}
		}
	}
}

// TestConsoleDropped: a page whose connection takes nothing any more is not
// waited for. It is told why, if it takes something again before its connection
// counts as dead.
func TestConsoleDropped(t *testing.T) {
	m := installed()
	base := serve(t, m)
	slow, quick := dial(t, base, "compute-1"), dial(t, base, "compute-1")
	quick.see("a live line", func() bool { return quick.live && quick.state.Line == console.Live })
	quick.send(websocket.MessageText, `{"type":"ask"}`)
	piece := strings.Repeat("x", 32<<10)
	for range 512 { // 16 MiB are more than the sockets' buffers and the stream
		quick.send(websocket.MessageBinary, piece)
		quick.text = "" // the next piece waits for this one's echo: the quick one is never behind
		quick.see("the echo", func() bool { return len(quick.text) >= len(piece) })
	}
	// Only now the slow one reads on.
	for {
		if _, _, err := slow.Read(t.Context()); err != nil {
			if status := websocket.CloseStatus(err); status != -1 && (status != websocket.StatusTryAgainLater || !strings.Contains(err.Error(), "KiB behind the line")) {
				t.Errorf("the slow page was told %v", err)
			}
			return
		}
	}
}

func TestConsoleLog(t *testing.T) {
	m := installed()
	base := serve(t, m)
	s := dial(t, base, "compute-1")
	s.see("a live line", func() bool { return s.live && s.state.Line == console.Live })
	s.send(websocket.MessageText, `{"type":"ask"}`)
	s.send(websocket.MessageBinary, "\r\n\x1b[1mone\x1b[0m\r\ntwo\r\n")
	s.see("the echo", func() bool { return strings.HasSuffix(s.text, "two\r\n") })
	path := base + "/api/v1/nodes/compute-1/console/log"
	for name, tt := range map[string]struct {
		path   string
		status int
		want   string
	}{
		"two lines":     {path + "?lines=2", 200, "one\ntwo\n"},
		"in a rack":     {path + "?lines=1&rack=demo", 200, "two\n"},
		"another node":  {base + "/api/v1/nodes/controller-1/console/log", 200, ""},
		"no such node":  {base + "/api/v1/nodes/nobody/console/log", 404, ""},
		"negative":      {path + "?lines=-1", 422, ""},
		"with controls": {path + "?raw=true", 200, "\x1b[1mone"},
		"all of it":     {path, 200, "login:\none\n"},
	} {
		t.Run(name, func(t *testing.T) {
			got := call(t, "GET", tt.path, "")
			if got.status != tt.status || !strings.Contains(got.body, tt.want) || strings.Contains(tt.path, "lines=") && tt.status == 200 && got.body != tt.want {
				t.Errorf("got %d %q", got.status, got.body)
			}
		})
	}
}

// TestConsoleHandsOff: who looks at a node that hands are off is told that nobody is
// listening to it.
func TestConsoleHandsOff(t *testing.T) {
	m := installed()
	m.SetNode("demo", "compute-1", func(n *inventory.Node) { n.HandsOff = &n.Since })
	base := serve(t, m)
	s := dial(t, base, "compute-1")
	s.see("the state", func() bool { return s.state.Line == console.Held && strings.Contains(s.state.Reason, "hands off") })
	_, out := terminal(t, base)
	until(t, out, "[sandai: "+s.state.Reason+"]\r\n")
}

// TestConsoleRoles: a viewer looks and may not type, and an open console ends
// with the token it was opened with.
func TestConsoleRoles(t *testing.T) {
	m := installed()
	s := httptest.NewServer(web.NewAPI(config(m)))
	defer s.Close()
	as := func(role inventory.UserRole) *socket {
		return dialAs(t, s.URL, "compute-1", http.Header{"Authorization": {"Bearer " + m.NewToken(role)}})
	}
	if _, res, err := websocket.Dial(t.Context(), s.URL+"/racks/demo/nodes/compute-1/console/ws", nil); err == nil || res.StatusCode != http.StatusUnauthorized {
		t.Errorf("nobody got %v, %v", res, err)
	}
	looks, types := as(inventory.Viewer), as(inventory.Operator)
	types.see("both", func() bool { return len(types.state.Viewers) == 2 })
	if got := types.state.Viewers; got[0].MayType || !got[1].MayType {
		t.Errorf("who may type: %+v", got)
	}
	looks.send(websocket.MessageText, `{"type":"ask"}`)
	looks.see("the refusal", func() bool { return looks.state.Answer == console.MayNot && looks.state.Holder == 0 })
	tokens, err := m.Tokens(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	admin := "Bearer " + m.NewToken(inventory.Admin)
	for _, token := range tokens {
		if got := call(t, "DELETE", fmt.Sprintf("%s/api/v1/tokens/%d", s.URL, token.ID), "", "Authorization", admin); got.status != 204 {
			t.Fatal(got)
		}
	}
	for _, c := range []*socket{looks, types} {
		for {
			if _, _, err := c.Read(t.Context()); err != nil {
				if websocket.CloseStatus(err) != websocket.StatusPolicyViolation {
					t.Errorf("with its token gone the console ended with %v", err)
				}
				break
			}
		}
	}
}
