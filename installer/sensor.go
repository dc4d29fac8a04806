package installer

import (
	"context"
	"errors"
	"fmt"
	"time"

	"sandai/bmc"
	"sandai/inventory"
)

// A BMC is slow, and busy with what a run wants of it: it is not asked for the
// same again within sensorLife, and not waited for longer than sensorLimit.
const (
	sensorLife  = 10 * time.Second
	sensorLimit = 45 * time.Second
)

// Sensors asks a node's BMC what it measures. The error is Invalid where the BMC
// refuses the login, Unavailable where it does not answer.
func (e *Engine) Sensors(ctx context.Context, rack, node string) (inventory.Sensors, error) {
	return askBMC(ctx, e, e.sensors, rack, node, func(ctx context.Context, c bmc.Controller) (inventory.Sensors, error) {
		list, err := c.Sensors(ctx)
		out := inventory.Sensors{Asked: time.Now(), Sensors: []inventory.Sensor{}}
		for _, s := range list {
			out.Sensors = append(out.Sensors, inventory.Sensor(s))
		}
		return out, err
	})
}

// SEL asks a node's BMC for its event log. Errors are those of Sensors.
func (e *Engine) SEL(ctx context.Context, rack, node string) (inventory.SEL, error) {
	return askBMC(ctx, e, e.sels, rack, node, func(ctx context.Context, c bmc.Controller) (inventory.SEL, error) {
		list, err := c.SEL(ctx)
		out := inventory.SEL{Asked: time.Now(), Events: []inventory.SELEvent{}}
		for _, v := range list {
			out.Events = append(out.Events, inventory.SELEvent(v))
		}
		return out, err
	})
}

func askBMC[T any](ctx context.Context, e *Engine, k *kept[T], rack, node string, ask func(context.Context, bmc.Controller) (T, error)) (T, error) {
	var none T
	c, err := e.controllerOf(ctx, rack, node)
	if err != nil {
		return none, err
	}
	v, err := k.get(ctx, rack+"/"+node, func(ctx context.Context) (T, error) { return ask(ctx, c) })
	if errors.Is(err, context.DeadlineExceeded) && !errors.Is(err, bmc.ErrUnreachable) {
		err = inventory.Errorf(inventory.Unavailable, "the BMC of %s was not done within %s; something else may be using it, such as its console: try again (%w)", node, sensorLimit, err)
	}
	if err != nil {
		return none, fmt.Errorf("%s: %w", node, coded(err))
	}
	return v, nil
}
