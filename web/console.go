package web

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"sync"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/gin-gonic/gin"

	"sandai/inventory"
	"sandai/web/console"
)

// Consoles shares the nodes' serial consoles. Join's error is NotFound where
// there is no such node, and Unavailable when too many look already. Tail gives
// the last lines as text without escape sequences, all that is kept with 0;
// Scrollback is what the machine said, with them.
type Consoles interface {
	Join(ctx context.Context, rack, node string, who console.Visitor) (*console.Viewer, error)
	Tail(rack, node string, lines int) string
	Scrollback(rack, node string) []byte
}

// ConsoleProtocol is what a client of the console upgrades to (RFC 9110 §7.8):
// after 101 the connection carries the serial line's bytes both ways, and lines
// of the appliance's own in between, in brackets.
const ConsoleProtocol = "sandai-console"

// glance is how much of the scrollback the command line shows: a screenful, so
// that a person sees where the machine is.
const glance = 4 << 10

// writeTime is how long a viewer's connection may take a piece; then it is dead.
const writeTime = 10 * time.Second

// consolePath is the page's websocket.
const consolePath = "/racks/:rack/nodes/:node/console/ws"

// consoles serves a node's serial console to the page as a websocket, and to the
// command line at POST /api/v1/nodes/NAME/console.
func (s *server) consoles(r *gin.Engine) {
	r.GET(consolePath, s.consoleSocket)
	r.POST("/api/v1/nodes/:name/console", func(c *gin.Context) {
		if c.GetHeader("Upgrade") != ConsoleProtocol {
			fail(c, inventory.Errorf(inventory.Invalid, "the console wants the header Upgrade: %s; use appliance node console", ConsoleProtocol))
			return
		}
		rack, err := s.rackOf(c.Request.Context(), c.Query("rack"), c.Param("name"))
		if err != nil {
			fail(c, err)
			return
		}
		who := visitor(c.Request.Context())
		who.History = glance
		v, err := s.Consoles.Join(c.Request.Context(), rack, c.Param("name"), who)
		if err != nil {
			fail(c, err)
			return
		}
		defer v.Leave()
		s.carry(c, v)
	})
}

func (s *server) consoleRoutes(api huma.API) {
	type logOf struct {
		Name  string `path:"name" doc:"the node's name" example:"controller-1"`
		Rack  string `query:"rack" doc:"the rack's name; needed where two racks have a node of that name"`
		Lines int    `query:"lines" minimum:"0" doc:"so many last lines; 0 is all that is kept, 256 KiB"`
		Raw   bool   `query:"raw" doc:"as the machine said it, with a terminal's escape sequences; all of it"`
	}
	type text struct {
		ContentType string `header:"Content-Type"`
		Body        []byte
	}
	op := get("node-console-log", "/nodes/{name}/console/log", "Show what a node said on its serial console, as text")
	op.Responses = map[string]*huma.Response{"200": {Description: "the scrollback", Content: map[string]*huma.MediaType{"text/plain": {Schema: &huma.Schema{Type: huma.TypeString}}}}}
	huma.Register(api, op, func(ctx context.Context, in *logOf) (*text, error) {
		rack, err := s.rackOf(ctx, in.Rack, in.Name)
		if err != nil {
			return nil, err
		}
		if in.Raw {
			return &text{"application/octet-stream", s.Consoles.Scrollback(rack, in.Name)}, nil
		}
		return &text{"text/plain; charset=utf-8", []byte(s.Consoles.Tail(rack, in.Name, in.Lines))}, nil
	})
}

// visitor is who asks, as the other viewers see them.
func visitor(ctx context.Context) console.Visitor {
	who := WhoOf(ctx)
	return console.Visitor{Name: who.Name, MayType: who.May(inventory.Operator)}
}

// signedOut says why a console ended whose request was cut: because what it was
// let in with has ended, nil where that is not so.
func (s *server) signedOut(r *http.Request) error {
	_, err := s.gate.identify(r.WithContext(context.WithoutCancel(r.Context())))
	if inventory.CodeOf(err) == inventory.Unauthorised {
		return err
	}
	return nil
}

