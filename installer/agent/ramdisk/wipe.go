package ramdisk

import (
	"context"
	"fmt"
	"strings"

	"sandai/installer/agent"
	"sandai/installer/agent/disk"
)

// wipeSpec selects the system disk by serial number or WWN, "" for the only one.
type wipeSpec struct {
	Disk  string `json:"disk"`
	Erase bool   `json:"erase"` // a person confirmed that what is on it may go
	Run   string `json:"run"`   // the rack's name
}

// wipe clears the system disk. It refuses one that is not blank unless a person
// confirmed, or this very run laid it out in an earlier attempt.
func (d *deployer) wipe(ctx context.Context, s wipeSpec, label string) (out agent.Outcome) {
	info, err := d.systemDisk(ctx, s.Disk)
	if err != nil {
		return agent.Outcome{Err: err}
	}
	dev, err := disk.Open(info.Name, true)
	if err != nil {
		return agent.Outcome{Err: err}
	}
	defer dev.Close()
	before := dev.Contents()
	if err := dev.MayErase(s.Erase, label); err != nil {
		return agent.Outcome{Err: err}
	}
	d.log.Info("wiping", "disk", info.Name, "serial", info.Serial, "contents", before)
	out.Command = "wipe " + info.Name
	out.Stdout = fmt.Sprintf("%s, serial %q: %s\n", info.Name, info.Serial, first(strings.Join(before, "; "), "blank"))
	out.Changed = len(before) > 0
	out.Err = dev.Wipe()
	return out
}
