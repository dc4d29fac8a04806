package main

import (
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"sandai/inventory"
)

func rackRotate() *cobra.Command {
	var confirm string
	var follow, asJSON bool
	c := &cobra.Command{
		Use:   "rotate [NAME]",
		Short: "Give the cloud of an installed rack new passwords",
		Long: `Without --confirm list what has a password, and change nothing.

With --confirm make new passwords for the cloud's administrator, its databases, its message queue and its services, and
bring them to every node. What uses them is restarted, so the cloud's APIs do not answer for a while; servers run on. Then
the cloud proves itself. It is refused where a node could not be reached, or the rack is not as its plan says. A run that
failed goes on with rack install. Download openrc and clouds.yaml again afterwards. Keystone's token keys and the
BMCs' passwords stay as they are.`,
		Example: `  appliance rack rotate
  appliance rack rotate demo --confirm demo --follow`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if confirm != "" {
				return beginRun(cmd, args, "/rotate", inventory.RotateRequest{Confirm: confirm}, follow, asJSON)
			}
			c, out := newClient(cmd), cmd.OutOrStdout()
			name, err := c.rackName(cmd.Context(), args)
			if err != nil {
				return err
			}
			var all []inventory.Account
			if err := c.get(cmd.Context(), rackPath(name, "/secrets"), &all); err != nil {
				return err
			}
			if asJSON {
				return printJSON(out, all)
			}
			printAccounts(out, all)
			fmt.Fprintf(out, "\nTo change these passwords, which restarts the cloud's services:\n  appliance rack rotate %s --confirm %s --follow\n", name, name)
			return nil
		},
	}
	c.Flags().StringVar(&confirm, "confirm", "", "the rack's name: the cloud's services restart")
	c.Flags().BoolVarP(&follow, "follow", "f", false, "show the progress until the run ends")
	jsonFlag(c, &asJSON)
	return c
}

func printAccounts(out io.Writer, all []inventory.Account) {
	rows := [][]string{{"ACCOUNT", "WHAT"}}
	for _, a := range all {
		if a.Rotates {
			rows = append(rows, []string{a.User, a.What.EN})
		}
	}
	printTable(out, rows)
}
