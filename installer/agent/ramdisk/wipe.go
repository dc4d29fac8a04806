package ramdisk

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"time"

	"sandai/installer/agent"
	"sandai/installer/agent/disk"
	"sandai/inventory"
)

// wipeSpec selects the system disk by serial number or WWN, "" for the only one,
// and the disk for volumes, "" for none.
type wipeSpec struct {
	Disk    string `json:"disk"`
	Volumes string `json:"volumes"`
	Erase   bool   `json:"erase"` // a person confirmed that what is on them may go
	Full    bool   `json:"full"`  // every byte is overwritten
	Run     string `json:"run"`   // the rack's name
	// Confirmed are the disks that the person saw; another one is refused.
	Confirmed []inventory.ConfirmedDisk `json:"confirmed"`
}

// target is a disk to be wiped.
type target struct {
	use  string // as in inventory.ConfirmedDisk
	info inventory.DiskInfo
}

// wipe clears the system disk and the one for volumes. It refuses disks that are
// not blank unless a person confirmed, or this very run laid them out in an
// earlier attempt, and disks that are not as they were when confirmed.
func (d *deployer) wipe(ctx context.Context, s wipeSpec, label string, say func(agent.Progress)) agent.Outcome {
	info, err := d.systemDisk(ctx, s.Disk)
	if err != nil {
		return agent.Outcome{Err: err}
	}
	targets := []target{{"system", info}}
	if s.Volumes != "" {
		if info, err = d.systemDisk(ctx, s.Volumes); err != nil {
			return agent.Outcome{Err: fmt.Errorf("the disk for volumes: %w", err)}
		}
		targets = append(targets, target{"volumes", info})
	}
	return wipeAll(ctx, d.log, s, label, targets, say)
}

// wipeAll looks at all disks before it touches one.
func wipeAll(ctx context.Context, log *slog.Logger, s wipeSpec, label string, targets []target, say func(agent.Progress)) (out agent.Outcome) {
	var devs []*disk.Disk
	defer func() {
		for _, dev := range devs {
			dev.Close()
		}
	}()
	for _, t := range targets {
		dev, err := disk.Open(t.info.Name, true)
		if err != nil {
			return agent.Outcome{Err: err}
		}
		devs = append(devs, dev)
		if err := asConfirmed(s.Confirmed, t, dev, label); err != nil {
			return agent.Outcome{Err: err}
		}
		if err := dev.MayErase(s.Erase, label); err != nil {
			return agent.Outcome{Err: err}
		}
	}
	var names []string
	for i, dev := range devs {
		info, before := targets[i].info, dev.Contents()
		out.Stdout += fmt.Sprintf("%s, serial %q, for %s: %s\n", info.Name, info.Serial, first(targets[i].use, "the system"), first(strings.Join(before, "; "), "blank"))
		if s.Full {
			names, out.Changed = append(names, info.Name), true
			log.Info("overwriting", "disk", info.Name, "serial", info.Serial, "bytes", info.Bytes, "contents", before)
			if out.Err = dev.Overwrite(ctx, overwriting(info, out.Stdout, say)); out.Err != nil {
				break
			}
			continue
		}
		if len(before) == 0 && i > 0 {
			continue // vgcreate wants nothing else
		}
		names = append(names, info.Name)
		log.Info("wiping", "disk", info.Name, "serial", info.Serial, "contents", before)
		out.Changed = out.Changed || len(before) > 0
		if out.Err = dev.Wipe(); out.Err != nil {
			break
		}
	}
	out.Command = "wipe " + strings.Join(names, " ")
	return out
}

// overwriting says how far it is and how long it will take, as often as somebody
// reads it.
func overwriting(info inventory.DiskInfo, text string, say func(agent.Progress)) func(int64) {
	began, last := time.Now(), time.Time{}
	return func(done int64) {
		if time.Since(last) < time.Second && done < info.Bytes {
			return
		}
		last = time.Now()
		f := float64(done) / float64(max(1, info.Bytes))
		left := time.Duration(float64(time.Since(began)) * (1 - f) / max(f, 1e-9)).Round(time.Second)
		say(agent.Progress{Fraction: f, Command: "overwrite " + info.Name,
			Stdout: text + fmt.Sprintf("%d of %d MiB overwritten, about %s to go\n", done>>20, info.Bytes>>20, left)})
	}
}

// asConfirmed returns an error if a disk is not the one that a person saw when
// confirming. One that has become blank since has nothing to lose, and what this
// very run laid out was confirmed with it.
func asConfirmed(confirmed []inventory.ConfirmedDisk, t target, dev *disk.Disk, label string) error {
	i := slices.IndexFunc(confirmed, func(c inventory.ConfirmedDisk) bool { return c.Use == t.use })
	if i < 0 {
		return nil // not known then
	}
	c, now := confirmed[i], dev.Contents()
	var why string
	_, err := dev.Find(label)
	switch {
	case t.info.Serial != c.Serial || t.info.WWN != c.WWN:
		why = fmt.Sprintf("it was serial %q, WWN %q, and is serial %q, WWN %q", c.Serial, c.WWN, t.info.Serial, t.info.WWN)
	case t.info.Bytes != c.Bytes:
		why = fmt.Sprintf("it had %d bytes and has %d", c.Bytes, t.info.Bytes)
	case !c.Used && len(now) > 0 && err != nil && !slices.Equal(now, c.Contents):
		why = fmt.Sprintf("it held %s and holds %s", first(strings.Join(c.Contents, "; "), "nothing"), strings.Join(now, "; "))
	default:
		return nil
	}
	return fmt.Errorf("%s, the disk for %s, is not as it was when the install was confirmed: %s. Nothing was touched; look at the preview again and confirm that, or put the disk back",
		t.info.Name, first(map[string]string{"system": "the system"}[t.use], t.use), why)
}
