package host

import (
	"bufio"
	"context"
	"io"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"sandai/installer/guide/kind"
	"sandai/inventory"
)

const (
	// mostRead is how much of the end of a log file is searched, in bytes.
	mostRead = 32 << 20
	// mostLine cuts a line; a traceback or a dump in one line says enough so.
	mostLine = 2000
)

// grep finds lines of logs. What cannot be read is named with its error, and
// the rest is searched. Together the lines are no longer than an answer may be.
func (d *Desk) grep(ctx context.Context, c inventory.Call) ([]inventory.LogLine, []inventory.LogText) {
	var lines []inventory.LogLine
	var bad []inventory.LogText
	for _, path := range c.Files {
		found, err := d.grepFile(path, c)
		if err != nil {
			bad = append(bad, inventory.LogText{Source: path, Error: err.Error()})
		}
		lines = append(lines, found...)
	}
	for _, u := range c.Units {
		// @ and a number is a time in any zone, systemd.time(7); whole seconds around.
		res, err := execute(ctx, kind.Cmd{Args: []string{"journalctl", "--unit=" + u, "--output=short-iso-precise", "--no-pager", "--quiet", "--utc",
			"--since=" + at(c.Since), "--until=" + at(c.Until.Add(time.Second))}})
		if err != nil || res.Code != 0 {
			l := inventory.LogText{Source: "journal of " + u, Error: strings.TrimSpace(res.Stderr)}
			if err != nil {
				l.Error = err.Error()
			}
			bad = append(bad, l)
			continue
		}
		lines = append(lines, search(strings.NewReader(res.Stdout), "journal of "+u, c)...)
	}
	slices.SortStableFunc(lines, func(a, b inventory.LogLine) int { return a.At.Compare(b.At) })
	size := 0
	for i, l := range lines {
		if size += len(l.Text); size > inventory.MaxCallText {
			bad = append(bad, inventory.LogText{Source: "all", Cut: true, Error: "more was found than an answer may hold; the rest of the lines, from " + l.At.UTC().Format(time.TimeOnly) + " on, is missing"})
			return lines[:i], bad
		}
	}
	return lines, bad
}

func at(t time.Time) string { return t.UTC().Format("2006-01-02 15:04:05 UTC") }

func (d *Desk) grepFile(path string, c inventory.Call) ([]inventory.LogLine, error) {
	f, err := d.openLog(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	end, err := f.Seek(0, io.SeekEnd)
	if err != nil {
		return nil, err
	}
	if _, err := f.Seek(max(0, end-mostRead), io.SeekStart); err != nil {
		return nil, err
	}
	return search(io.LimitReader(f, mostRead), path, c), nil
}

// search keeps the lines that hold one of the texts and whose own time is
// between the two.
func search(r io.Reader, source string, c inventory.Call) []inventory.LogLine {
	var out []inventory.LogLine
	s := bufio.NewReaderSize(r, 64<<10)
	for {
		line, err := s.ReadString('\n')
		line = strings.TrimRight(line, "\r\n")
		if slices.ContainsFunc(c.Match, func(m string) bool { return strings.Contains(line, m) }) {
			if t, second, ok := lineTime(line); ok && !t.Before(floor(c.Since, second)) && !t.After(c.Until) {
				if len(line) > mostLine {
					line = line[:mostLine] + "…"
				}
				out = append(out, inventory.LogLine{Source: source, At: t.UTC(), Second: second, Text: strings.ToValidUTF8(line, "\uFFFD")})
			}
		}
		if err != nil {
			return out
		}
	}
}

// floor is the beginning of a second for logs that give no more.
func floor(t time.Time, second bool) time.Time {
	if second {
		return t.Truncate(time.Second)
	}
	return t
}

// stamps are the ways in which the cloud's logs give the time of a line. Those
// without a zone are in the node's.
var stamps = []struct {
	find   *regexp.Regexp
	layout string
	second bool
}{
	// oslo.log
	{regexp.MustCompile(`^(\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{3}) `), "2006-01-02 15:04:05.000", false},
	// QEMU's log by libvirt
	{regexp.MustCompile(`^(\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{3}[+-]\d{4}): `), "2006-01-02 15:04:05.000-0700", false},
	// journalctl --output=short-iso-precise
	{regexp.MustCompile(`^(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}[+-]\d\d:?\d\d) `), "2006-01-02T15:04:05.000000-0700", false},
	// uwsgi's own format of requests
	{regexp.MustCompile(` \[((?:Mon|Tue|Wed|Thu|Fri|Sat|Sun) [A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d \d{4})\] `), "Mon Jan _2 15:04:05 2006", true},
	// Apache's
	{regexp.MustCompile(` \[(\d\d/[A-Z][a-z]{2}/\d{4}:\d\d:\d\d:\d\d [+-]\d{4})\] `), "02/Jan/2006:15:04:05 -0700", true},
}

// uwsgiStamp begins a line of uwsgi in the format that the guide sets:
// milliseconds since 1970.
var uwsgiStamp = regexp.MustCompile(`^(\d{13}) `)

// lineTime reads the time of a line; second says that it is in whole seconds.
func lineTime(line string) (t time.Time, second, ok bool) {
	if m := uwsgiStamp.FindStringSubmatch(line); m != nil {
		ms, err := strconv.ParseInt(m[1], 10, 64)
		return time.UnixMilli(ms), false, err == nil
	}
	for _, s := range stamps {
		m := s.find.FindStringSubmatch(line)
		if m == nil {
			continue
		}
		v := m[1]
		if n := len(v); !s.second && n > 3 && v[n-3] == ':' && (v[n-6] == '+' || v[n-6] == '-') {
			v = v[:n-3] + v[n-2:] // +09:00, as journalctl writes it on newer systems
		}
		if t, err := time.ParseInLocation(s.layout, v, time.Local); err == nil {
			return t, s.second, true
		}
	}
	return time.Time{}, false, false
}
