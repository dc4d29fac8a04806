package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"sync/atomic"

	"golang.org/x/term"

	"sandai/web"
)

// escape ends a console session: Ctrl-].
const escape = 0x1d

// console joins the terminal and a node's serial line until either ends. On a
// terminal every key goes to the node, but Ctrl-].
func (c *client) console(ctx context.Context, path string, in io.Reader, out, errOut io.Writer) error {
	res, err := c.do(ctx, http.MethodPost, path, nil, map[string]string{"Connection": "Upgrade", "Upgrade": web.ConsoleProtocol})
	if err != nil {
		return err
	}
	line, ok := res.Body.(io.ReadWriteCloser)
	if res.StatusCode != http.StatusSwitchingProtocols || !ok {
		res.Body.Close()
		return fmt.Errorf("the appliance answered %s in place of a console: is it of another version?", res.Status)
	}
	defer line.Close()
	stop := context.AfterFunc(ctx, func() { line.Close() })
	defer stop()
	keys := in
	if f, ok := in.(*os.File); ok && term.IsTerminal(int(f.Fd())) {
		old, err := term.MakeRaw(int(f.Fd()))
		if err != nil {
			return fmt.Errorf("make the terminal raw: %w", err)
		}
		defer func() { _ = term.Restore(int(f.Fd()), old) }() // nothing is left to be done about it
		fmt.Fprint(errOut, "Ctrl-] ends the console.\r\n")
		keys = &untilEscape{in: in}
	}
	var left atomic.Bool
	go func() {
		if _, err := io.Copy(line, keys); errors.Is(err, errEscape) {
			left.Store(true)
			line.Close()
		}
		// The end of a file as input does not end the session: one may only look.
	}()
	_, err = io.Copy(out, line)
	if ctx.Err() != nil || left.Load() {
		return nil
	}
	return err
}

var errEscape = errors.New("the escape key was pressed")

// untilEscape reads until Ctrl-].
type untilEscape struct{ in io.Reader }

func (u *untilEscape) Read(p []byte) (int, error) {
	n, err := u.in.Read(p)
	if i := bytes.IndexByte(p[:n], escape); i >= 0 {
		return i, errEscape
	}
	return n, err
}
