package main

import (
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"sandai/inventory"
)

func nodeReinstall() *cobra.Command {
	var asked confirmed
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
			asked.path = nodePath(cmd, args[0], "/reinstall")
			asked.again = "appliance node reinstall " + args[0]
			return asked.run(cmd, args[0], inventory.ReinstallRequest{PreviewHash: asked.preview, Confirm: asked.confirm})
		},
	}
	asked.flags(c, "erase its system and install it anew")
	return c
}

// confirmed is what is asked of a command that first shows what it would do to a
// node, and does exactly that when confirmed.
type confirmed struct {
	confirm, preview string
	follow, asJSON   bool

	path  string // of the API: GET shows, POST does
	again string // the command that shows, without its confirmation
}

func (n *confirmed) flags(c *cobra.Command, what string) {
	c.Flags().StringVar(&n.confirm, "confirm", "", "the node's name: "+what)
	c.Flags().StringVar(&n.preview, "preview", "", "the hash that was shown: do exactly that")
	c.Flags().BoolVarP(&n.follow, "follow", "f", false, "show the progress until the run ends")
	jsonFlag(c, &n.asJSON)
}

func (n *confirmed) run(cmd *cobra.Command, node string, req any) error {
	if err := forOne(n.follow, n.asJSON); err != nil {
		return err
	}
	c, out := newClient(cmd), cmd.OutOrStdout()
	if n.confirm == "" {
		var v inventory.Preview
		if err := c.get(cmd.Context(), n.path, &v); err != nil {
			return err
		}
		if n.asJSON {
			return printJSON(out, v)
		}
		printChange(out, v, fmt.Sprintf("%s --confirm %s --preview %s --follow", n.again, node, v.Hash))
		return nil
	}
	if n.preview == "" {
		return &exitError{exitUsage, fmt.Errorf("--confirm wants --preview, the hash of what you saw: %s", n.again)}
	}
	var run inventory.Run
	if err := c.post(cmd.Context(), n.path, req, &run); err != nil {
		return err
	}
	if n.asJSON {
		return printJSON(out, run)
	}
	return afterStart(cmd, c, run.Rack, run, n.follow)
}

func printChange(out io.Writer, v inventory.Preview, command string) {
	printFates(out, v)
	if len(v.Servers) > 0 {
		fmt.Fprintln(out, "\nServers on it:")
		rows := [][]string{{"  SERVER", "ID", "PROJECT", "STATUS", "FATE", "BECAUSE"}}
		for _, s := range v.Servers {
			rows = append(rows, []string{"  " + s.Name, s.ID, s.Project, s.Status, string(s.Fate), s.Reason})
		}
		printTable(out, rows)
	}
	fmt.Fprintf(out, "\n%d steps. To do exactly this: %s\n", v.Steps, command)
}
