package host

import (
	"context"
	"errors"
	"io"
	"os"
	"regexp"
	"strings"

	"sandai/inventory"
)

// Desk answers the appliance's calls on the booted system.
type Desk struct {
	Service ServiceManager
	Logs    string // directory of the log files, "/var/log"
	// Fetch reads the sealed copy of the appliance, Copy is where it is kept.
	Fetch func(ctx context.Context) (io.ReadCloser, error)
	Copy  string
}

// ServiceManager is systemd as calls need it; Systemd is the real one.
type ServiceManager interface {
	// Look tells how units fare, in the order asked for.
	Look(ctx context.Context, units []string) ([]inventory.Unit, error)
	// Restart restarts a unit and waits until that is done or has failed.
	Restart(ctx context.Context, unit string) error
}

// What a call may ask for at most.
const (
	mostUnits = 100
	mostLines = 2000
	mostFiles = 20
	mostMatch = 20
)

// Answer carries a call out. Its arguments are checked here too, whatever the
// appliance has checked: only units that the guide may run, only files of their
// logs, and nothing else.
func (d *Desk) Answer(ctx context.Context, c inventory.Call) inventory.CallAnswer {
	var a inventory.CallAnswer
	err := checkCall(c)
	if err == nil {
		switch c.Kind {
		case inventory.CallUnits:
			a.Units, err = d.Service.Look(ctx, c.Units)
		case inventory.CallRestart:
			a.Units, err = d.restart(ctx, c.Units[0])
		case inventory.CallJournal:
			a.Logs, err = d.journal(ctx, c.Units[0], c.Lines)
		case inventory.CallGrep:
			a.Lines, a.Logs = d.grep(ctx, c)
		case inventory.CallCopy:
			err = d.keepCopy(ctx, c.Digest)
		}
	}
	if err != nil {
		a.Code, a.Error = inventory.CodeOf(err), err.Error()
	}
	return a
}

func (d *Desk) restart(ctx context.Context, unit string) ([]inventory.Unit, error) {
	if err := d.Service.Restart(ctx, unit); err != nil {
		return nil, err
	}
	return d.Service.Look(ctx, []string{unit})
}

// agentUnit is the agent's own; its restart would lose the answer.
const agentUnit = "sandai-agent.service"

var (
	// knownUnit matches the units that the guide starts. The node does not have
	// the guide; a test holds the two together.
	knownUnit = regexp.MustCompile(`^(mariadb|rabbitmq-server|memcached|chrony|apache2|keystone|placement-api|glance-[a-z-]+|nova-[a-z-]+|neutron-[a-z0-9-]+|cinder-[a-z-]+|tgt|iscsid|libvirtd|virtlogd|openvswitch-switch|sandai-ovs)\.service$`)
	logFile   = regexp.MustCompile(`^/var/log/(keystone|placement|glance|nova|neutron|cinder|apache2|libvirt/qemu)/[A-Za-z0-9@_-]+(\.[A-Za-z0-9@_-]+)*\.log$`)
	matchText = regexp.MustCompile(`^[ -~]{4,100}$`)
)

func checkCall(c inventory.Call) error {
	refuse := func(format string, a ...any) error {
		return inventory.Errorf(inventory.Invalid, "the node's agent refuses: "+format, a...)
	}
	for _, u := range c.Units {
		if !knownUnit.MatchString(u) && (u != agentUnit || c.Kind == inventory.CallRestart) {
			return refuse("%q is not a unit that the guide starts", u)
		}
	}
	for _, f := range c.Files {
		if !logFile.MatchString(f) {
			return refuse("%q is not a log file of the cloud", f)
		}
	}
	for _, m := range c.Match {
		if !matchText.MatchString(m) {
			return refuse("%q is not a text of 4 to 100 characters to look for", m)
		}
	}
	one := len(c.Units) == 1
	switch c.Kind {
	case inventory.CallUnits:
		if len(c.Units) == 0 || len(c.Units) > mostUnits {
			return refuse("%d units are asked about; 1 to %d may be", len(c.Units), mostUnits)
		}
	case inventory.CallRestart:
		if !one {
			return refuse("a restart is of one unit, not of %d", len(c.Units))
		}
	case inventory.CallJournal:
		if !one || c.Lines < 1 || c.Lines > mostLines {
			return refuse("a journal is of one unit and 1 to %d lines", mostLines)
		}
	case inventory.CallGrep:
		if len(c.Files)+len(c.Units) == 0 || len(c.Files)+len(c.Units) > mostFiles || len(c.Match) == 0 || len(c.Match) > mostMatch || !c.Since.Before(c.Until) {
			return refuse("1 to %d logs are searched for 1 to %d texts between two times", mostFiles, mostMatch)
		}
	case inventory.CallCopy:
		if !digestText.MatchString(c.Digest) {
			return refuse("%q is not a SHA-256", c.Digest)
		}
	default:
		return refuse("it knows no call %q: appliance and agent are of different versions, install the node again", c.Kind)
	}
	return nil
}

// openLog opens a log file that is below the directory of logs whatever symbolic
// links say: a service may write in its own directory there, the agent is root.
func (d *Desk) openLog(path string) (*os.File, error) {
	root, err := os.OpenRoot(d.Logs)
	if err != nil {
		return nil, err
	}
	defer root.Close()
	name := strings.TrimPrefix(path, "/var/log/")
	// A pipe or a device could block, or do something when it is opened.
	if st, err := root.Lstat(name); err != nil {
		return nil, err
	} else if !st.Mode().IsRegular() {
		return nil, errors.New("it is no regular file")
	}
	return root.Open(name)
}
