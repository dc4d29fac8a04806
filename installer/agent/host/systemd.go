package host

import (
	"context"
	"fmt"
	"math"
	"strings"

	"github.com/coreos/go-systemd/v22/dbus"
	godbus "github.com/godbus/dbus/v5"
)

// Systemd is Units by the system's service manager, over its private socket:
// that needs no D-Bus daemon, which a step may be restarting. Each call opens
// its own connection, so that an upgrade of systemd cannot leave a dead one.
type Systemd struct{}

func connect(ctx context.Context) (*dbus.Conn, error) {
	conn, err := dbus.NewSystemdConnectionContext(ctx)
	if err != nil {
		return nil, fmt.Errorf("reach systemd: %w", err)
	}
	return conn, nil
}

// Start starts a oneshot unit without waiting for it.
func (Systemd) Start(ctx context.Context, unit, description string, command []string) error {
	conn, err := connect(ctx)
	if err != nil {
		return err
	}
	defer conn.Close()
	props := []dbus.Property{
		dbus.PropDescription(description),
		dbus.PropType("oneshot"),
		dbus.PropRemainAfterExit(true),
		dbus.PropExecStart(command, false),
		// The step has its own limit; the cloud's packages set the manager's default.
		{Name: "TimeoutStartUSec", Value: godbus.MakeVariant(uint64(math.MaxUint64))},
	}
	if _, err := conn.StartTransientUnitContext(ctx, unit, "fail", props, nil); err != nil {
		return fmt.Errorf("start the unit %s: %w", unit, err)
	}
	return nil
}

// State asks for the unit's properties (org.freedesktop.systemd1(5)).
func (Systemd) State(ctx context.Context, unit string) (UnitState, error) {
	conn, err := connect(ctx)
	if err != nil {
		return UnitState{}, err
	}
	defer conn.Close()
	p, err := conn.GetAllPropertiesContext(ctx, unit)
	if err != nil {
		return UnitState{}, fmt.Errorf("ask systemd about %s: %w", unit, err)
	}
	return stateOf(p), nil
}

func stateOf(p map[string]any) UnitState {
	if p["LoadState"] != "loaded" {
		return UnitState{}
	}
	st := UnitState{Exists: true}
	st.Ended = p["ActiveState"] == "failed" || p["ActiveState"] == "active" && p["SubState"] == "exited"
	status, _ := p["ExecMainStatus"].(int32)
	how, _ := p["ExecMainCode"].(int32)
	switch how {
	case 0: // never ran
		if result, _ := p["Result"].(string); st.Ended && result != "success" {
			st.Broken, st.Code = result, -1
		}
	case 1: // CLD_EXITED, waitid(2)
		st.Code = int(status)
	default:
		st.Code = 128 + int(status)
	}
	return st
}

// Stop stops the unit and forgets that it failed.
func (Systemd) Stop(ctx context.Context, unit string) error {
	conn, err := connect(ctx)
	if err != nil {
		return err
	}
	defer conn.Close()
	done := make(chan string, 1)
	if _, err := conn.StopUnitContext(ctx, unit, "replace", done); err == nil {
		select {
		case <-done:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	} else if !strings.Contains(err.Error(), "not loaded") {
		return fmt.Errorf("stop the unit %s: %w", unit, err)
	}
	// A unit that ended well is forgotten by the stop; only a failed one is left.
	_ = conn.ResetFailedUnitContext(ctx, unit)
	return nil
}
