package cloud

import (
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/gophercloud/gophercloud/v2/openstack/compute/v2/instanceactions"

	"sandai/inventory"
)

// evidence is all that was seen of a server's way.
type evidence struct {
	id      string // the server's
	image   string
	request string                  // Nova's ID of the request that made it
	marks   []inventory.JourneyStep // by the client itself, while it asked
	created time.Time               // as the API says, in seconds
	action  time.Time               // when the action "create" was recorded
	events  []instanceactions.Event
	lines   []inventory.LogLine
	asked   []access
}

// access is one request to an API, out of a log that is written at its end.
type access struct {
	inventory.LogLine
	begin, end time.Time
	method     string
	path       string
	status     string
	request    string // the ID that the asker sent along, "-" for none
	agent      string // the asker's program, where the log tells it
}

var (
	// uwsgi in the format that the guide sets (log-format).
	uwsgiLine = regexp.MustCompile(`^\d{13} \S+ "(\S+) (\S+) [^"]*" (\d{3}) \d+ bytes in (\d+) ms, \[[^\]]*\], request (\S+), by "(.*)"$`)
	// The request log of Nova and Placement (oslo.middleware's shape); Nova's tells
	// the time taken, in seconds.
	requestLine = regexp.MustCompile(`requestlog \[(\S+) (\S+) .*\] \S+ "(\S+) (\S+)" status: (\d{3}) len: \S+ microversion: \S+(?: time: ([\d.]+))?`)
	// Glance, on eventlet.
	eventletLine = regexp.MustCompile(`eventlet\.wsgi\.server \[(\S+) (\S+) .*\] \S+ - - \[[^\]]*\] "(\S+) (\S+) [^"]*" (\d{3}) \d+ ([\d.]+)$`)
)

// add takes a line in, as a request where it is one.
func (e *evidence) add(l inventory.LogLine) {
	e.lines = append(e.lines, l)
	a := access{LogLine: l, begin: l.At, end: l.At}
	took := ""
	if m := uwsgiLine.FindStringSubmatch(l.Text); m != nil {
		a.method, a.path, a.status, a.request, a.agent = m[1], m[2], m[3], m[5], m[6]
		ms, _ := strconv.Atoi(m[4]) // digits alone
		a.end = a.begin.Add(time.Duration(ms) * time.Millisecond)
	} else if m := requestLine.FindStringSubmatch(l.Text); m != nil {
		a.request, a.method, a.path, a.status, took = asked(m[1], m[2]), m[3], m[4], m[5], m[6]
	} else if m := eventletLine.FindStringSubmatch(l.Text); m != nil {
		a.request, a.method, a.path, a.status, took = asked(m[1], m[2]), m[3], m[4], m[5], m[6]
	} else {
		return
	}
	if s, err := strconv.ParseFloat(took, 64); err == nil {
		a.begin = a.end.Add(-time.Duration(s * float64(time.Second)))
	}
	e.asked = append(e.asked, a)
}

// asked is the ID that a request came with: the global one, which oslo.log
// writes before its own, or for a client's own request its own.
func asked(global, own string) string {
	if global != "None" && global != "-" {
		return global
	}
	return own
}

// find returns the first request to a service that suits, in the order in which
// they began.
func (e *evidence) find(service string, ok func(access) bool) *access {
	var best *access
	for i := range e.asked {
		a := &e.asked[i]
		if strings.Contains(a.Source, "/var/log/"+service+"/") && ok(*a) && (best == nil || a.begin.Before(best.begin)) {
			best = a
		}
	}
	return best
}

// of finds a request that carries the server's request ID.
func (e *evidence) of(service, method, path string) *access {
	return e.find(service, func(a access) bool {
		return a.request == e.request && a.method == method && strings.HasPrefix(a.path, path)
	})
}

// line returns the first line of a log that holds both texts.
func (e *evidence) line(log, a, b string) *inventory.LogLine {
	for i := range e.lines {
		if l := &e.lines[i]; strings.Contains(l.Source, log) && strings.Contains(l.Text, a) && strings.Contains(l.Text, b) {
			return l
		}
	}
	return nil
}

// validation finds where a service had a token checked by Keystone while it
// worked on a request: Keystone's log tells by the asker's program who that is.
func (e *evidence) validation(service string, during *access) *access {
	if during == nil {
		return nil
	}
	return e.find("keystone", func(a access) bool {
		return a.method == "GET" && strings.HasPrefix(a.path, "/v3/auth/tokens") && strings.HasPrefix(a.agent, service+"/") &&
			!a.begin.Before(during.begin.Add(-time.Second)) && !a.begin.After(during.end)
	})
}

// mark returns what the client itself noted of a step.
func (e *evidence) mark(number int) *inventory.JourneyStep {
	for i := range e.marks {
		if e.marks[i].Number == number && e.marks[i].Seen != nil {
			return &e.marks[i]
		}
	}
	return nil
}
