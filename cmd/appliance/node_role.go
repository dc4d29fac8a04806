package main

import (
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"sandai/inventory"
)

func nodeRole() *cobra.Command {
	var req inventory.RoleRequest
	var bmc inventory.BMCRequest
	var firmware string
	var password, asJSON bool
	c := &cobra.Command{
		Use:   "role NODE [controller|network|compute|none]",
		Short: "Give a node a role, or ask which role fits it",
		Long: `Give a node that is not installed a role and what goes with it. What is left out is chosen: the name (compute-2), a free
address of the provisioning network, the smallest disk that holds the system, for a controller the largest other one for
volumes, and a network node's provider NIC. Everything that speaks against it is told at once. none takes the role away.

Without a role, say how well the node fits each.

With --bmc-password the BMC's password is asked for, or read from the first line of the standard input.`,
		Example: `  appliance node role new-52-54-00-77-00-09
  appliance node role new-52-54-00-77-00-09 compute --bmc-address 10.20.1.15 --bmc-user admin --bmc-password
  appliance node role compute-2 none`,
		Args:      cobra.RangeArgs(1, 2),
		ValidArgs: []string{"controller", "network", "compute", "none"},
		RunE: func(cmd *cobra.Command, args []string) error {
			c := newClient(cmd)
			if len(args) == 1 {
				var fits []inventory.Fitness
				if err := c.get(cmd.Context(), nodePath(cmd, args[0], "/fits"), &fits); err != nil {
					return err
				}
				if asJSON {
					return printJSON(cmd.OutOrStdout(), fits)
				}
				printFits(cmd.OutOrStdout(), fits)
				return nil
			}
			if args[1] != "none" {
				req.Role = inventory.Role(args[1])
			}
			req.Firmware = inventory.Firmware(firmware)
			if bmc != (inventory.BMCRequest{}) {
				if bmc.Address == "" || bmc.User == "" {
					return &exitError{exitUsage, errors.New("a BMC has an address and a user: --bmc-address and --bmc-user")}
				}
				req.BMC = &bmc
			}
			if password {
				var err error
				if req.BMCPassword, err = askPassword(cmd, "the BMC of "+args[0]); err != nil {
					return err
				}
			}
			var n inventory.Node
			if err := c.post(cmd.Context(), nodePath(cmd, args[0], "/role"), req, &n); err != nil {
				return err
			}
			if asJSON {
				return printJSON(cmd.OutOrStdout(), n)
			}
			if n.Role == "" {
				fmt.Fprintf(cmd.OutOrStdout(), "%s has no role any more and is called %s\n", args[0], n.Name)
				return nil
			}
			fmt.Fprintf(cmd.OutOrStdout(), "%s is %s: role %s, address %s, system disk %s, volumes %s\n", args[0], n.Name, n.Role, n.Address, orDash(n.SystemDisk), orDash(n.VolumeDisk))
			return nil
		},
	}
	f := c.Flags()
	f.StringVar(&req.Name, "name", "", "the node's name")
	f.StringVar(&req.Address, "address", "", "address on the provisioning network")
	f.StringVar(&firmware, "firmware", "", "bios or uefi (default: as it was seen to boot)")
	f.StringVar(&req.SystemDisk, "system-disk", "", "serial number or WWN of the disk that the system is written to")
	f.StringVar(&req.VolumeDisk, "volume-disk", "", `serial number or WWN of the disk for volumes, "none" for no volumes`)
	f.StringVar(&req.ProviderMAC, "provider-mac", "", "MAC of the NIC on the provider network")
	f.StringVar(&bmc.Kind, "bmc-kind", "", "ipmi or redfish (default ipmi)")
	f.StringVar(&bmc.Address, "bmc-address", "", "the BMC's address")
	f.IntVar(&bmc.Port, "bmc-port", 0, "the BMC's port (default 623 for ipmi, 443 for redfish)")
	f.StringVar(&bmc.User, "bmc-user", "", "the BMC's user")
	f.BoolVar(&password, "bmc-password", false, "ask for the BMC's password")
	jsonFlag(c, &asJSON)
	return c
}

func printFits(out io.Writer, fits []inventory.Fitness) {
	rows := [][]string{{"ROLE", "FITS", "WHY NOT, OR WHAT TO KNOW"}}
	for _, f := range fits {
		word := "no"
		if f.Fits {
			word = "yes"
		}
		var why []string
		for _, m := range f.Misfits {
			why = append(why, m.Text)
		}
		rows = append(rows, []string{string(f.Role), word, orDash(strings.Join(why, "; "))})
	}
	printTable(out, rows)
}
