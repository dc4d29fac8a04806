package ramdisk

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/netip"
	"strings"

	"sandai/installer/agent"
	"sandai/installer/agent/disk"
	"sandai/inventory"
)

// deployer carries out the phases of an installation.
type deployer struct {
	log     *slog.Logger
	drivers *drivers
	id      agent.Identity
	url     string     // of the agent API
	address netip.Addr // on the provisioning network
}

func (d *deployer) work(ctx context.Context, t inventory.Task, say func(agent.Progress)) agent.Outcome {
	switch t.Kind {
	case "inspect":
		return d.inspect(ctx)
	case "wipe":
		return decoded(t, func(s wipeSpec) agent.Outcome { return d.wipe(ctx, s, disk.Label(s.Run, t.Run), say) })
	case "write":
		return decoded(t, func(s writeSpec) agent.Outcome { return d.write(ctx, s, disk.Label(s.Run, t.Run), say) })
	case "seed":
		return decoded(t, func(s seedSpec) agent.Outcome { return d.seed(ctx, s, disk.Label("*", t.Run)) })
	case "handover":
		return decoded(t, func(s handoverSpec) agent.Outcome { return d.handover(ctx, s, disk.Label("*", t.Run)) })
	case "rescue":
		return decoded(t, func(s rescueSpec) agent.Outcome { return d.rescue(ctx, s) })
	case "restart":
		return d.restart()
	}
	return agent.Outcome{Err: fmt.Errorf("the ramdisk knows no %q: appliance and ramdisk are of different versions", t.Kind)}
}

func decoded[T any](t inventory.Task, f func(T) agent.Outcome) agent.Outcome {
	var spec T
	if len(t.Spec) > 0 {
		if err := json.Unmarshal(t.Spec, &spec); err != nil {
			return agent.Outcome{Err: fmt.Errorf("the task %s cannot be read: %w", t.Key, err)}
		}
	}
	return f(spec)
}

// inspect reports the hardware and what is on the disks.
func (d *deployer) inspect(ctx context.Context) agent.Outcome {
	raiseLinks(ctx, d.log)
	h, lines, err := d.look(ctx)
	if err != nil {
		return agent.Outcome{Err: err}
	}
	return agent.Outcome{Hardware: h, Stdout: strings.Join(lines, "\n") + "\n"}
}

// look finds out what the machine is made of, with a line for each disk and one
// for the rest. Controllers that are still looking for disks get some time; a
// machine without any is no error here.
func (d *deployer) look(ctx context.Context) (*inventory.Hardware, []string, error) {
	h, err := hardware("/")
	if err != nil {
		return nil, nil, fmt.Errorf("look at the hardware: %w", err)
	}
	if err := await(ctx, d.log, diskLimit, "a disk", func() error {
		d.drivers.scan()
		var err error
		if h.Disks, err = listDisks("/"); err == nil && len(h.Disks) == 0 {
			err = fmt.Errorf("the machine shows none")
		}
		return err
	}); err != nil {
		d.log.Warn("no disk was found", "err", err)
	}
	var lines []string
	for i := range h.Disks {
		dev, err := disk.Open(h.Disks[i].Name, false)
		if err != nil {
			return nil, nil, err
		}
		h.Disks[i].Contents = dev.Contents()
		dev.Close()
		lines = append(lines, fmt.Sprintf("%s %d MiB serial %q: %s", h.Disks[i].Name, h.Disks[i].Bytes>>20, h.Disks[i].Serial,
			first(strings.Join(h.Disks[i].Contents, "; "), "blank")))
	}
	lines = append(lines, fmt.Sprintf("%s, %d cores, %d MiB, %s, %s", h.CPU, h.Cores, h.MemoryMB, h.Firmware, h.BootMode))
	return h, lines, nil
}
