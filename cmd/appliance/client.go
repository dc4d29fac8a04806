package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"sandai/inventory"
	"sandai/web"
)

const defaultURL = "http://127.0.0.1:8080"

// client calls the appliance's API.
type client struct {
	base  string // "http://127.0.0.1:8080"
	state string // the state directory, for the hints in errors
	token string // API token, "" to send none
	http  http.Client
}

func newClient(cmd *cobra.Command) *client {
	c := &client{base: defaultURL, state: stateDir(cmd)}
	if u, err := cmd.Flags().GetString("url"); err == nil && u != "" {
		c.base = u
	} else if b, err := os.ReadFile(filepath.Join(c.state, "url")); err == nil && len(bytes.TrimSpace(b)) > 0 {
		c.base = string(bytes.TrimSpace(b))
	}
	c.base = strings.TrimRight(c.base, "/")
	if b, err := os.ReadFile(filepath.Join(c.state, tokenFile)); err == nil {
		c.token = string(bytes.TrimSpace(b))
	}
	// A BMC may need a minute for its answer; nothing else is slow. The header
	// comes at once on streams.
	c.http.Transport = &http.Transport{ResponseHeaderTimeout: 3 * time.Minute}
	return c
}

// isUnreachable reports whether the appliance did not answer at all.
func isUnreachable(err error) bool {
	var e *exitError
	return errors.As(err, &e) && e.code == exitUnreachable
}

func (c *client) unreachable(err error) error {
	return &exitError{exitUnreachable, fmt.Errorf("the appliance at %s does not answer: %w; start it with appliance serve --state %s (its log says why if it ended), or name another with --url", c.base, err, c.state)}
}

// do sends a request and returns the answer when it is a success; the caller
// closes its body. Any other answer becomes an *inventory.Error.
func (c *client) do(ctx context.Context, method, path string, body io.Reader, header map[string]string) (*http.Response, error) {
	req, err := http.NewRequestWithContext(ctx, method, c.base+"/api/v1"+path, body)
	if err != nil {
		return nil, &exitError{exitUsage, fmt.Errorf("the appliance's URL: %w", err)}
	}
	for k, v := range header {
		req.Header.Set(k, v)
	}
	if c.token != "" {
		req.Header.Set("Authorization", "Bearer "+c.token)
	}
	res, err := c.http.Do(req)
	if err != nil {
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		var u *url.Error
		if errors.As(err, &u) {
			err = u.Err // the URL is in our own text
		}
		return nil, c.unreachable(err)
	}
	if res.StatusCode < 300 {
		return res, nil
	}
	defer res.Body.Close()
	text, _ := io.ReadAll(io.LimitReader(res.Body, 64<<10))
	var e web.Error
	switch {
	case json.Unmarshal(text, &e) == nil && e.Text != "":
		return nil, &inventory.Error{Code: e.Code, Text: e.Text}
	case res.StatusCode == http.StatusBadGateway: // the lab's forwarder found no appliance
		return nil, c.unreachable(errors.New(strings.TrimSpace(string(text))))
	}
	return nil, fmt.Errorf("%s answered %s: is that the appliance? name it with --url", c.base, res.Status)
}

func (c *client) get(ctx context.Context, path string, out any) error {
	return c.decode(c.do(ctx, http.MethodGet, path, nil, nil))(out)
}

func (c *client) post(ctx context.Context, path string, in, out any) error {
	b, err := json.Marshal(in)
	if err != nil {
		return err
	}
	return c.decode(c.do(ctx, http.MethodPost, path, bytes.NewReader(b), map[string]string{"Content-Type": "application/json"}))(out)
}

// decode reads an answer's JSON into out, unless out is nil.
func (c *client) decode(res *http.Response, err error) func(out any) error {
	return func(out any) error {
		if err != nil {
			return err
		}
		defer res.Body.Close()
		if out == nil {
			return nil
		}
		if err := json.NewDecoder(res.Body).Decode(out); err != nil {
			return c.unreachable(fmt.Errorf("its answer broke off: %w", err))
		}
		return nil
	}
}

// rackName returns the rack that the arguments name, else the only one there is.
func (c *client) rackName(ctx context.Context, args []string) (string, error) {
	if len(args) > 0 {
		return args[0], nil
	}
	var racks []inventory.Rack
	if err := c.get(ctx, "/racks", &racks); err != nil {
		return "", err
	}
	var names []string
	for _, r := range racks {
		names = append(names, r.Name)
	}
	switch len(names) {
	case 0:
		return "", errors.New("there is no rack: describe one in a file and import it with appliance rack import FILE")
	case 1:
		return names[0], nil
	}
	return "", &exitError{exitUsage, fmt.Errorf("there are several racks, name one of %s", strings.Join(names, ", "))}
}

func rackPath(name, what string) string { return "/racks/" + url.PathEscape(name) + what }
