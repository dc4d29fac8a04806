package main

import (
	"fmt"
	"io"
	"net/url"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"sandai/inventory"
)

func newNodeCommand() *cobra.Command {
	c := &cobra.Command{
		Use:   "node",
		Short: "Show nodes, give them roles, reinstall and release them, switch their power, open their console",
		Long:  "A node is a server of a rack. Power and console go through its BMC.",
		Example: `  appliance node list
  appliance node power controller-1 status`,
		Args: noSubcommand,
		RunE: help,
	}
	c.PersistentFlags().String("rack", "", "the node's rack, where several have a node of that name")
	c.AddCommand(nodeList(), nodeShow(), nodePower(), nodeConsole(), nodeRole(), nodeHandsOff(), nodeLetGo(), nodeRescue(), nodeReinstall(), nodeRelease(), nodeRemove())
	return c
}

// rackNode is a node with its rack's name.
type rackNode struct {
	Rack string `json:"rack"`
	inventory.Node
}

// nodes lists the nodes of all racks, or of --rack.
func nodes(cmd *cobra.Command, c *client) ([]rackNode, error) {
	var racks []inventory.Rack
	if err := c.get(cmd.Context(), "/racks", &racks); err != nil {
		return nil, err
	}
	want, _ := cmd.Flags().GetString("rack") // the flag is defined above
	out := []rackNode{}
	for _, r := range racks {
		for _, n := range r.Nodes {
			if want == "" || want == r.Name {
				out = append(out, rackNode{r.Name, n})
			}
		}
	}
	return out, nil
}

func nodeList() *cobra.Command {
	var asJSON bool
	c := &cobra.Command{
		Use:   "list",
		Short: "List the nodes",
		Long:  "List the nodes of all racks with their state; newcomers, which asked for an address and have no role, are discovered.",
		Example: `  appliance node list
  appliance node list --rack demo --json`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			list, err := nodes(cmd, newClient(cmd))
			if err != nil {
				return err
			}
			if asJSON {
				return printJSON(cmd.OutOrStdout(), list)
			}
			rows := [][]string{{"RACK", "NODE", "ROLE", "STATE", "ADDRESS", "MAC", "BMC", "REASON"}}
			for _, n := range list {
				rows = append(rows, []string{n.Rack, n.Name, orDash(string(n.Role)), string(n.State), orDash(n.Address), orDash(n.MAC(inventory.Provisioning)), bmcOf(n.Node), noteOf(n.Node)})
			}
			printTable(cmd.OutOrStdout(), rows)
			return nil
		},
	}
	jsonFlag(c, &asJSON)
	return c
}

// noteOf is what a person should know of a node's state.
func noteOf(n inventory.Node) string {
	if n.HandsOff != nil {
		return "hands off " + handsOffLine(n)
	}
	return n.Reason
}

func bmcOf(n inventory.Node) string {
	if n.BMC == nil {
		return "-"
	}
	return n.BMC.Kind + " " + n.BMC.Address
}

func nodeShow() *cobra.Command {
	var asJSON bool
	c := &cobra.Command{
		Use:   "show NODE",
		Short: "Show a node and its hardware",
		Long:  "Show a node: state, addresses, BMC, and the hardware that its agent found.",
		Example: `  appliance node show controller-1
  appliance node show controller-1 --json`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			list, err := nodes(cmd, newClient(cmd))
			if err != nil {
				return err
			}
			i := slices.IndexFunc(list, func(n rackNode) bool { return n.Name == args[0] })
			if i < 0 {
				return inventory.Errorf(inventory.NotFound, "there is no node %s; appliance node list shows those there are", args[0])
			}
			if asJSON {
				return printJSON(cmd.OutOrStdout(), list[i])
			}
			printNode(cmd.OutOrStdout(), list[i])
			return nil
		},
	}
	jsonFlag(c, &asJSON)
	return c
}

