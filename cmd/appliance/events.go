package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"
)

// quiet is how long the event stream may say nothing: it pings every 15 s.
const quiet = 45 * time.Second

// again is the pause before the stream is asked for again.
const again = time.Second

// eventWakes follows the appliance's events and wakes its reader at each, and
// at each ping, the first of which comes when the appliance is back. It
// lives through restarts of the appliance: it asks again with the last ID that
// it saw. The channel is closed when ctx ends.
func (c *client) eventWakes(ctx context.Context) <-chan struct{} {
	wake := make(chan struct{}, 1)
	go func() {
		defer close(wake)
		last := ""
		for ctx.Err() == nil {
			_ = c.readEvents(ctx, &last, func(string, string) { // tried again below, whatever it was
				select {
				case wake <- struct{}{}:
				default: // it is awake already
				}
			})
			select {
			case <-ctx.Done():
			case <-time.After(again):
			}
		}
	}()
	return wake
}

// readEvents reads one connection's events to its end and keeps the ID of the
// last in last ("" for a first connection, which begins with what comes next).
func (c *client) readEvents(ctx context.Context, last *string, each func(event, data string)) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	header := map[string]string{"Accept": "text/event-stream"}
	if *last != "" {
		header["Last-Event-ID"] = *last
	}
	res, err := c.do(ctx, http.MethodGet, "/events/stream", nil, header)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	watchdog := time.AfterFunc(quiet, cancel)
	defer watchdog.Stop()
	return parseEvents(res.Body, func(id, event, data string) {
		watchdog.Reset(quiet)
		if id != "" {
			*last = id
		}
		each(event, data)
	})
}

// parseEvents reads a stream of server-sent events (WHATWG HTML §9.2.6); of its
// fields those are read that the appliance sends.
func parseEvents(r io.Reader, each func(id, event, data string)) error {
	var id, event, data string
	lines := bufio.NewScanner(r)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		field, value, _ := strings.Cut(lines.Text(), ":")
		value = strings.TrimPrefix(value, " ")
		switch field {
		case "id":
			id = value
		case "event":
			event = value
		case "data":
			data = value
		case "":
			if data != "" && json.Valid([]byte(data)) {
				each(id, event, data)
			}
			id, event, data = "", "", ""
		}
	}
	if err := lines.Err(); err != nil {
		return fmt.Errorf("read the events: %w", err)
	}
	return io.ErrUnexpectedEOF
}
