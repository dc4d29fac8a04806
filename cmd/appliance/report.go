package main

import (
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"sandai/inventory"
	"sandai/web/progress"
)

func rackReport() *cobra.Command {
	var asJSON bool
	c := &cobra.Command{
		Use:   "report [NAME]",
		Short: "Show where the cloud is, what the proof found, and how long all took",
		Long: `Show the summary of a rack's latest run: Horizon's and Keystone's URLs, the users and where their passwords are, the
files for the OpenStack client, the results of the proof, and the time of each phase on each node. The exit code
is 4 when the run failed.`,
		Example: `  appliance rack report
  appliance rack report demo --json > report.json`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			c := newClient(cmd)
			name, err := c.rackName(cmd.Context(), args)
			if err != nil {
				return err
			}
			var r inventory.Report
			if err := c.get(cmd.Context(), rackPath(name, "/report"), &r); err != nil {
				return err
			}
			if asJSON {
				if err := printJSON(cmd.OutOrStdout(), r); err != nil {
					return err
				}
			} else {
				printReport(cmd.OutOrStdout(), r)
			}
			return runError(name, r.Run)
		},
	}
	jsonFlag(c, &asJSON)
	return c
}

func printReport(out io.Writer, r inventory.Report) {
	fmt.Fprintln(out, "Time of each phase")
	fmt.Fprintln(out)
	table := progress.PhaseTable(r)
	for i := range table {
		table[i][0] = "  " + table[i][0]
		for j := range table[i] {
			table[i][j] = orDash(table[i][j])
		}
	}
	printTable(out, table)
	if len(r.Proof) > 0 {
		again := ""
		if r.ProofRun != r.Run.ID && r.ProofRun != 0 {
			again = fmt.Sprintf(", as run %d found it again", r.ProofRun)
		}
		fmt.Fprintln(out, "\nThe proof"+again)
		fmt.Fprintln(out)
		var rows [][]string
		for _, p := range r.Proof {
			rows = append(rows, []string{"  " + progress.StepGlyph(p.State) + " " + string(p.State), p.Check, p.Summary})
		}
		printTable(out, rows)
	}
	if len(r.Skipped) > 0 {
		fmt.Fprintln(out, "\nLeft out")
		fmt.Fprintln(out)
		var rows [][]string
		for _, s := range r.Skipped {
			rows = append(rows, []string{"  " + s.Key, orDash(s.By), s.Reason})
		}
		printTable(out, rows)
	}
	fmt.Fprintln(out)
	switch r.Run.State {
	case inventory.RunDone:
		printCloud(out, r)
	case inventory.RunFailed:
		fmt.Fprintf(out, "Run %d of rack %s failed after %s: %s\nTo go on: appliance rack install %s --follow\n", r.Run.ID, r.Rack, progress.Span(r.TotalSeconds), r.Run.Reason, r.Rack)
	case inventory.RunStopped:
		fmt.Fprintf(out, "Run %d of rack %s was %s.\nTo go on: appliance rack install %s --follow\n", r.Run.ID, r.Rack, r.Run.Reason, r.Rack)
	default:
		fmt.Fprintf(out, "Run %d of rack %s is under way since %s: appliance rack status %s --follow\n", r.Run.ID, r.Rack, progress.Span(r.TotalSeconds), r.Rack)
	}
}

// printCloud is the last word, in the spirit of DevStack's.
func printCloud(out io.Writer, r inventory.Report) {
	fmt.Fprintf(out, "Rack %s is a cloud. It took %s (run %d).\n\n", r.Rack, progress.Span(r.TotalSeconds), r.Run.ID)
	var rows [][]string
	if r.Cloud.Horizon != "" { // else the rack goes without
		rows = append(rows, []string{"  Horizon is now available at", r.Cloud.Horizon})
	}
	rows = append(rows, []string{"  Keystone is serving at", r.Cloud.Keystone})
	for _, u := range r.Cloud.Users {
		rows = append(rows, []string{"  The password of user " + u.Name + " is in", u.PasswordIn})
	}
	rows = append(rows, []string{"  For the OpenStack client", ". " + r.Cloud.Openrc}, []string{"  clouds.yaml", r.Cloud.Clouds})
	if r.Machine != "" {
		rows = append(rows, []string{"  Measured on", r.Machine})
	}
	printTable(out, rows)
}
