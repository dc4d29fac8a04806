package bmc

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/bmc-toolbox/bmclib/v2"
)

// PowerState implements Controller.
func (c *ipmi) PowerState(ctx context.Context) (PowerState, error) {
	out, err := c.ipmitool(ctx, "read the power state", commandTime, "chassis", "power", "status")
	if err != nil {
		return "", err
	}
	switch s := strings.ToLower(oneLine(out)); s {
	case "chassis power is on":
		return PowerOn, nil
	case "chassis power is off":
		return PowerOff, nil
	default:
		return "", &Error{Op: "read the power state", Address: c.hostPort(), Detail: fmt.Sprintf("it says %q, which is neither on nor off", s), Next: "reset the BMC"}
	}
}

// SetPower implements Controller.
func (c *ipmi) SetPower(ctx context.Context, op PowerOp) error {
	what := "power " + string(op)
	release, err := hold(ctx, c.m.op)
	if err != nil {
		return ended(ctx, what, c.hostPort())
	}
	defer release()
	state, err := c.PowerState(ctx)
	if err != nil {
		return err
	}
	begin := time.Now()
	switch op {
	case PowerOpOn:
		err = c.turn(ctx, what, state, PowerOn, "on", c.Settle)
	case PowerOpOff:
		err = c.turn(ctx, what, state, PowerOff, "off", c.Settle)
	case PowerOpSoft:
		err = c.turn(ctx, what, state, PowerOff, "soft", c.SoftWait)
	case PowerOpCycle:
		// Not the BMC's own cycle: whether that one happened cannot be seen.
		if err = c.turn(ctx, what, state, PowerOff, "off", c.Settle); err == nil {
			err = c.turn(ctx, what, PowerOff, PowerOn, "on", c.Settle)
		}
	case PowerOpReset:
		err = c.reset(ctx, what, state)
	default:
		return fmt.Errorf("%q is no power operation; it is one of on, off, soft, cycle, reset", op)
	}
	if err == nil {
		c.log.Info(what+" done", "was", state, "took", time.Since(begin).Round(time.Millisecond))
	}
	return err
}

// tries is how often a command is given to a BMC that accepts it and does
// nothing; some ignore a power-on that comes right after a power-off.
const tries = 2

// turn brings the machine from a state to the wanted one and sees that it is so.
func (c *ipmi) turn(ctx context.Context, what string, state, want PowerState, command string, limit time.Duration) error {
	if state == want {
		return nil
	}
	if want == PowerOn {
		if err := c.m.waitGap(ctx, c.ResetGap); err != nil {
			return ended(ctx, what, c.hostPort())
		}
	}
	for try := 1; ; try++ {
		sent := c.send(ctx, what, command)
		if errors.Is(sent, ErrAuth) || ctx.Err() != nil {
			return sent
		}
		// A command whose answer was lost may still have been carried out.
		err := c.until(ctx, what, want, limit/tries)
		if err == nil {
			return nil
		}
		if sent != nil {
			err = sent
		}
		if try == tries || !errors.Is(err, ErrNoEffect) && !errors.Is(err, ErrUnreachable) {
			return err
		}
		c.log.Warn("the power state did not follow; the command is given again", "op", what, "err", err)
	}
}

func (c *ipmi) send(ctx context.Context, what, command string) error {
	return c.lib(ctx, what, commandTime, func(ctx context.Context, cl *bmclib.Client) error {
		ok, err := cl.SetPowerState(ctx, command)
		if err == nil && !ok {
			err = errors.New("the BMC did not confirm the command")
		}
		return err
	})
}

// until polls the power state. A poll that gets no answer is no verdict before
// the time is over: a busy BMC loses datagrams.
func (c *ipmi) until(ctx context.Context, what string, want PowerState, limit time.Duration) error {
	begin := time.Now()
	for wait := 100 * time.Millisecond; ; wait = min(2*wait, 2*time.Second) {
		state, err := c.PowerState(ctx)
		switch {
		case ctx.Err() != nil:
			return ended(ctx, what, c.hostPort())
		case err == nil && state == want:
			return nil
		case errors.Is(err, ErrAuth):
			return err
		}
		if time.Since(begin) > limit {
			if err != nil {
				return err
			}
			next := "look at the machine's console; reset the BMC, or use its web page"
			if strings.HasSuffix(what, "soft") {
				next = "the operating system does not heed the power button; use off, which does not ask it"
			}
			return &Error{Op: what, Address: c.hostPort(), Kind: ErrNoEffect, Next: next,
				Detail: fmt.Sprintf("the power was still %s %.0f s later", state, time.Since(begin).Seconds())}
		}
		if err := pause(ctx, wait); err != nil {
			return ended(ctx, what, c.hostPort())
		}
	}
}

// reset pulls the reset line. All that can be seen is that the machine is still
// powered afterwards.
func (c *ipmi) reset(ctx context.Context, what string, state PowerState) error {
	if state == PowerOff {
		return &Error{Op: what, Address: c.hostPort(), Detail: "the machine is off, and only a running machine can be reset", Next: "power it on"}
	}
	if err := c.m.waitGap(ctx, c.ResetGap); err != nil {
		return ended(ctx, what, c.hostPort())
	}
	if err := c.send(ctx, what, "reset"); err != nil {
		return err
	}
	return c.until(ctx, what, PowerOn, c.Settle)
}
