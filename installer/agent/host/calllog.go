package host

import (
	"bytes"
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"slices"
	"strconv"
	"strings"

	"sandai/installer/guide/kind"
	"sandai/inventory"
)

// otherLogs are the log files of units whose files are not named after them.
var otherLogs = map[string][]string{
	"apache2":            {"apache2/error.log"},
	"openvswitch-switch": {"openvswitch/ovs-vswitchd.log", "openvswitch/ovsdb-server.log"},
	"rabbitmq-server":    {"rabbitmq/rabbit@*.log"},
	"mariadb":            {"mysql/error.log"},
}

// logsOf names the files that a unit may log to, below the directory of logs.
func (d *Desk) logsOf(unit string) []string {
	name := strings.TrimSuffix(unit, ".service")
	patterns, ok := otherLogs[name]
	if !ok {
		service, _, _ := strings.Cut(name, "-")
		patterns = []string{service + "/" + name + ".log"}
	}
	var out []string
	for _, p := range patterns {
		if !strings.Contains(p, "*") {
			out = append(out, "/var/log/"+p)
			continue
		}
		root, err := os.OpenRoot(d.Logs)
		if err != nil {
			continue
		}
		found, _ := fs.Glob(root.FS(), p) // the pattern is well formed
		root.Close()
		for _, f := range found {
			out = append(out, "/var/log/"+f)
		}
	}
	return out
}

// journal returns the last lines of a unit's journal and of each of its log
// files that there is. Together they are no longer than an answer may be.
func (d *Desk) journal(ctx context.Context, unit string, lines int) ([]inventory.LogText, error) {
	res, err := execute(ctx, kind.Cmd{Args: []string{"journalctl", "--unit=" + unit, "--lines=" + strconv.Itoa(lines), "--output=short-iso-precise", "--no-pager", "--quiet"}})
	if err != nil {
		return nil, err
	}
	logs := []inventory.LogText{{Source: "journal", Text: res.Stdout}}
	if res.Code != 0 {
		logs[0].Error = strings.TrimSpace(res.Stderr)
	}
	for _, path := range d.logsOf(unit) {
		text, cut, err := d.tail(path, lines)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		l := inventory.LogText{Source: path, Text: text, Cut: cut}
		if err != nil {
			l.Error = err.Error()
		}
		logs = append(logs, l)
	}
	share(logs)
	return logs, nil
}

// share cuts texts, from their beginning, to what an answer may hold: the
// shortest first, so that what one leaves of its share is the others'.
func share(logs []inventory.LogText) {
	order := make([]*inventory.LogText, len(logs))
	for i := range logs {
		logs[i].Text = strings.ToValidUTF8(logs[i].Text, "\uFFFD")
		order[i] = &logs[i]
	}
	slices.SortFunc(order, func(a, b *inventory.LogText) int { return len(a.Text) - len(b.Text) })
	left := inventory.MaxCallText
	for i, l := range order {
		if part := left / (len(order) - i); len(l.Text) > part {
			l.Cut, l.Text = true, wholeLines(l.Text[len(l.Text)-part:])
		}
		left -= len(l.Text)
	}
}

// wholeLines drops a first line that was cut in two.
func wholeLines(s string) string {
	if _, rest, ok := strings.Cut(s, "\n"); ok {
		return rest
	}
	return strings.ToValidUTF8(s, "")
}

// tail returns the last lines of a log file; cut says that there were more.
func (d *Desk) tail(path string, lines int) (text string, cut bool, err error) {
	f, err := d.openLog(path)
	if err != nil {
		return "", false, err
	}
	defer f.Close()
	if end, err := f.Seek(0, io.SeekEnd); err != nil {
		return "", false, err
	} else if _, err := f.Seek(max(0, end-inventory.MaxCallText), io.SeekStart); err != nil {
		return "", false, err
	} else {
		cut = end > inventory.MaxCallText
	}
	b, err := io.ReadAll(io.LimitReader(f, inventory.MaxCallText))
	if err != nil {
		return "", false, err
	}
	if cut {
		b = []byte(wholeLines(string(b)))
	}
	end := bytes.TrimSuffix(b, []byte("\n"))
	for i := len(end); lines > 0; lines-- {
		if i = bytes.LastIndexByte(end[:i], '\n'); i < 0 {
			return string(b), cut, nil
		}
		if lines == 1 {
			return string(b[i+1:]), true, nil
		}
	}
	return string(b), cut, nil
}
