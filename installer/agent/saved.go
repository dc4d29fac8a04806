package agent

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"strconv"

	"sandai/inventory"
)

// Save hands an item over to the appliance, which keeps it for this node's next
// system. It has arrived whole where there is no error.
func (c *Client) Save(ctx context.Context, item string, r io.Reader) error {
	resp, err := c.item(ctx, http.MethodPut, item, io.NopCloser(r)) // its length is not known
	if err != nil {
		return err
	}
	return resp.Body.Close()
}

// IsSaved reports whether the appliance has an item of this node.
func (c *Client) IsSaved(ctx context.Context, item string) (bool, error) {
	resp, err := c.item(ctx, http.MethodHead, item, nil)
	if inventory.CodeOf(err) == inventory.NotFound && err != nil {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	return true, resp.Body.Close()
}

// Saved reads an item back. What did not arrive whole ends with an error instead
// of io.EOF.
func (c *Client) Saved(ctx context.Context, item string) (io.ReadCloser, error) {
	resp, err := c.item(ctx, http.MethodGet, item, nil)
	if err != nil {
		return nil, err
	}
	return &counted{resp: resp}, nil
}

// counted compares what came with what was sent.
type counted struct {
	resp *http.Response
	n    int64
}

func (c *counted) Read(p []byte) (int, error) {
	n, err := c.resp.Body.Read(p)
	c.n += int64(n)
	if sent := c.resp.Trailer.Get(inventory.SavedBytes); err == io.EOF && sent != strconv.FormatInt(c.n, 10) {
		err = fmt.Errorf("only %d bytes came, of %q: %w", c.n, sent, io.ErrUnexpectedEOF)
	}
	return n, err
}

func (c *counted) Close() error { return c.resp.Body.Close() }

// item asks for one item; the answer is a good one, or an error.
func (c *Client) item(ctx context.Context, method, item string, body io.Reader) (*http.Response, error) {
	req, err := http.NewRequestWithContext(ctx, method, c.url+"/agent/v1/saved/"+item, body)
	if err != nil {
		return nil, fmt.Errorf("ask for %s: %w", item, err)
	}
	resp, err := c.http.Do(req)
	if err != nil {
		return nil, inventory.Errorf(inventory.Unavailable, "the appliance cannot be reached: %w", err)
	}
	if resp.StatusCode/100 == 2 {
		return resp, nil
	}
	defer resp.Body.Close()
	if method == http.MethodHead { // it has no body that says more
		if resp.StatusCode == http.StatusNotFound {
			return nil, inventory.Errorf(inventory.NotFound, "the appliance has no %s of this node", item)
		}
		return nil, inventory.Errorf(inventory.Unavailable, "the appliance does not say whether it has %s of this node: %s", item, resp.Status)
	}
	data, err := io.ReadAll(io.LimitReader(resp.Body, maxReply))
	if err != nil {
		return nil, inventory.Errorf(inventory.Unavailable, "the appliance's answer broke off: %w", err)
	}
	return nil, refusal(resp, data)
}
