package main

import (
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"sandai/inventory"
)

func nodeReinstall() *cobra.Command {
	var confirm, preview string
	var follow, asJSON bool
	c := &cobra.Command{
		Use:   "reinstall NODE",
		Short: "Install one node of an installed rack anew; the others stay as they are",
		Long: `Without --confirm show what a reinstall of the node would do, and change nothing: which of its disks is erased and which
kept, what becomes of the servers on a compute node, and the hash that confirms exactly this.

With --confirm and --preview the node is installed anew. A compute node is taken out of the cloud first and its servers
are stopped; it comes back under its name, as the same hypervisor, and its servers run again: those that boot from a
volume as they were, the others made anew from their image under their ID and with their addresses. A controller hands its
databases and images to the appliance first and gets them back; servers run on meanwhile, the cloud's APIs do not answer.
Then the cloud proves itself. It is refused if a disk or a server has changed since it was shown. A run that failed goes on with
rack install.`,
		Example: `  appliance node reinstall compute-1
  appliance node reinstall compute-1 --confirm compute-1 --preview HASH --follow`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := forOne(follow, asJSON); err != nil {
				return err
			}
			c, out := newClient(cmd), cmd.OutOrStdout()
			path := nodePath(cmd, args[0], "/reinstall")
			if confirm == "" {
				var v inventory.Preview
				if err := c.get(cmd.Context(), path, &v); err != nil {
					return err
				}
				if asJSON {
					return printJSON(out, v)
				}
				printReinstall(out, args[0], v)
				return nil
			}
			if preview == "" {
				return &exitError{exitUsage, fmt.Errorf("--confirm wants --preview, the hash of what you saw: appliance node reinstall %s", args[0])}
			}
			var run inventory.Run
			if err := c.post(cmd.Context(), path, inventory.ReinstallRequest{PreviewHash: preview, Confirm: confirm}, &run); err != nil {
				return err
			}
			if asJSON {
				return printJSON(out, run)
			}
			return afterStart(cmd, c, run.Rack, run, follow)
		},
	}
	c.Flags().StringVar(&confirm, "confirm", "", "the node's name: erase its system and install it anew")
	c.Flags().StringVar(&preview, "preview", "", "the hash that was shown: do exactly that")
	c.Flags().BoolVarP(&follow, "follow", "f", false, "show the progress until the run ends")
	jsonFlag(c, &asJSON)
	return c
}

func printReinstall(out io.Writer, node string, v inventory.Preview) {
	printFates(out, v)
	if len(v.Servers) > 0 {
		fmt.Fprintln(out, "\nServers on it:")
		rows := [][]string{{"  SERVER", "ID", "PROJECT", "STATUS", "FATE", "BECAUSE"}}
		for _, s := range v.Servers {
			rows = append(rows, []string{"  " + s.Name, s.ID, s.Project, s.Status, string(s.Fate), s.Reason})
		}
		printTable(out, rows)
	}
	fmt.Fprintf(out, "\n%d steps. To do exactly this: appliance node reinstall %s --confirm %s --preview %s --follow\n", v.Steps, node, node, v.Hash)
}
