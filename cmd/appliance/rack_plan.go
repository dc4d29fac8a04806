package main

import (
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"sandai/inventory"
)

// planned is what rack plan --json prints.
type planned struct {
	inventory.Plan
	Preview inventory.Preview `json:"preview"`
}

func rackPlan() *cobra.Command {
	var asJSON bool
	c := &cobra.Command{
		Use:   "plan [NAME]",
		Short: "Show what an install would do, and every disk with what becomes of it",
		Long: `Show every step that an install would take, and every disk of every node: what is on it, and whether it is erased or
kept. Nothing is changed. The preview's hash confirms exactly what was shown: rack install --erase NAME --preview HASH
is refused if the plan or a disk has changed since.`,
		Example: `  appliance rack plan
  appliance rack plan demo --json | jq '.preview.nodes[].disks[] | select(.fate == "erased")'`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			c := newClient(cmd)
			name, err := c.rackName(cmd.Context(), args)
			if err != nil {
				return err
			}
			var p planned
			if err := c.get(cmd.Context(), rackPath(name, "/plan"), &p.Plan); err != nil {
				return err
			}
			if err := c.get(cmd.Context(), rackPath(name, "/preview"), &p.Preview); err != nil {
				return err
			}
			if asJSON {
				return printJSON(cmd.OutOrStdout(), p)
			}
			printPlan(cmd.OutOrStdout(), p)
			return nil
		},
	}
	jsonFlag(c, &asJSON)
	return c
}

func printPlan(out io.Writer, p planned) {
	fmt.Fprintln(out, strings.TrimRight(p.Text, "\n"))
	fmt.Fprintln(out)
	printFates(out, p.Preview)
	fmt.Fprintf(out, "\n%d steps, plan %.12s, preview %s\n%s\n", len(p.Steps), p.Hash, p.Preview.Hash, nextText(p.Preview))
}

// printFates prints the disks of a preview with what becomes of each, and what
// speaks against it.
func printFates(out io.Writer, p inventory.Preview) {
	fmt.Fprintln(out, "Disks:")
	rows := [][]string{{"  NODE", "DISK", "MODEL", "SERIAL", "WWN", "SIZE", "ON IT NOW", "FATE", "BECAUSE"}}
	for _, n := range p.Nodes {
		for _, d := range n.Disks {
			size, contents := "-", "unknown: never inspected"
			if d.Known {
				size, contents = fmt.Sprintf("%.1f GB", float64(d.Bytes)/1e9), "blank"
			}
			if len(d.Contents) > 0 {
				contents = strings.Join(d.Contents, ", ")
			}
			rows = append(rows, []string{"  " + n.Name, orDash(d.Name), orDash(d.Model), orDash(d.Serial), orDash(d.WWN), size, contents, string(d.Fate), d.Reason})
		}
	}
	printTable(out, rows)
	for _, w := range p.Warnings {
		word := "warning"
		if w.Stops {
			word = "in the way"
		}
		fmt.Fprintf(out, "%s: %s\n", word, w.Text)
	}
}

// nextText says what an install would do now, and how to have it.
func nextText(p inventory.Preview) string {
	switch p.Action {
	case inventory.ActionRunning:
		return "a run is active: appliance rack status " + p.Rack + " --follow"
	case inventory.ActionResume:
		return "appliance rack install " + p.Rack + " goes on with the run that failed or was stopped"
	case inventory.ActionNothing:
		return "it is installed: there is nothing to do"
	case inventory.ActionConfirm:
		return fmt.Sprintf("the plan has changed: appliance rack check %s shows how the rack differs, appliance rack apply %s changes that and keeps the rest;\nappliance rack install %s --erase %s --preview %s installs it again from the start", p.Rack, p.Rack, p.Rack, p.Rack, p.Hash)
	}
	return fmt.Sprintf("appliance rack install %s begins; disks that are not blank want --erase %s --preview %s", p.Rack, p.Rack, p.Hash)
}