// carry joins the client's connection and the viewer until either ends. A key
// asks for the keyboard where another one has it.
func (s *server) carry(c *gin.Context, v *console.Viewer) {
	conn, rw, err := http.NewResponseController(c.Writer).Hijack()
	if err != nil {
		fail(c, inventory.Errorf(inventory.Internal, "take over the connection: %w", err))
		return
	}
	defer conn.Close()
	r := c.Request // the goroutines may outlive c, which gin uses again
	if _, err := io.WriteString(conn, "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: "+ConsoleProtocol+"\r\n\r\n"); err != nil {
		return
	}
	ctx, cancel := context.WithCancel(r.Context())
	defer cancel()
	// What is typed before the BMC has answered waits for it.
	opened := make(chan struct{})
	open := sync.OnceFunc(func() { close(opened) })
	go func() {
		defer cancel() // the client hung up
		select {
		case <-opened:
		case <-ctx.Done():
			return
		}
		buf := make([]byte, 4<<10)
		for {
			n, err := rw.Read(buf)
			if n > 0 && !v.Holds() {
				v.Ask()
			}
			v.Type(ctx, append([]byte(nil), buf[:n]...))
			if err != nil {
				return
			}
		}
	}()
	var last console.State
	for {
		u, err := v.Next(ctx)
		if err != nil {
			if r.Context().Err() != nil {
				err = s.signedOut(r)
			}
			if err != nil && conn.SetWriteDeadline(time.Now().Add(writeTime)) == nil {
				fmt.Fprintf(conn, "\r\n[sandai: %v]\r\n", err) // to a client that may be gone
			}
			return
		}
		out := u.Bytes
		if u.State != nil {
			out = notice(last, *u.State)
			last = *u.State
			if last.Line != console.Opening {
				open()
			}
		}
		if len(out) == 0 {
			continue
		}
		if conn.SetWriteDeadline(time.Now().Add(writeTime)) != nil {
			return
		}
		if _, err := conn.Write(out); err != nil {
			return
		}
	}
}

// notice tells a person at a terminal, among the machine's own lines, what
// changed from one state to the next; nothing where the stream itself tells it.
func notice(was, is console.State) []byte {
	var text string
	holder, waits := nameOf(is, is.Holder), is.Asking != nil
	switch {
	case is.Line == console.Lost && (was.Line != console.Live && was.Reason != is.Reason):
		text = "the line is not open, and is tried again: " + is.Reason
	case is.Reason != was.Reason && (is.Line == console.Held || is.Line == console.Full || is.Line == console.Closed):
		text = is.Reason
	case is.Answer != was.Answer && is.Answer == console.Refused:
		text = holder + " keeps the keyboard"
	case is.Answer != was.Answer && is.Answer == console.Busy:
		text = holder + " has the keyboard, and another one asks for it already; try again"
	case is.Answer != was.Answer && is.Answer == console.MayNot:
		text = "your role lets you look, not type"
	case waits && was.Asking == nil && is.Asking.Who == is.You:
		text = fmt.Sprintf("%s has the keyboard and is asked for it; without an answer it is yours in %.0f s", holder, is.Asking.Seconds)
	case waits && was.Asking == nil && is.Holder == is.You:
		text = fmt.Sprintf("%s asks for the keyboard and gets it in %.0f s", nameOf(is, is.Asking.Who), is.Asking.Seconds)
	case was.Holder == is.You && is.Holder != is.You && is.Holder != 0:
		text = holder + " has the keyboard now"
	case was.Holder != 0 && was.Holder != is.You && is.Holder == is.You:
		text = "you have the keyboard"
	default:
		return nil
	}
	return []byte("\r\n[sandai: " + text + "]\r\n")
}

func nameOf(s console.State, id uint64) string {
	for _, p := range s.Viewers {
		if p.ID == id {
			return p.Name
		}
	}
	return "nobody"
}
