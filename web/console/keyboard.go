package console

import "time"

// Ask asks for the keyboard. A free one is had at once; else its holder is
// asked, and without an answer within 15 s it changes hands.
func (v *Viewer) Ask() {
	h, l := v.h, v.l
	h.mu.Lock()
	var got *Viewer
	v.answer = ""
	switch {
	case v.left || l.holder == v || l.asker == v:
	case !v.who.MayType:
		v.answer = MayNot
	case l.holder == nil:
		l.holder, got = v, v
	case l.asker != nil:
		v.answer = Busy
	default:
		l.asker, l.until = v, time.Now().Add(askTime)
		var timer *time.Timer
		timer = time.AfterFunc(askTime, func() {
			h.mu.Lock()
			var got *Viewer
			if l.answer == timer { // still the same question
				got = l.hand(v)
			}
			h.mu.Unlock()
			h.typing(l, got)
		})
		l.answer = timer
	}
	l.tell()
	h.mu.Unlock()
	h.typing(l, got)
}

// Give gives the keyboard to the viewer who asks for it; 0 lays it down. It does
// nothing when the viewer does not have it, or that one does not ask any more.
func (v *Viewer) Give(to uint64) {
	h, l := v.h, v.l
	h.mu.Lock()
	var got *Viewer
	switch {
	case l.holder != v:
	case to == 0:
		got = l.vacate(v)
	case l.asker != nil && l.asker.id == to:
		got = l.hand(l.asker)
	}
	l.tell()
	h.mu.Unlock()
	h.typing(l, got)
}

// Refuse says no to the viewer who asks.
func (v *Viewer) Refuse(who uint64) {
	v.h.mu.Lock()
	defer v.h.mu.Unlock()
	if l := v.l; l.holder == v && l.asker != nil && l.asker.id == who {
		l.asker.answer = Refused
		l.quiet()
		l.tell()
	}
}

// Holds reports whether the viewer has the keyboard.
func (v *Viewer) Holds() bool {
	v.h.mu.Lock()
	defer v.h.mu.Unlock()
	return v.l.holder == v
}

// hand gives the keyboard to a viewer and returns it.
func (l *line) hand(to *Viewer) *Viewer {
	l.quiet()
	l.holder = to
	to.answer = ""
	l.tell()
	return to
}

// vacate takes the keyboard and the question from a viewer, and returns who has
// the keyboard now for the first time.
func (l *line) vacate(v *Viewer) *Viewer {
	if l.asker == v {
		l.quiet()
	}
	if l.holder != v {
		return nil
	}
	l.holder = nil
	if l.asker != nil {
		return l.hand(l.asker)
	}
	return nil
}

// quiet ends the question.
func (l *line) quiet() {
	if l.answer != nil {
		l.answer.Stop()
	}
	l.asker, l.answer, l.until = nil, nil, time.Time{}
}

// typing tells of a keyboard's new holder, if there is one. The hub is not locked.
func (h *Hub) typing(l *line, got *Viewer) {
	if got != nil && h.Typing != nil {
		h.Typing(l.key.rack, l.key.node, got.who.Name)
	}
}
