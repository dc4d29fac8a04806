package installer

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"time"

	"sandai/bmc"
	"sandai/inventory"
)

// power sees to it that the node is off, arms its boot nonce, sets the boot
// device to network for the next start, and starts it.
func (e *Engine) power(ctx context.Context, run inventory.Run, s inventory.Step) (outcome, error) {
	n, err := e.store.Node(ctx, run.RackID, s.Node)
	if err != nil {
		return outcome{}, err
	}
	if run.Kind == inventory.RunInspect && !visiting(n) { // it is in use: not even switched off
		return outcome{}, notVisiting(n)
	}
	c, err := e.controller(ctx, n)
	if err != nil {
		return outcome{}, err
	}
	state, err := c.PowerState(ctx)
	if err != nil {
		return outcome{}, err
	}
	// Only a machine that is off is armed: one that just then asks what to boot
	// would spend the nonce on a boot that is about to be cut off.
	if state == bmc.PowerOn {
		if err := c.SetPower(ctx, bmc.PowerOpOff); err != nil {
			return outcome{}, err
		}
	}
	if _, err := e.arm(ctx, run, s.Node); err != nil {
		return outcome{}, err
	}
	if err := c.SetBootDevice(ctx, bmc.BootPXE, false); err != nil {
		return outcome{}, err
	}
	if err := c.SetPower(ctx, bmc.PowerOpOn); err != nil {
		return outcome{}, err
	}
	text := fmt.Sprintf("boot device network, power on, was %s", state)
	e.log.Info(text, "node", s.Node)
	return outcome{changed: true, summary: text}, nil
}

// arm makes the node's next boot one to the ramdisk: to be installed, wiped or
// rescued, or only to be looked at.
func (e *Engine) arm(ctx context.Context, run inventory.Run, node string) (inventory.Node, error) {
	if run.Kind == inventory.RunInspect {
		return e.store.UpdateNode(ctx, run.RackID, node, func(n *inventory.Node) error {
			if !visiting(*n) {
				return notVisiting(*n)
			}
			armVisit(n)
			return nil
		})
	}
	if run.Kind == inventory.RunRescue {
		return e.armRescue(ctx, run, node)
	}
	state := inventory.Releasing
	if run.Kind != inventory.RunRelease {
		state = inventory.Deploying
		if err := e.store.PutSecret(ctx, run.RackID, nonceSecret(node), rand.Text()); err != nil {
			return inventory.Node{}, err
		}
	}
	return e.store.UpdateNode(ctx, run.RackID, node, func(n *inventory.Node) error {
		n.BootNonce, n.NonceSpends, n.RescuedFrom = rand.Text(), 0, ""
		setState(n, state, "")
		return nil
	}, inventory.Event{Time: time.Now(), Type: inventory.EventNodeState, RunID: &run.ID, Node: node, Text: node + " is " + string(state)})
}

func notVisiting(n inventory.Node) error {
	return inventory.Errorf(inventory.Conflict, "%s is %s by now, and is not inspected", n.Name, n.State)
}

func (e *Engine) controller(ctx context.Context, n inventory.Node) (bmc.Controller, error) {
	if err := untouchable(n); err != nil {
		return nil, err
	}
	if n.BMC == nil {
		return nil, inventory.Errorf(inventory.Invalid, "%s has no BMC in the inventory, so it cannot be powered on: add bmc to rack.yaml and import it again", n.Name)
	}
	pw, err := e.store.Secret(ctx, n.RackID, inventory.BMCSecret(n.Name))
	if err != nil {
		return nil, fmt.Errorf("password of the BMC of %s: %w", n.Name, err)
	}
	c, err := e.BMCs(bmc.Config{Kind: n.BMC.Kind, Address: n.BMC.Address, Port: n.BMC.Port, User: n.BMC.User, Password: pw, UEFI: n.Firmware == inventory.UEFI})
	if err != nil {
		return nil, err
	}
	return &reined{c, e, n}, nil
}

func (e *Engine) controllerOf(ctx context.Context, rack, node string) (bmc.Controller, error) {
	r, err := e.store.Rack(ctx, rack)
	if err != nil {
		return nil, err
	}
	n, err := e.store.Node(ctx, r.ID, node)
	if err != nil {
		return nil, err
	}
	return e.controller(ctx, n)
}

// PowerState asks a node's BMC: "on" or "off".
func (e *Engine) PowerState(ctx context.Context, rack, node string) (string, error) {
	c, err := e.controllerOf(ctx, rack, node)
	if err != nil {
		return "", err
	}
	s, err := c.PowerState(ctx)
	return string(s), coded(err)
}

// SetPower carries out on, off, soft, cycle or reset through a node's BMC.
func (e *Engine) SetPower(ctx context.Context, rack, node, op string) error {
	c, err := e.controllerOf(ctx, rack, node)
	if err != nil {
		return err
	}
	return coded(c.SetPower(ctx, bmc.PowerOp(op)))
}

// Console opens a node's serial console over its BMC.
func (e *Engine) Console(ctx context.Context, rack, node string) (io.ReadWriteCloser, error) {
	c, err := e.controllerOf(ctx, rack, node)
	if err != nil {
		return nil, err
	}
	console, err := c.Console(ctx)
	return console, coded(err)
}

// coded sorts what a BMC has against a command for those who asked: bmc knows
// nothing of the inventory's codes.
func coded(err error) error {
	switch {
	case errors.Is(err, bmc.ErrAuth):
		return inventory.Errorf(inventory.Invalid, "%w", err)
	case errors.Is(err, bmc.ErrUnreachable), errors.Is(err, bmc.ErrNoEffect):
		return inventory.Errorf(inventory.Unavailable, "%w", err)
	}
	return err
}
