package web

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"time"

	"github.com/coder/websocket"
	"github.com/gin-gonic/gin"

	"sandai/inventory"
	"sandai/web/console"
)

// The websocket's protocol. Binary messages are bytes of the line, both ways.
// Text messages are JSON objects with a type: to the page "state", which is a
// whole console.State and comes first, and "live" where the scrollback ends;
// from the page "ask" for the keyboard, "give" it to who asks or, to 0, lay it
// down, and "refuse".
type socketState struct {
	Type string `json:"type"` // "state"
	console.State
}

// socketOrder is what a page may send as text.
type socketOrder struct {
	Type string `json:"type"`
	To   uint64 `json:"to"`  // give: a viewer's ID, or 0
	Who  uint64 `json:"who"` // refuse: a viewer's ID
}

const (
	// maxPaste is how much may be typed at once, in bytes.
	maxPaste = 64 << 10
	// socketPing finds connections that died without a word, within twice that.
	socketPing = 15 * time.Second
)

// consoleSocket serves one viewer of the page.
func (s *server) consoleSocket(c *gin.Context) {
	r := c.Request // the goroutines may outlive c, which gin uses again
	v, err := s.Consoles.Join(r.Context(), c.Param("rack"), c.Param("node"), visitor(r.Context()))
	if err != nil {
		fail(c, err)
		return
	}
	defer v.Leave()
	// Accept refuses pages of other origins (RFC 6455 §10.2), and answers by itself.
	conn, err := websocket.Accept(c.Writer, r, nil)
	if err != nil {
		return
	}
	defer conn.CloseNow()
	conn.SetReadLimit(maxPaste)
	// Reads and writes are not cancelled with the request: that would end the
	// connection without the reason.
	ctx, cancel := context.WithCancel(r.Context())
	defer cancel()
	line := context.WithoutCancel(r.Context()) // ends with conn
	go func() {
		defer cancel()
		hear(line, conn, v)
	}()
	go func() {
		defer cancel()
		watchOver(ctx, line, conn)
	}()
	err = show(ctx, conn, v)
	status := websocket.StatusGoingAway // the page comes again by itself
	if r.Context().Err() != nil {
		if err = s.signedOut(r); err != nil {
			status = websocket.StatusPolicyViolation // and now not
		}
	} else if errors.Is(err, console.ErrSlow) {
		status = websocket.StatusTryAgainLater
	}
	_ = conn.Close(status, closeReason(err))
}

// show sends what the viewer sees until it ends, and says why it does.
func show(ctx context.Context, conn *websocket.Conn, v *console.Viewer) error {
	for {
		u, err := v.Next(ctx)
		if err != nil {
			return err
		}
		kind, data := websocket.MessageText, []byte(`{"type":"live"}`)
		switch {
		case u.State != nil:
			if data, err = json.Marshal(socketState{"state", *u.State}); err != nil {
				return err
			}
		case u.Bytes != nil:
			kind, data = websocket.MessageBinary, u.Bytes
		}
		write, cancel := context.WithTimeout(context.WithoutCancel(ctx), writeTime)
		err = conn.Write(write, kind, data)
		cancel()
		if err != nil {
			return err
		}
	}
}

// hear takes keys and orders until the page is gone.
func hear(ctx context.Context, conn *websocket.Conn, v *console.Viewer) {
	for {
		kind, data, err := conn.Read(ctx)
		if err != nil {
			return
		}
		if kind == websocket.MessageBinary {
			v.Type(ctx, data)
			continue
		}
		var o socketOrder
		if json.Unmarshal(data, &o) != nil {
			o.Type = ""
		}
		switch o.Type {
		case "ask":
			v.Ask()
		case "give":
			v.Give(o.To)
		case "refuse":
			v.Refuse(o.Who)
		default:
			_ = conn.Close(websocket.StatusUnsupportedData, "a text message is ask, give or refuse")
			return
		}
	}
}

// watchOver returns when the page does not answer any more, or ctx ends.
func watchOver(ctx, line context.Context, conn *websocket.Conn) {
	for t := time.NewTicker(socketPing); ; {
		select {
		case <-ctx.Done():
			t.Stop()
			return
		case <-t.C:
		}
		ping, cancel := context.WithTimeout(line, socketPing)
		err := conn.Ping(ping)
		cancel()
		if err != nil {
			return
		}
	}
}

// closeReason fits an error into a close frame, which holds 123 bytes (RFC 6455 §5.5).
func closeReason(err error) string {
	var known *inventory.Error
	if !errors.As(err, &known) {
		return "the connection ended"
	}
	const most = 123
	s := known.Text
	if len(s) > most {
		s = s[:most]
	}
	return strings.ToValidUTF8(s, "")
}
