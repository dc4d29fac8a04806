package console

import (
	"context"
	"slices"
	"time"

	"sandai/inventory"
)

// Viewer looks at one line. Next is for one goroutine; the other methods may be
// called from any.
type Viewer struct {
	h    *Hub
	l    *line
	id   uint64
	who  Visitor
	wake chan struct{}

	// The hub's to lock.
	pos    int64 // what of the stream was given out
	joined int64 // the stream's end when the viewer came
	live   bool  // everything until joined was given out, and said so
	news   bool  // there is a State to give out
	answer Answer
	left   bool
}

// Answer is what became of a viewer's wish for the keyboard.
type Answer string

// The answers; "" is none.
const (
	Refused Answer = "refused" // the one who has it said no
	Busy    Answer = "busy"    // somebody else asks already
	MayNot  Answer = "may not" // the viewer's role allows looking only
)

// Person is a viewer as the others see it.
type Person struct {
	ID      uint64 `json:"id"` // unique in this process
	Name    string `json:"name"`
	MayType bool   `json:"mayType"`
}

// Ask is an open question for the keyboard.
type Ask struct {
	Who     uint64  `json:"who"`
	Seconds float64 `json:"seconds"` // until it goes to them
}

// State is all there is to know of a line, as one viewer sees it.
type State struct {
	Line    Phase     `json:"line"`
	Since   time.Time `json:"since"`
	Reason  string    `json:"reason,omitempty"` // why it is lost, held or full
	Viewers []Person  `json:"viewers"`          // in the order in which they came
	Holder  uint64    `json:"holder"`           // who has the keyboard; 0 is nobody
	Asking  *Ask      `json:"asking,omitempty"`
	You     uint64    `json:"you"`
	Answer  Answer    `json:"answer,omitempty"` // to your last ask
}

// Update is one piece of what a viewer sees; one field is set.
type Update struct {
	State *State
	Bytes []byte // the next ones of the stream
	// Live: the scrollback ends here, and what follows comes as it is said. A
	// terminal must not answer questions that stand in the scrollback.
	Live bool
}

// maxUpdate is the longest piece, in bytes.
const maxUpdate = 16 << 10

// ErrSlow ends a viewer that did not keep up with the line.
var ErrSlow = inventory.Errorf(inventory.Unavailable, "the viewer was dropped: it is more than %d KiB behind the line; look again", (history+slack)>>10)

// Next waits for the viewer's next piece: first a State, then the scrollback,
// Live, and whatever comes. The error is ErrSlow, or Unavailable when the
// appliance stops, or that of ctx.
func (v *Viewer) Next(ctx context.Context) (Update, error) {
	for {
		u, ok, err := v.next()
		if ok || err != nil {
			return u, err
		}
		select {
		case <-ctx.Done():
			return Update{}, ctx.Err()
		case <-v.wake:
		}
	}
}

func (v *Viewer) next() (Update, bool, error) {
	v.h.mu.Lock()
	defer v.h.mu.Unlock()
	s := v.l.stream
	switch {
	case v.h.closed || v.left:
		return Update{}, false, errStopping
	case v.pos < s.start():
		return Update{}, false, ErrSlow
	case v.news:
		v.news = false
		st := v.state()
		return Update{State: &st}, true, nil
	case !v.live && v.pos >= v.joined:
		v.live = true
		return Update{Live: true}, true, nil
	case v.pos < s.end:
		limit := int64(maxUpdate)
		if !v.live {
			limit = min(limit, v.joined-v.pos)
		}
		p := s.read(v.pos, int(limit))
		v.pos += int64(len(p))
		return Update{Bytes: p}, true, nil
	}
	return Update{}, false, nil
}

func (v *Viewer) state() State {
	l := v.l
	st := State{Line: l.phase, Since: l.since, Reason: l.reason, You: v.id, Answer: v.answer, Viewers: make([]Person, 0, len(l.viewers))}
	for _, o := range l.viewers {
		st.Viewers = append(st.Viewers, Person{o.id, o.who.Name, o.who.MayType})
	}
	if l.holder != nil {
		st.Holder = l.holder.id
	}
	if l.asker != nil {
		st.Asking = &Ask{l.asker.id, max(0, time.Until(l.until).Seconds())}
	}
	return st
}

func (v *Viewer) poke() {
	select {
	case v.wake <- struct{}{}:
	default:
	}
}

// typeTime is how long the BMC may take to take keys.
const typeTime = 5 * time.Second

// Type sends keystrokes to the machine and waits until the BMC takes them, at
// most 5 s. Those of a viewer without the keyboard, or on a line that is not
// live, go nowhere: it reports false.
func (v *Viewer) Type(ctx context.Context, p []byte) bool {
	v.h.mu.Lock()
	in, cut := v.l.in, v.l.cut
	mine := v.l.holder == v && in != nil
	v.h.mu.Unlock()
	if !mine || len(p) == 0 {
		return false
	}
	late := time.NewTimer(typeTime)
	defer late.Stop()
	select {
	case in <- p:
		return true
	case <-late.C:
	case <-cut:
	case <-ctx.Done():
	}
	return false
}

// Leave ends the viewer. The keyboard, if it has it, goes to who asks for it.
func (v *Viewer) Leave() {
	h, l := v.h, v.l
	h.mu.Lock()
	if v.left {
		h.mu.Unlock()
		return
	}
	v.left = true
	l.viewers = slices.DeleteFunc(l.viewers, func(o *Viewer) bool { return o == v })
	got := l.vacate(v)
	v.poke()
	l.tell()
	h.settle(l)
	h.refill()
	h.mu.Unlock()
	h.typing(l, got)
}
