package cloud

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/cenkalti/backoff/v5"
	"github.com/gophercloud/gophercloud/v2"
)

var (
	// errPermanent marks what no second try mends; see permanent.
	errPermanent = errors.New("permanent")
	// errStaleCatalogue: a new log-in may bring a newer catalogue.
	errStaleCatalogue = errors.New("run the chapter that makes the service's endpoints, then this step again")
)

// permanent keeps an error from being tried again, without changing its text.
type permanent struct{ error }

func (p permanent) Unwrap() []error { return []error{p.error, errPermanent} }

// fewTries is how often an error is tried that may or may not pass: a 500 of a
// service that has just started, a 409 of two requests that crossed.
const fewTries = 8

// verdict says how often to try again.
type verdict int

const (
	never verdict = iota
	few
	always
)

func judge(err error) verdict {
	var code gophercloud.ErrUnexpectedResponseCode
	var u *url.Error
	var op *net.OpError
	switch {
	case errors.Is(err, errPermanent):
		return never
	case errors.Is(err, errStaleCatalogue):
		return few
	case errors.As(err, &code):
		switch code.Actual {
		case http.StatusRequestTimeout, http.StatusTooManyRequests, http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
			return always
		case http.StatusInternalServerError, http.StatusConflict, http.StatusUnauthorized:
			return few
		}
		return never
	case errors.As(err, &u), errors.As(err, &op), errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return always
	}
	return never
}

// retry repeats a step, which finds first and makes then, until it succeeds,
// fails for good, or ctx ends.
func (c *Cloud) retry(ctx context.Context, progress func(string), f func() error) error {
	var last error
	doubts := 0
	b := backoff.NewExponentialBackOff()
	b.InitialInterval, b.MaxInterval = c.pollMin, 3*c.pollMax
	_, err := backoff.Retry(ctx, func() (struct{}, error) {
		err := f()
		if err == nil {
			return struct{}{}, nil
		}
		// When ctx cuts a request off, the error before it tells more.
		if u := (*url.Error)(nil); last == nil || ctx.Err() == nil || !errors.As(err, &u) {
			last = err
		}
		switch judge(err) {
		case never:
			return struct{}{}, backoff.Permanent(err)
		case few:
			if doubts++; doubts >= fewTries {
				return struct{}{}, backoff.Permanent(err)
			}
			if errors.Is(err, errStaleCatalogue) {
				c.forget()
			}
		}
		return struct{}{}, err
	}, backoff.WithBackOff(b), backoff.WithMaxElapsedTime(0), backoff.WithNotify(func(err error, wait time.Duration) {
		progress(fmt.Sprintf("tried again in %s: %s", seconds(wait), explain(err)))
		c.log.Info("a request failed and is tried again", "wait", wait, "err", explain(err))
	}))
	if err == nil {
		return nil
	}
	if ctx.Err() != nil {
		if last == nil {
			return ctx.Err()
		}
		if errors.Is(last, ctx.Err()) {
			return &apiError{last}
		}
		return fmt.Errorf("%w; last: %s", ctx.Err(), explain(last))
	}
	return &apiError{err}
}

// apiError gives an error of gophercloud a text for people.
type apiError struct{ err error }

func (e *apiError) Error() string { return explain(e.err) }

func (e *apiError) Unwrap() error { return e.err }

// explain puts the message out of the answer's JSON in place of gophercloud's
// text, and says what to look at.
func explain(err error) string {
	var code gophercloud.ErrUnexpectedResponseCode
	if !errors.As(err, &code) {
		return err.Error()
	}
	u, _ := url.Parse(code.URL)
	where := code.URL
	next := "see that service's log on the controller"
	if u != nil {
		where = u.Host + u.Path
	}
	switch code.Actual {
	case http.StatusForbidden:
		next = "the user has not the role that the policy wants"
	case http.StatusBadRequest:
		next = "the guide asks for something that this service does not take"
	case http.StatusConflict:
		next = "something of that name or address is already there with other properties"
	}
	text := fmt.Sprintf("%s %s answered %d: %s; %s", code.Method, where, code.Actual, message(code.Body), next)
	// What the layers above said before gophercloud's own text.
	if before, _, ok := strings.Cut(err.Error(), code.Error()); ok && before != "" {
		text = before + text
	}
	return text
}

// message finds the "message" in the shapes of error that the services use:
// {"error": {"message"}}, {"itemNotFound": {"message"}}, {"NeutronError": {"message"}}.
func message(body []byte) string {
	var m map[string]json.RawMessage
	if json.Unmarshal(body, &m) == nil {
		for _, v := range m {
			var e struct {
				Message string `json:"message"`
			}
			if json.Unmarshal(v, &e) == nil && e.Message != "" {
				return e.Message
			}
		}
	}
	s := strings.Join(strings.Fields(string(body)), " ")
	if len(s) > 300 {
		s = s[:300] + "…"
	}
	return s
}

// poll looks until done, more and more slowly, and tells progress whenever the
// state it sees changes. When ctx ends, the error says what was seen last.
func (c *Cloud) poll(ctx context.Context, what string, progress func(string), look func() (done bool, state string, err error)) error {
	begin := time.Now()
	seen := ""
	for wait := c.pollMin; ; wait = min(wait*3/2, c.pollMax) {
		done, state, err := look()
		if err != nil && !over(ctx) {
			return err
		}
		// What a look sees when its time is cut short is no state of the cloud's.
		if state != "" && state != seen && (!over(ctx) || done || seen == "") {
			seen = state
			progress(fmt.Sprintf("%s: %s, +%s", what, state, seconds(time.Since(begin))))
		}
		if done && err == nil {
			return nil
		}
		t := time.NewTimer(wait)
		select {
		case <-ctx.Done():
			t.Stop()
			return fmt.Errorf("%s: after %s it was still %s: %w", what, seconds(time.Since(begin)), seen, ctx.Err())
		case <-t.C:
		}
	}
}

// over reports whether ctx has ended or its deadline has passed; a socket's own
// deadline may fire a moment before ctx does.
func over(ctx context.Context) bool {
	deadline, ok := ctx.Deadline()
	return ctx.Err() != nil || ok && !time.Now().Before(deadline)
}
