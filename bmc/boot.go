package bmc

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/bmc-toolbox/bmclib/v2"
)

// SetBootDevice implements Controller (boot flags, IPMI 2.0 §28.13).
func (c *ipmi) SetBootDevice(ctx context.Context, d BootDevice, persistent bool) error {
	what := "set the boot device to " + string(d)
	if d != BootPXE && d != BootDisk {
		return fmt.Errorf("%q is no boot device; it is pxe or disk", d)
	}
	release, err := hold(ctx, c.m.op)
	if err != nil {
		return ended(ctx, what, c.hostPort())
	}
	defer release()
	for try := 1; ; try++ {
		err := c.lib(ctx, what, commandTime, func(ctx context.Context, cl *bmclib.Client) error {
			ok, err := cl.SetBootDevice(ctx, string(d), persistent, c.UEFI)
			if err == nil && !ok {
				err = errors.New("the BMC did not confirm the command")
			}
			return err
		})
		if err != nil {
			if try == tries || hopeless(ctx, err) {
				return err
			}
			c.log.Warn("the boot device could not be set; the command is given again", "device", d, "err", err)
			continue
		}
		out, err := c.ipmitool(ctx, what, commandTime, "chassis", "bootparam", "get", "5")
		if hopeless(ctx, err) {
			return err
		}
		if err != nil {
			c.log.Info("the boot device is set; the BMC cannot be asked for it", "device", d, "err", err)
			return nil
		}
		flags := parseBootFlags(out)
		switch {
		case flags.device == d && flags.valid:
			c.log.Info("the boot device is set", "device", d, "persistent", persistent)
			return nil
		case !flags.valid:
			// No evidence either way: some BMCs keep the valid bit to
			// themselves once the firmware has been told.
			c.log.Info("the boot device is set; the BMC shows no valid boot flags to check it by", "device", d, "shows", flags.device)
			return nil
		case try == tries:
			return &Error{Op: what, Address: c.hostPort(), Kind: ErrNoEffect, Detail: fmt.Sprintf("it shows %q", flags.text),
				Next: "set the boot order in the firmware's set-up, or reset the BMC"}
		}
		c.log.Warn("the boot device did not follow; the command is given again", "device", d, "shows", flags.text)
	}
}

// bootFlags is what a BMC says of its boot option parameter 5.
type bootFlags struct {
	valid  bool
	device BootDevice // "" for another one
	text   string     // the selector as ipmitool prints it
}

func parseBootFlags(out string) bootFlags {
	var f bootFlags
	for line := range strings.Lines(out) {
		line = strings.TrimSpace(strings.TrimLeft(strings.TrimSpace(line), "-"))
		switch v, is := strings.CutPrefix(line, "Boot Device Selector : "); {
		case is:
			f.text = v
			switch {
			case v == "Force PXE":
				f.device = BootPXE
			case v == "Force Boot from default Hard-Drive":
				f.device = BootDisk
			}
		case line == "Boot Flag Valid":
			f.valid = true
		}
	}
	return f
}
