package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"sandai/inventory"
)

func nodeHandsOff() *cobra.Command {
	var why string
	var asJSON bool
	c := &cobra.Command{
		Use:   "hands-off NODE",
		Short: "Have nothing sent to a node or its BMC any more, at once",
		Long: `Freeze a node: commands to its BMC that are under way are cut off, its consoles are closed, it gets no answer when it asks
for a boot, and its agent gets no work. What runs on the node goes on. Steps of a run that need the node wait, and their
deadlines with them. It lasts until let-go, also through a restart of the appliance.`,
		Example: `  appliance node hands-off compute-1 --why "a fan is being changed"
  appliance node let-go compute-1`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return nodeChange(cmd, args[0], "/hands-off", map[string]string{"why": why}, asJSON)
		},
	}
	c.Flags().StringVar(&why, "why", "", "the reason, for those who see it later")
	jsonFlag(c, &asJSON)
	return c
}

func nodeLetGo() *cobra.Command {
	var asJSON bool
	c := &cobra.Command{
		Use:     "let-go NODE",
		Short:   "End hands off: what waited on the node goes on",
		Long:    "End hands off a node. Steps that waited on it go on, with as much time left as they had.",
		Example: `  appliance node let-go compute-1`,
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return nodeChange(cmd, args[0], "/let-go", nil, asJSON)
		},
	}
	jsonFlag(c, &asJSON)
	return c
}

// nodeChange posts a change of a node, and prints the node as it is then.
func nodeChange(cmd *cobra.Command, node, what string, body any, asJSON bool) error {
	var n inventory.Node
	if err := newClient(cmd).post(cmd.Context(), nodePath(cmd, node, what), body, &n); err != nil {
		return err
	}
	switch {
	case asJSON:
		return printJSON(cmd.OutOrStdout(), n)
	case n.HandsOff != nil:
		fmt.Fprintf(cmd.OutOrStdout(), "hands off %s %s\n", n.Name, handsOffLine(n))
	default:
		fmt.Fprintf(cmd.OutOrStdout(), "%s is %s\n", n.Name, n.State)
	}
	return nil
}

// handsOffLine says since when, who said so and why.
func handsOffLine(n inventory.Node) string {
	text := "since " + n.HandsOff.UTC().Format("2006-01-02 15:04:05 UTC")
	if n.HandsOffBy != "" {
		text += " by " + n.HandsOffBy
	}
	if n.HandsOffWhy != "" {
		text += ": " + n.HandsOffWhy
	}
	return text
}
