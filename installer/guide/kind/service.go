package kind

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
)

// Service sets the state of systemd units. While an image is built (the host is
// not booted) only enabling and masking apply.
type Service struct {
	Names   []string `json:"names" yaml:"names"` // "nova-api" or "fstrim.timer"
	Enabled *bool    `json:"enabled,omitempty" yaml:"enabled,omitempty"`
	Masked  *bool    `json:"masked,omitempty" yaml:"masked,omitempty"`
	// State is "started" (and restarted, where a step that notifies the unit has changed
	// something), "restarted" (each time), "stopped", or "" as it is.
	State string `json:"state,omitempty" yaml:"state,omitempty"`
	// Block false starts without waiting until the unit is up; a wait step
	// then says when it is. True when absent.
	Block *bool `json:"block,omitempty" yaml:"block,omitempty"`

	found []string // what Check found to be not as wanted
}

// Validate checks the state's name and that something is asked for.
func (s *Service) Validate() error {
	if len(s.Names) == 0 {
		return errors.New("names: wants at least one unit")
	}
	if !slices.Contains([]string{"", "started", "restarted", "stopped"}, s.State) {
		return fmt.Errorf("state %q: wants started, restarted or stopped", s.State)
	}
	if s.Enabled == nil && s.Masked == nil && s.State == "" {
		return errors.New("wants one of enabled, masked and state")
	}
	if s.Masked != nil && *s.Masked && (s.Enabled != nil && *s.Enabled || s.State == "started" || s.State == "restarted") {
		return errors.New("a masked unit can be neither enabled nor started")
	}
	return nil
}

func (s *Service) blocks() bool { return s.Block == nil || *s.Block }

// systemctl never calls the helpers for SysV scripts: Debian's OpenStack units
// still have such scripts beside them, and each call costs seconds.
func systemctl(h Host, args ...string) Cmd {
	c := Cmd{Args: append([]string{"/usr/bin/systemctl"}, args...), Env: []string{"SYSTEMCTL_SKIP_SYSV=1", "LC_ALL=C.UTF-8"}}
	if !h.Booted() {
		c.Env = append(c.Env, "SYSTEMD_OFFLINE=1")
	}
	return c
}

// files returns the unit file state of each unit, "" for one that is not there.
// is-enabled reads the links afresh; the UnitFileState that show prints is
// remembered from before.
func (s *Service) files(ctx context.Context, h Host) ([]string, error) {
	r, err := h.Run(ctx, systemctl(h, append([]string{"is-enabled", "--"}, s.Names...)...))
	if err != nil {
		return nil, fmt.Errorf("ask systemd: %w", err)
	}
	out := strings.Split(strings.TrimSpace(r.Stdout), "\n")
	if len(out) != len(s.Names) {
		return nil, fmt.Errorf("systemctl is-enabled answered for %d of %d units: %s", len(out), len(s.Names), lastLines(r, 4))
	}
	for i := range out {
		if out[i] == "not-found" {
			out[i] = ""
		}
	}
	return out, nil
}

// unitState is what systemd says of a loaded unit.
type unitState struct{ load, active, sub, result, job string }

func (u unitState) String() string {
	return fmt.Sprintf("%s (%s), result %s", u.active, u.sub, u.result)
}

// coming reports whether the unit is on its way up, or waits for one that is.
func (u unitState) coming() bool {
	return u.job != "" || u.active == "activating" || u.active == "reloading"
}

// lost reports whether the unit will not come up by itself. A unit between two
// automatic restarts is activating.
func (u unitState) lost() bool {
	return u.load == "not-found" || u.job == "" && (u.active == "failed" || u.active == "inactive")
}

func showUnits(ctx context.Context, h Host, names []string) ([]unitState, error) {
	r, err := must(ctx, h, systemctl(h, append([]string{"show", "--no-pager", "-p", "LoadState,ActiveState,SubState,Result,Job", "--"}, names...)...))
	if err != nil {
		return nil, err
	}
	var out []unitState
	for block := range strings.SplitSeq(strings.TrimSpace(r.Stdout), "\n\n") {
		var u unitState
		for line := range strings.Lines(block) {
			k, v, _ := strings.Cut(strings.TrimSpace(line), "=")
			switch k {
			case "LoadState":
				u.load = v
			case "ActiveState":
				u.active = v
			case "SubState":
				u.sub = v
			case "Result":
				u.result = v
			case "Job": // queued or running, "" when there is none
				u.job = v
			}
		}
		out = append(out, u)
	}
	if len(out) != len(names) {
		return nil, fmt.Errorf("systemctl show answered for %d of %d units", len(out), len(names))
	}
	return out, nil
}

// unfit says what of a unit is not as wanted; "" when all is.
func (s *Service) unfit(file string, u *unitState) string {
	masked := strings.HasPrefix(file, "masked")
	enabled := strings.HasPrefix(file, "enabled") || file == "static" || file == "alias" || file == "generated"
	switch {
	case s.Masked != nil && *s.Masked && !masked:
		return "is not masked"
	case s.Masked != nil && !*s.Masked && masked:
		return "is masked"
	case s.Enabled != nil && *s.Enabled && !enabled:
		return "is not enabled, but " + file
	case s.Enabled != nil && !*s.Enabled && strings.HasPrefix(file, "enabled"):
		return "is enabled"
	case u == nil:
		return ""
	case s.State == "started" || s.State == "restarted":
		if u.active == "active" || !s.blocks() && u.coming() {
			return ""
		}
		return "is " + u.String()
	case s.State == "stopped" && u.active != "inactive" && u.active != "failed":
		return "is " + u.String()
	}
	return ""
}

