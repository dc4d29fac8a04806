package kind

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"time"
)

// Wait holds the lane until something answers. It changes nothing.
type Wait struct {
	HTTP     string `json:"http,omitempty" yaml:"http,omitempty"`         // a URL; any answer below 500 is one
	TCP      string `json:"tcp,omitempty" yaml:"tcp,omitempty"`           // "controller:5672" accepts a connection
	Unit     string `json:"unit,omitempty" yaml:"unit,omitempty"`         // a systemd unit is active
	Path     string `json:"path,omitempty" yaml:"path,omitempty"`         // a path exists
	Interval string `json:"interval,omitempty" yaml:"interval,omitempty"` // between two looks, "1s" when empty, "3s" for a unit

	found string // what Check saw instead
}

func (w *Wait) lack() string { return w.found }

// Validate checks that exactly one thing is waited for.
func (w *Wait) Validate() error {
	n := 0
	for _, s := range []string{w.HTTP, w.TCP, w.Unit, w.Path} {
		if s != "" {
			n++
		}
	}
	if n != 1 {
		return errors.New("wants exactly one of http, tcp, unit and path")
	}
	if _, err := w.interval(); err != nil {
		return fmt.Errorf("interval: %w", err)
	}
	return nil
}

func (w *Wait) interval() (time.Duration, error) {
	switch {
	case w.Interval != "":
	case w.Unit != "":
		return 3 * time.Second, nil // each look starts systemctl, which a slow node feels
	default:
		return time.Second, nil
	}
	d, err := time.ParseDuration(w.Interval)
	if err == nil && d <= 0 {
		err = fmt.Errorf("%s is not positive", d)
	}
	return d, err
}

// answerLimit is how long one HTTP answer may take: a uwsgi worker that is
// still importing its program keeps the request in its queue, and asking again
// would only make the queue longer.
const answerLimit = 5 * time.Minute

// client speaks to the node's own rack only, never through a proxy.
var client = &http.Client{
	Timeout:       answerLimit,
	Transport:     &http.Transport{DisableKeepAlives: true, DialContext: (&net.Dialer{Timeout: 10 * time.Second}).DialContext},
	CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
}

// look returns nil when it is so, else the answer that it got. Lost is true
// when waiting on is of no use.
func (w *Wait) look(ctx context.Context, h Host) (answer error, lost bool) {
	switch {
	case w.HTTP != "":
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, w.HTTP, nil)
		if err != nil {
			return err, true
		}
		resp, err := client.Do(req)
		if err != nil {
			return err, false
		}
		resp.Body.Close()
		if resp.StatusCode >= 500 {
			return fmt.Errorf("%s answers %s", w.HTTP, resp.Status), false
		}
		return nil, false
	case w.TCP != "":
		conn, err := (&net.Dialer{Timeout: 10 * time.Second}).DialContext(ctx, "tcp", w.TCP)
		if err != nil {
			return err, false
		}
		return conn.Close(), false
	case w.Unit != "":
		u, err := showUnits(ctx, h, []string{w.Unit})
		if err != nil {
			return err, false
		}
		if u[0].active == "active" {
			return nil, false
		}
		return fmt.Errorf("%s is %s", w.Unit, u[0]), u[0].lost()
	default:
		_, err := os.Lstat(at(h, w.Path))
		return err, false
	}
}

// Check looks once.
func (w *Wait) Check(ctx context.Context, h Host) (bool, error) {
	answer, _ := w.look(ctx, h)
	if answer != nil {
		w.found = answer.Error()
	}
	return answer == nil, nil
}

// Apply looks again and again. The error holds the last answer.
func (w *Wait) Apply(ctx context.Context, h Host) error {
	every, err := w.interval()
	if err != nil {
		return err
	}
	lost := 0
	for {
		answer, gone := w.look(ctx, h)
		if answer == nil {
			return nil
		}
		if lost++; !gone {
			lost = 0
		}
		if lost >= 3 {
			return fmt.Errorf("%w; see journalctl -u %s", answer, w.Unit)
		}
		if err := sleep(ctx, every); err != nil {
			return fmt.Errorf("%w; the last answer: %w", err, answer)
		}
	}
}

// Verify has nothing to add: Apply ends only when it is so.
func (w *Wait) Verify(context.Context, Host) error { return nil }

// sleep waits between two looks, or less when the context ends.
func sleep(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("gave up waiting: %w", context.Cause(ctx))
	}
}
