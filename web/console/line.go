package console

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/cenkalti/backoff/v5"

	"sandai/inventory"
)

// Phase is where a line is.
type Phase string

// The phases of a line.
const (
	Closed  Phase = "closed"  // nobody wants it
	Opening Phase = "opening" // the BMC is asked for it
	Live    Phase = "live"
	Lost    Phase = "lost" // State's Reason says why; it is tried again
	Held    Phase = "held" // hands off: nothing is sent to the node or its BMC
	Full    Phase = "full" // too many lines are open
)

// line is one node's console. Its fields are the hub's to lock, but for what
// the keeper has to itself.
type line struct {
	h      *Hub
	key    key
	rackID uint
	stream *stream

	viewers []*Viewer // in the order in which they came
	run     bool      // a run is active on the node
	held    bool      // hands off
	gone    bool      // the node is no more in the inventory
	phase   Phase
	since   time.Time
	reason  string

	stop   context.CancelCauseFunc // ends the keeper; nil when there is none
	ending bool                    // the keeper was stopped to make room
	idle   *time.Timer             // stops the keeper; nil while the line is wanted
	retry  chan struct{}           // hurries the keeper's next try
	in     chan []byte             // to the machine; nil while the line is not live
	cut    chan struct{}           // closed when in is no more read

	holder *Viewer // has the keyboard
	asker  *Viewer // wants it
	until  time.Time
	answer *time.Timer // gives the keyboard to the asker
}

// enter changes the phase and tells the viewers.
func (l *line) enter(p Phase, reason string) {
	if l.phase == p && l.reason == reason {
		return
	}
	if l.phase != p {
		l.since = time.Now()
	}
	l.phase, l.reason = p, reason
	l.tell()
}

// tell wakes every viewer for a new State.
func (l *line) tell() {
	for _, v := range l.viewers {
		v.news = true
		v.poke()
	}
}

// poke hurries the keeper.
func (l *line) poke() {
	select {
	case l.retry <- struct{}{}:
	default:
	}
}

// Waits between tries to open a line.
const (
	firstWait = time.Second
	longWait  = 30 * time.Second
	// hopelessWait is for what does not go away by itself: a wrong password
	// tried often locks the account on some BMCs.
	hopelessWait = 10 * time.Minute
	// steadyTime is how long a line must have stood to count as good.
	steadyTime = time.Minute
)

// keep has the line open until ctx ends.
func (l *line) keep(ctx context.Context) {
	rec := l.h.record(l.key)
	defer l.ended(rec)
	wait := backoff.NewExponentialBackOff()
	wait.InitialInterval, wait.MaxInterval = firstWait, longWait
	for {
		begin := time.Now()
		con, err := l.h.Lines.Console(ctx, l.key.rack, l.key.node)
		if err == nil {
			begin = time.Now()
			err = l.pump(ctx, con, rec)
		}
		if ctx.Err() != nil {
			return
		}
		if time.Since(begin) > steadyTime {
			wait.Reset()
		}
		pause := wait.NextBackOff()
		if c := inventory.CodeOf(err); c == inventory.Invalid || c == inventory.NotFound {
			pause = hopelessWait
		}
		l.h.mu.Lock()
		l.enter(Lost, err.Error())
		select {
		case <-l.retry: // from before the line was lost
		default:
		}
		l.h.mu.Unlock()
		l.h.log.Warn("a console was lost; it is tried again", "rack", l.key.rack, "node", l.key.node, "in", pause.Round(time.Second), "err", err)
		t := time.NewTimer(pause)
		select {
		case <-ctx.Done():
		case <-l.retry:
		case <-t.C:
		}
		t.Stop()
		if ctx.Err() != nil {
			return
		}
	}
}

// ended ends the keeper's life and lets the next one begin, if it is wanted.
func (l *line) ended(rec *record) {
	rec.close()
	h := l.h
	h.mu.Lock()
	defer h.mu.Unlock()
	l.stop(nil) // frees the context
	l.stop, l.ending = nil, false
	if l.idle != nil {
		l.idle.Stop()
		l.idle = nil
	}
	h.settle(l)
	h.refill()
}

// errEnded is why a line is lost that the BMC ended without a word.
var errEnded = errors.New("the BMC ended the session: another client took the console, or the BMC was restarted")

// pump carries bytes both ways until the line or ctx ends, and says why.
func (l *line) pump(ctx context.Context, con io.ReadWriteCloser, rec *record) error {
	hangUp := context.AfterFunc(ctx, func() { con.Close() }) // ends the Read below; what it says is of no use any more
	defer hangUp()
	defer con.Close()
	in, cut := make(chan []byte), make(chan struct{})
	defer close(cut)
	go func() {
		for {
			select {
			case <-cut:
				return
			case p := <-in:
				if _, err := con.Write(p); err != nil {
					con.Close() // the reader finds out
					return
				}
			}
		}
	}()
	l.opened(rec, in, cut)
	buf := make([]byte, 4<<10)
	for {
		n, err := con.Read(buf)
		l.came(rec, buf[:n])
		if err == nil {
			continue
		}
		if ctx.Err() != nil {
			err = context.Cause(ctx)
		} else if errors.Is(err, io.EOF) {
			err = errEnded
		}
		l.mark(rec, err.Error())
		l.h.mu.Lock()
		l.in, l.cut = nil, nil
		l.h.mu.Unlock()
		return err
	}
}

func (l *line) opened(rec *record, in chan []byte, cut chan struct{}) {
	l.mark(rec, "open")
	l.h.mu.Lock()
	defer l.h.mu.Unlock()
	l.in, l.cut = in, cut
	l.enter(Live, "")
}

// mark notes in the stream itself, and so in its file, from when to when it was
// recorded: what the machine said in between is not there.
func (l *line) mark(rec *record, text string) {
	l.came(rec, fmt.Appendf(nil, "\r\n[sandai %s: %s]\r\n", time.Now().UTC().Format("2006-01-02 15:04:05 UTC"), strings.Join(strings.Fields(text), " ")))
}

// came appends to the stream and its file.
func (l *line) came(rec *record, p []byte) {
	if len(p) == 0 {
		return
	}
	rec.write(p)
	l.h.mu.Lock()
	defer l.h.mu.Unlock()
	l.stream.write(p)
	for _, v := range l.viewers {
		v.poke()
	}
}
