package host

import (
	"context"
	"errors"
	"fmt"
	"math"
	"time"

	"github.com/coreos/go-systemd/v22/dbus"
	godbus "github.com/godbus/dbus/v5"

	"sandai/inventory"
)

// Look implements ServiceManager.
func (Systemd) Look(ctx context.Context, names []string) ([]inventory.Unit, error) {
	conn, err := dbus.NewSystemdConnectionContext(ctx)
	if err != nil {
		return nil, fmt.Errorf("reach systemd: %w", err)
	}
	defer conn.Close()
	list, err := conn.ListUnitsByNamesContext(ctx, names)
	if err != nil {
		return nil, fmt.Errorf("ask systemd for its units: %w", err)
	}
	have := map[string]dbus.UnitStatus{}
	for _, u := range list {
		have[u.Name] = u
	}
	var out []inventory.Unit
	for _, name := range names {
		s, ok := have[name]
		u := inventory.Unit{Name: name, Load: "not-found", Active: "inactive", Sub: "dead"}
		if ok {
			u.Description, u.Load, u.Active, u.Sub = s.Description, s.LoadState, s.ActiveState, s.SubState
		}
		if u.Load == "loaded" {
			if err := detail(ctx, conn, &u); err != nil {
				return nil, err
			}
		}
		out = append(out, u)
	}
	return out, nil
}

// detail asks for single properties, as State does.
func detail(ctx context.Context, conn *dbus.Conn, u *inventory.Unit) error {
	entered := "ActiveEnterTimestamp"
	switch u.Active {
	case "active", "reloading":
	case "inactive", "failed":
		entered = "InactiveEnterTimestamp"
	default:
		entered = "StateChangeTimestamp"
	}
	get := func(iface, name string) (any, error) {
		p, err := conn.GetUnitTypePropertyContext(ctx, u.Name, iface, name)
		if err != nil {
			return nil, fmt.Errorf("ask systemd about %s: %w", u.Name, err)
		}
		return p.Value.Value(), nil
	}
	var v [5]any
	var err error
	for i, p := range [][2]string{{"Unit", entered}, {"Service", "NRestarts"}, {"Service", "MemoryCurrent"}, {"Service", "MainPID"}, {"Service", "Result"}} {
		if v[i], err = get(p[0], p[1]); err != nil {
			return err
		}
	}
	if usec, _ := v[0].(uint64); usec != 0 && usec < math.MaxInt64 {
		u.Since = time.UnixMicro(int64(usec)).UTC()
	}
	restarts, _ := v[1].(uint32)
	pid, _ := v[3].(uint32)
	u.Restarts, u.MainPID = int(restarts), int(pid)
	if m, _ := v[2].(uint64); m < math.MaxInt64 { // all ones: not counted
		u.MemoryBytes = int64(m)
	}
	u.Result, _ = v[4].(string)
	return nil
}

// Restart implements ServiceManager.
func (Systemd) Restart(ctx context.Context, unit string) error {
	conn, err := dbus.NewSystemdConnectionContext(ctx)
	if err != nil {
		return fmt.Errorf("reach systemd: %w", err)
	}
	defer conn.Close()
	// systemd loads a unit that nobody uses only when it is asked for, and would
	// answer to the restart of one that does not exist with less.
	list, err := conn.ListUnitsByNamesContext(ctx, []string{unit})
	if err != nil {
		return fmt.Errorf("ask systemd about %s: %w", unit, err)
	}
	if len(list) == 0 || list[0].LoadState != "loaded" {
		return inventory.Errorf(inventory.NotFound, "there is no unit %s on this node", unit)
	}
	// The counter and the limit on starts begin anew when a person asks.
	_ = conn.ResetFailedUnitContext(ctx, unit) // it fails for one that did not fail
	done := make(chan string, 1)
	_, err = conn.RestartUnitContext(ctx, unit, "replace", done)
	var e godbus.Error
	if errors.As(err, &e) {
		return inventory.Errorf(inventory.Conflict, "systemd refuses to restart %s: %w", unit, err)
	}
	if err != nil {
		return fmt.Errorf("restart %s: %w", unit, err)
	}
	select {
	case result := <-done:
		if result != "done" {
			return inventory.Errorf(inventory.Conflict, "the restart of %s ended with %q; its journal says why", unit, result)
		}
		return nil
	case <-ctx.Done():
		return inventory.Errorf(inventory.Unavailable, "the restart of %s goes on; look at its state in a while", unit)
	}
}
