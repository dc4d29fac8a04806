package kind

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// restarts has a file for each unit that is due to be restarted, because it runs with
// settings from before a step. A node that is booted anew begins without any, as its
// units then start with what there is.
const restarts = "/run/sandai/restart"

// FullName is a unit's name with its type, as "nova-api.service".
func FullName(unit string) string {
	if strings.Contains(unit, ".") {
		return unit
	}
	return unit + ".service"
}

func restartMark(h Host, unit string) string {
	return filepath.Join(at(h, restarts), FullName(unit))
}

// askRestart has the next service step that starts them restart those of the units that
// run. It is asked before anything changes, so that no crash loses it. Restarting them at
// once would be too early: what they call, such as a database, may still wait for its
// own new settings.
func askRestart(ctx context.Context, h Host, units []string) error {
	if len(units) == 0 || !h.Booted() {
		return nil
	}
	states, err := showUnits(ctx, h, units)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(at(h, restarts), 0o755); err != nil {
		return err
	}
	for i, u := range units {
		if states[i].lost() {
			continue // what the guide starts later reads its new settings then
		}
		if err := os.WriteFile(restartMark(h, u), nil, 0o644); err != nil {
			return err
		}
	}
	return nil
}

// dueRestarts are those of the units that are to be restarted.
func dueRestarts(h Host, units []string) (due []string, err error) {
	for _, u := range units {
		_, err := os.Stat(restartMark(h, u))
		switch {
		case err == nil:
			due = append(due, u)
		case !errors.Is(err, fs.ErrNotExist):
			return nil, fmt.Errorf("ask whether %s is due to be restarted: %w", u, err)
		}
	}
	return due, nil
}

func forgetRestarts(h Host, units []string) error {
	for _, u := range units {
		if err := os.Remove(restartMark(h, u)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return nil
}
