package main

import (
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"sandai/inventory"
)

func nodeRescue() *cobra.Command {
	var confirm string
	var end, follow, asJSON bool
	c := &cobra.Command{
		Use:   "rescue NODE",
		Short: "Start a node into the ramdisk with a shell on its console and over ssh",
		Long: `Cut a node's power and start it into the ramdisk, with a shell on its console (appliance node console) and, for the
rack's ssh_keys, over ssh as root. Nothing is written to its disks and none is mounted, but what runs on it ends: confirm
with the node's name. It has busybox, blkid and e2fsck; the rest is on the disk: mount it and chroot.

The node is in maintenance until --end, which restarts it from its own disk; then it is what it was before. Meanwhile
nothing is installed on it or changed. A restart by hand, from the shell or the BMC, ends the rescue too.`,
		Example: `  appliance node rescue compute-1 --confirm compute-1 --follow
  appliance node console compute-1
  appliance node rescue compute-1 --end`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			node := args[0]
			switch {
			case end && (confirm != "" || follow):
				return &exitError{exitUsage, errors.New("--end stands alone")}
			case end:
				return nodeChange(cmd, node, "/end-rescue", nil, asJSON)
			case confirm == "":
				return &exitError{exitUsage, fmt.Errorf("what runs on %s ends when it is rescued: confirm with its name (--confirm %s)", node, node)}
			}
			if err := forOne(follow, asJSON); err != nil {
				return err
			}
			cl := newClient(cmd)
			var run inventory.Run
			if err := cl.post(cmd.Context(), nodePath(cmd, node, "/rescue"), inventory.RescueRequest{Confirm: confirm}, &run); err != nil {
				return err
			}
			if asJSON {
				return printJSON(cmd.OutOrStdout(), run)
			}
			return afterStart(cmd, cl, run.Rack, run, follow)
		},
	}
	c.Flags().StringVar(&confirm, "confirm", "", "the node's name: what runs on it ends")
	c.Flags().BoolVar(&end, "end", false, "restart it from its own disk")
	c.Flags().BoolVarP(&follow, "follow", "f", false, "show the progress until the shell is open")
	jsonFlag(c, &asJSON)
	return c
}