func printNode(out io.Writer, n rackNode) {
	rows := [][]string{{"rack", n.Rack}, {"node", n.Name}, {"role", orDash(string(n.Role))},
		{"state", strings.TrimSpace(string(n.State) + " since " + n.Since.UTC().Format("2006-01-02 15:04:05 UTC"))}}
	if n.HandsOff != nil {
		rows = append(rows, []string{"hands off", handsOffLine(n.Node)})
	}
	if n.Reason != "" {
		rows = append(rows, []string{"reason", n.Reason})
	}
	rows = append(rows, []string{"address", orDash(n.Address)}, []string{"firmware", string(n.Firmware)}, []string{"bmc", bmcOf(n.Node)})
	for _, c := range n.NICs {
		rows = append(rows, []string{string(c.Network), c.MAC})
	}
	if h := n.Hardware; h != nil {
		rows = append(rows, []string{"product", strings.TrimSpace(h.Product + " " + h.Serial)}, []string{"boot", h.BootMode + ", " + h.Firmware},
			[]string{"cpu", fmt.Sprintf("%d cores, %s %s", h.Cores, h.CPU, h.Virt)}, []string{"memory", fmt.Sprintf("%d MiB", h.MemoryMB)})
		for _, d := range h.Disks {
			contents := "blank"
			if len(d.Contents) > 0 {
				contents = strings.Join(d.Contents, ", ")
			}
			rows = append(rows, []string{"disk", fmt.Sprintf("%s %s serial %s, %.1f GB, %s", d.Name, d.Model, orDash(d.Serial), float64(d.Bytes)/1e9, contents)})
		}
		for _, c := range h.NICs {
			rows = append(rows, []string{"nic", fmt.Sprintf("%s %s %s link %t %d Mb/s", c.Name, c.MAC, c.Driver, c.Link, c.Mbps)})
		}
	}
	printTable(out, rows)
}

// nodePath is the API's path of something of a node.
func nodePath(cmd *cobra.Command, node, what string) string {
	p := "/nodes/" + url.PathEscape(node) + what
	if rack, _ := cmd.Flags().GetString("rack"); rack != "" { // the flag is defined above
		p += "?rack=" + url.QueryEscape(rack)
	}
	return p
}

var powerOps = []string{"status", "on", "off", "soft", "cycle", "reset"}

func nodePower() *cobra.Command {
	var asJSON bool
	c := &cobra.Command{
		Use:   "power NODE on|off|soft|cycle|reset|status",
		Short: "Switch a node's power, or ask for it",
		Long: `Switch a node's power through its BMC, or ask for it. The command ends when the BMC shows the change. soft asks the
operating system to shut down; cycle is off and on; reset starts anew without a loss of power.`,
		Example: `  appliance node power controller-1 status
  appliance node power compute-1 cycle`,
		Args:      cobra.ExactArgs(2),
		ValidArgs: powerOps,
		RunE: func(cmd *cobra.Command, args []string) error {
			if !slices.Contains(powerOps, args[1]) {
				return &exitError{exitUsage, fmt.Errorf("%q is none of %s", args[1], strings.Join(powerOps, ", "))}
			}
			c, path := newClient(cmd), nodePath(cmd, args[0], "/power")
			out := map[string]string{"node": args[0], "op": args[1]}
			if args[1] == "status" {
				var state struct{ State string }
				if err := c.get(cmd.Context(), path, &state); err != nil {
					return err
				}
				out = map[string]string{"node": args[0], "state": state.State}
			} else if err := c.post(cmd.Context(), path, map[string]string{"op": args[1]}, nil); err != nil {
				return err
			}
			switch {
			case asJSON:
				return printJSON(cmd.OutOrStdout(), out)
			case args[1] == "status":
				fmt.Fprintf(cmd.OutOrStdout(), "%s is %s\n", args[0], out["state"])
			default:
				fmt.Fprintf(cmd.OutOrStdout(), "%s: power %s done\n", args[0], args[1])
			}
			return nil
		},
	}
	jsonFlag(c, &asJSON)
	return c
}

func nodeConsole() *cobra.Command {
	return &cobra.Command{
		Use:   "console NODE",
		Short: "Open a node's serial console",
		Long:  "Open a node's serial console through its BMC (serial over LAN). Ctrl-] ends it; the node does not notice.",
		Example: `  appliance node console controller-1
  appliance node console controller-1 < /dev/null   # only look, until Ctrl-C`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return newClient(cmd).console(cmd.Context(), nodePath(cmd, args[0], "/console"), cmd.InOrStdin(), cmd.OutOrStdout(), cmd.ErrOrStderr())
		},
	}
}