// look compares all units; every mismatch is named.
func (s *Service) look(ctx context.Context, h Host) (units []unitState, unfit []string, err error) {
	files := make([]string, len(s.Names))
	if s.Enabled != nil || s.Masked != nil {
		if files, err = s.files(ctx, h); err != nil {
			return nil, nil, err
		}
	}
	if h.Booted() && s.State != "" {
		if units, err = showUnits(ctx, h, s.Names); err != nil {
			return nil, nil, err
		}
	}
	var due []string
	if h.Booted() && s.State == "started" {
		if due, err = dueRestarts(h, s.Names); err != nil {
			return nil, nil, err
		}
	}
	for i, n := range s.Names {
		var u *unitState
		if units != nil {
			u = &units[i]
		}
		why := s.unfit(files[i], u)
		if why == "" && slices.Contains(due, n) {
			why = "runs with earlier settings"
		}
		if why != "" {
			unfit = append(unfit, n+" "+why)
		}
	}
	return units, unfit, nil
}

// Check compares; a restart is never done beforehand.
func (s *Service) Check(ctx context.Context, h Host) (bool, error) {
	if s.State == "restarted" && h.Booted() {
		return false, nil
	}
	var err error
	_, s.found, err = s.look(ctx, h)
	return err == nil && len(s.found) == 0, err
}

// Apply masks, enables and starts, in this order; a unit that is not there
// needs no disabling.
func (s *Service) Apply(ctx context.Context, h Host) error {
	var verbs [][]string
	add := func(yes *bool, on, off string) {
		if yes != nil && *yes {
			verbs = append(verbs, []string{on})
		} else if yes != nil {
			verbs = append(verbs, []string{off})
		}
	}
	add(s.Masked, "mask", "unmask")
	add(s.Enabled, "enable", "disable")
	for _, v := range verbs {
		names := s.Names
		if v[0] == "disable" {
			var err error
			if names, err = s.present(ctx, h); err != nil {
				return err
			}
			if len(names) == 0 {
				continue
			}
		}
		args := append(v, "--no-reload") // links alone change nothing that runs
		if _, err := must(ctx, h, systemctl(h, append(args, names...)...)); err != nil {
			return err
		}
	}
	if !h.Booted() {
		return nil
	}
	if s.Masked != nil { // a mask counts only once systemd has read it
		if _, err := must(ctx, h, systemctl(h, "daemon-reload")); err != nil {
			return err
		}
	}
	switch s.State {
	case "started":
		return s.start(ctx, h)
	case "restarted":
		args := []string{"restart"}
		if !s.blocks() {
			args = append(args, "--no-block")
		}
		_, err := mustLong(ctx, h, systemctl(h, append(args, s.Names...)...))
		return err
	case "stopped":
		_, err := mustLong(ctx, h, systemctl(h, append([]string{"stop"}, s.Names...)...))
		return err
	}
	return nil
}

// start starts what does not run, and restarts what runs with earlier settings. Of the
// latter it waits for the end, lest the old one be taken for the new one by what waits
// for the service; only then is the restart forgotten, so that no crash loses it.
// Verify waits for both, and can say why a unit does not come up.
func (s *Service) start(ctx context.Context, h Host) error {
	due, err := dueRestarts(h, s.Names)
	if err != nil {
		return err
	}
	if len(due) > 0 {
		if _, err := h.RunLong(ctx, systemctl(h, append([]string{"restart"}, due...)...)); err != nil {
			return err
		}
	}
	if _, err := must(ctx, h, systemctl(h, append([]string{"start", "--no-block"}, s.Names...)...)); err != nil {
		return err
	}
	return forgetRestarts(h, due)
}

func (s *Service) present(ctx context.Context, h Host) ([]string, error) {
	files, err := s.files(ctx, h)
	if err != nil {
		return nil, err
	}
	var out []string
	for i, f := range files {
		if f != "" {
			out = append(out, s.Names[i])
		}
	}
	return out, nil
}

// lookAgain is the time between two looks at units that are on their way.
const lookAgain = 2 * time.Second

// Verify waits until all units are as wanted, and gives up when one has failed
// for good or the context ends.
func (s *Service) Verify(ctx context.Context, h Host) error {
	failed := 0
	for {
		units, unfit, err := s.look(ctx, h)
		if err != nil || len(unfit) == 0 {
			return err
		}
		bad := s.State != "stopped" && slices.ContainsFunc(units, unitState.lost)
		if failed++; !bad {
			failed = 0
		}
		why := strings.Join(unfit, "; ")
		if s.State == "" || !h.Booted() {
			return errors.New(why)
		}
		if failed >= 3 { // three looks, in case systemd is just between two states
			return fmt.Errorf("%s; see journalctl -u %s", why, s.Names[0])
		}
		if err := sleep(ctx, lookAgain); err != nil {
			return fmt.Errorf("%s: %w", why, err)
		}
	}
}
