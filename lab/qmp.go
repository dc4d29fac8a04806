package lab

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"time"
)

// qmp is a connection to QEMU's machine protocol (QEMU docs, interop/qmp-spec).
type qmp struct {
	conn net.Conn
	dec  *json.Decoder
}

type qmpMessage struct {
	QMP    json.RawMessage `json:"QMP"`
	Return json.RawMessage `json:"return"`
	Error  *struct {
		Class string `json:"class"`
		Desc  string `json:"desc"`
	} `json:"error"`
}

// dialQMP connects to the socket and leaves the negotiation. The context's end
// bounds the whole conversation.
func dialQMP(ctx context.Context, socket string) (*qmp, error) {
	// A unix socket's path has at most 107 bytes; a rack's folder may be
	// longer. Going through an open folder keeps it short.
	dir, err := os.Open(filepath.Dir(socket))
	if err != nil {
		return nil, err
	}
	defer dir.Close()
	var d net.Dialer
	c, err := d.DialContext(ctx, "unix", fmt.Sprintf("/proc/self/fd/%d/%s", dir.Fd(), filepath.Base(socket)))
	if err != nil {
		return nil, err
	}
	if t, ok := ctx.Deadline(); ok {
		_ = c.SetDeadline(t)
	}
	q := &qmp{conn: c, dec: json.NewDecoder(bufio.NewReader(c))}
	var hello qmpMessage
	if err := q.dec.Decode(&hello); err != nil {
		c.Close()
		return nil, fmt.Errorf("read QEMU's greeting: %w", err)
	}
	if err := q.do("qmp_capabilities", nil); err != nil {
		c.Close()
		return nil, err
	}
	return q, nil
}

// waitQMP connects as soon as the process listens.
func waitQMP(ctx context.Context, socket string, p Process) (*qmp, error) {
	for {
		q, err := dialQMP(ctx, socket)
		if err == nil {
			return q, nil
		}
		if !p.Alive() {
			return nil, fmt.Errorf("QEMU (process %d) ended", p.PID)
		}
		select {
		case <-ctx.Done():
			return nil, fmt.Errorf("QEMU does not answer on %s: %w", socket, err)
		case <-time.After(20 * time.Millisecond):
		}
	}
}

func (q *qmp) close() { _ = q.conn.Close() }

// do runs a command; events that come in between are dropped.
func (q *qmp) do(command string, args map[string]any) error {
	req := map[string]any{"execute": command}
	if args != nil {
		req["arguments"] = args
	}
	if err := json.NewEncoder(q.conn).Encode(req); err != nil {
		return fmt.Errorf("QMP %s: %w", command, err)
	}
	for {
		var m qmpMessage
		if err := q.dec.Decode(&m); err != nil {
			return fmt.Errorf("QMP %s: %w", command, err)
		}
		switch {
		case m.Error != nil:
			return fmt.Errorf("QMP %s: %s: %s", command, m.Error.Class, m.Error.Desc)
		case m.Return != nil:
			return nil
		}
	}
}
