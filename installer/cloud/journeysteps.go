package cloud

import (
	"strings"
	"time"

	"sandai/inventory"
)

// sight is where and when a step was seen; a zero time is not at all.
type sight struct {
	at     time.Time
	second bool
	source string
	line   string
}

func (e *evidence) began(a *access) sight {
	if a == nil {
		return sight{}
	}
	return sight{a.begin, a.Second, a.Source, a.Text}
}

func (e *evidence) ended(a *access) sight {
	if a == nil {
		return sight{}
	}
	return sight{a.end, a.Second, a.Source, a.Text}
}

func (e *evidence) wrote(l *inventory.LogLine) sight {
	if l == nil {
		return sight{}
	}
	return sight{l.At, l.Second, l.Source, l.Text}
}

func (e *evidence) marked(number int) sight {
	m := e.mark(number)
	if m == nil {
		return sight{}
	}
	return sight{at: *m.Seen, source: m.Source, line: m.Line}
}

// or takes the first that was seen.
func or(list ...sight) sight {
	for _, s := range list {
		if !s.at.IsZero() {
			return s
		}
	}
	return sight{}
}

func unlogged(*evidence) sight { return sight{} }

// The requests that the steps are seen by.
func (e *evidence) token() *access {
	from := e.marked(markLogin).at
	return e.find("keystone", func(a access) bool {
		return !from.IsZero() && a.method == "POST" && a.path == "/v3/auth/tokens" && strings.HasPrefix(a.agent, "gophercloud/") &&
			!a.begin.Before(from.Add(-2*time.Second))
	})
}

func (e *evidence) launch() *access     { return e.of("nova", "POST", "/v2.1/servers") }
func (e *evidence) candidates() *access { return e.of("placement", "GET", "/allocation_candidates") }
func (e *evidence) claim() *access      { return e.of("placement", "PUT", "/allocations/"+e.id) }
func (e *evidence) port() *access       { return e.of("neutron", "POST", "/v2.0/ports") }
func (e *evidence) bind() *access       { return e.of("neutron", "PUT", "/v2.0/ports/") }

// metadata is nova-compute's question for the image: nova-api asks it too, before.
func (e *evidence) metadata() *access {
	after := e.built().at
	return e.find("glance", func(a access) bool {
		return a.request == e.request && a.method == "GET" && a.path == "/v2/images/"+e.image && !after.IsZero() && a.end.After(after)
	})
}

func (e *evidence) checkedImage() *access {
	l := e.launch()
	return e.find("glance", func(a access) bool {
		return l != nil && a.request == e.request && a.path == "/v2/images/"+e.image && !a.begin.Before(l.begin.Add(-time.Second)) && !a.end.After(l.end.Add(time.Second))
	})
}

// network is nova-compute's first question to Neutron; nova-api has some before.
func (e *evidence) network() *access {
	after := e.built().at
	return e.find("neutron", func(a access) bool {
		return a.request == e.request && !after.IsZero() && a.end.After(after)
	})
}

func (e *evidence) volumes() *access { return e.of("cinder", "POST", "/v3/") }

// built is when nova-compute began, which it tells Nova's API as an event.
func (e *evidence) built() sight {
	for _, v := range e.events {
		if v.Event == "compute__do_build_and_run_instance" {
			host := ""
			if v.Host != nil {
				host = " host " + *v.Host
			}
			return sight{at: v.StartTime.UTC(), second: v.StartTime.Nanosecond() == 0, source: "API: os-instance-actions", line: "event " + v.Event + host + " " + v.StartTime.UTC().Format(time.RFC3339Nano)}
		}
	}
	return sight{}
}

func api(t time.Time, what string) sight {
	if t.IsZero() {
		return sight{}
	}
	return sight{at: t.UTC(), second: t.Nanosecond() == 0, source: "API: " + what, line: t.UTC().Format(time.RFC3339Nano)}
}

// steps lays the evidence beside the book's 28 steps, and what has joined since.
// It is pure: what no evidence speaks of stays unseen.
func (e *evidence) steps() []inventory.JourneyStep {
	var out []inventory.JourneyStep
	for _, r := range journeyRows {
		s := inventory.JourneyStep{Number: r.number, Who: r.who, What: r.what, Note: r.note}
		if seen := r.find(e); !seen.at.IsZero() {
			at := seen.at.UTC()
			s.Seen, s.Second, s.Source, s.Line = &at, seen.second, seen.source, cut(seen.line)
		} else if r.unseen.EN != "" {
			s.Note = r.unseen
		} else if r.note.EN == "" {
			s.Note = notThere
		}
		out = append(out, s)
	}
	return out
}

// cut keeps a line as long as a page shows.
func cut(line string) string {
	const most = 400
	if len(line) <= most {
		return line
	}
	return strings.ToValidUTF8(line[:most], "") + "…"
}
