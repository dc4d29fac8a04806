package host

import (
	"context"
	"errors"
	"fmt"
	"math"

	"github.com/coreos/go-systemd/v22/dbus"
	godbus "github.com/godbus/dbus/v5"
)

// Systemd is the system's service manager, reached over its private socket: that
// needs no D-Bus daemon, which a step may be restarting.
type Systemd struct{}

// Open connects. A connection is kept no longer than a command takes, because
// systemd tells every one of all that it does.
func (Systemd) Open(ctx context.Context) (Manager, error) {
	conn, err := dbus.NewSystemdConnectionContext(ctx)
	if err != nil {
		return nil, fmt.Errorf("reach systemd: %w", err)
	}
	return &manager{conn}, nil
}

type manager struct{ conn *dbus.Conn }

func (m *manager) Close() { m.conn.Close() }

func (m *manager) Start(ctx context.Context, unit, description string, command []string) (<-chan string, error) {
	props := []dbus.Property{
		dbus.PropDescription(description),
		dbus.PropType("oneshot"),
		dbus.PropRemainAfterExit(true),
		dbus.PropExecStart(command, false),
		// The step has a limit of its own, whatever the manager's default is.
		{Name: "TimeoutStartUSec", Value: godbus.MakeVariant(uint64(math.MaxUint64))},
	}
	ended := make(chan string, 1)
	_, err := m.conn.StartTransientUnitContext(ctx, unit, "fail", props, ended)
	var e godbus.Error
	if errors.As(err, &e) && e.Name == "org.freedesktop.systemd1.UnitExists" {
		return nil, errUnitExists
	}
	if err != nil {
		return nil, fmt.Errorf("start the unit %s: %w", unit, err)
	}
	return ended, nil
}

// State asks for single properties (org.freedesktop.systemd1(5)): all of them
// together cost an emulated machine a noticeable time.
func (m *manager) State(ctx context.Context, unit string) (UnitState, error) {
	get := func(iface, name string) (any, error) {
		p, err := m.conn.GetUnitTypePropertyContext(ctx, unit, iface, name)
		if err != nil {
			return nil, fmt.Errorf("ask systemd about %s: %w", unit, err)
		}
		return p.Value.Value(), nil
	}
	active, err := get("Unit", "ActiveState")
	if err != nil {
		return UnitState{}, err
	}
	switch active {
	case "active", "failed": // a oneshot unit is "activating" as long as it works
	case "inactive": // so is a unit that does not exist
		return UnitState{}, nil
	default:
		return UnitState{Exists: true}, nil
	}
	var v [3]any
	for i, name := range []string{"ExecMainCode", "ExecMainStatus", "Result"} {
		if v[i], err = get("Service", name); err != nil {
			return UnitState{}, err
		}
	}
	how, _ := v[0].(int32)
	status, _ := v[1].(int32)
	result, _ := v[2].(string)
	return endState(how, status, result), nil
}

// endState translates a unit's end; how is si_code of waitid(2), 0 when the
// command never ran.
func endState(how, status int32, result string) UnitState {
	st := UnitState{Exists: true, Ended: true}
	switch {
	case how == 0 && result != "success":
		st.Code, st.Broken = -1, result
	case how <= 1: // CLD_EXITED
		st.Code = int(status)
	default:
		st.Code = 128 + int(status)
	}
	return st
}

func (m *manager) Stop(ctx context.Context, unit string) error {
	done := make(chan string, 1)
	if _, err := m.conn.StopUnitContext(ctx, unit, "replace", done); err == nil {
		select {
		case <-done:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
	// A unit that ended well is forgotten with the stop; only a failed one is left,
	// and that it is "not loaded" any more is what is wanted.
	_ = m.conn.ResetFailedUnitContext(ctx, unit)
	return nil
}
