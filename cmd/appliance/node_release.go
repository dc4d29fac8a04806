package main

import (
	"errors"
	"net/url"
	"strings"

	"github.com/spf13/cobra"

	"sandai/inventory"
)

func nodeRelease() *cobra.Command {
	var asked confirmed
	var o inventory.ReleaseOptions
	c := &cobra.Command{
		Use:   "release NODE",
		Short: "Take one node out of an installed rack: wiped, switched off, without a role",
		Long: `Without --confirm show what the release of the node would do, and change nothing: which of its disks is wiped, what
becomes of each server on it, and the hash that confirms exactly this.

With --confirm and --preview the cloud places nothing on the node any more; the node is switched off, and other compute
nodes take its servers over under their IDs and with their addresses: those that boot from a volume as they were, the
others made anew from their image. Then the node starts into the ramdisk, its system disk is wiped and read back, it is
switched off, and the cloud forgets it. It is a newcomer again, ready for another role; the other nodes prove the cloud.
A controller or a network node cannot be released. A data disk is left alone. A run that failed goes on with rack install.`,
		Example: `  appliance node release compute-2
  appliance node release compute-2 --full --confirm compute-2 --preview HASH --follow`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error { return asked.release(cmd, "release", args[0], o) },
	}
	c.Flags().BoolVar(&o.Full, "full", false, "overwrite the whole system disk, not only partition tables and the marks of contents")
	asked.flags(c, "wipe it and take it out of the rack")
	return c
}

func nodeRemove() *cobra.Command {
	var asked confirmed
	o := inventory.ReleaseOptions{Remove: true}
	c := &cobra.Command{
		Use:   "remove NODE",
		Short: "Release one node of an installed rack, and forget it",
		Long: `As node release, and then nothing of the node stays in the inventory: its name, its addresses and the password of its
BMC are free for another machine. What happened to it stays in runs and events.

--dead is for a machine that does not start any more: it is not spoken to and nothing on it is wiped. Pull
its plug first: other nodes take its servers over, and two that ran one server would both write to its volume.`,
		Example: `  appliance node remove compute-2
  appliance node remove compute-2 --dead --confirm compute-2 --preview HASH --follow`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error { return asked.release(cmd, "remove", args[0], o) },
	}
	c.Flags().BoolVar(&o.Full, "full", false, "overwrite the whole system disk, not only partition tables and the marks of contents")
	c.Flags().BoolVar(&o.Dead, "dead", false, "the machine does not start any more: forget it without wiping it")
	asked.flags(c, "wipe it and remove it")
	return c
}

// release shows or does a release as the command of that name does.
func (n *confirmed) release(cmd *cobra.Command, command, node string, o inventory.ReleaseOptions) error {
	if o.Full && o.Dead {
		return &exitError{exitUsage, errors.New("a machine that is dead cannot be overwritten: leave out --full or --dead")}
	}
	n.path, n.again = nodePath(cmd, node, "/release"), "appliance node "+command+" "+node
	q := url.Values{}
	for name, set := range map[string]bool{"remove": o.Remove, "full": o.Full, "dead": o.Dead} {
		if set {
			q.Set(name, "true")
		}
		if set && name != command {
			n.again += " --" + name
		}
	}
	if len(q) > 0 && n.confirm == "" {
		sep := "?"
		if strings.Contains(n.path, sep) {
			sep = "&"
		}
		n.path += sep + q.Encode()
	}
	return n.run(cmd, node, inventory.ReleaseRequest{ReleaseOptions: o, PreviewHash: n.preview, Confirm: n.confirm})
}
