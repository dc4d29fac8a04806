package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"sandai/inventory"
	"sandai/web/progress"
)

func newRackCommand() *cobra.Command {
	c := &cobra.Command{
		Use:   "rack",
		Short: "Import, inspect, plan, install, steer and watch a rack",
		Long: `A rack is a set of servers that become one cloud. It is described in one file, rack.yaml; see the README for an example.
NAME may be left out where there is one rack.`,
		Example: `  appliance rack import rack.yaml
  appliance rack install --follow`,
		Args: noSubcommand,
		RunE: help,
	}
	c.AddCommand(rackImport(), rackExport(), rackList(), rackPlan(), rackInstall(), rackStatus(), rackReport(),
		rackInspect(), rackStop(), rackRetry(), rackSkip(), rackProof(), rackCheck(), rackApply(), rackRotate())
	return c
}

func rackImport() *cobra.Command {
	var asJSON bool
	c := &cobra.Command{
		Use:   "import FILE|-",
		Short: "Put the rack of a rack.yaml into the inventory",
		Long: `Put the rack described in FILE (- for the standard input) into the inventory, whole or not at all. Every mistake is
named with its line, field and what was expected. Importing a rack again changes it; nothing is installed by it.`,
		Example: `  appliance rack import rack.yaml
  appliance rack import - < rack.yaml`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			file, err := readFile(cmd.InOrStdin(), args[0])
			if err != nil {
				return err
			}
			c := newClient(cmd)
			var r inventory.Rack
			err = c.decode(c.do(cmd.Context(), http.MethodPost, "/racks?file="+url.QueryEscape(args[0]), bytes.NewReader(file),
				map[string]string{"Content-Type": "application/yaml"}))(&r)
			if err != nil {
				return err
			}
			if asJSON {
				return printJSON(cmd.OutOrStdout(), r)
			}
			var names []string
			for _, n := range r.Nodes {
				names = append(names, n.Name)
			}
			fmt.Fprintf(cmd.OutOrStdout(), "rack %s is in the inventory with %d nodes: %s\n", r.Name, len(r.Nodes), strings.Join(names, ", "))
			return nil
		},
	}
	jsonFlag(c, &asJSON)
	return c
}

func readFile(in io.Reader, name string) ([]byte, error) {
	if name == "-" {
		return io.ReadAll(in)
	}
	b, err := os.ReadFile(name)
	if err != nil {
		return nil, fmt.Errorf("read the rack's description: %w", err)
	}
	return b, nil
}

func rackExport() *cobra.Command {
	return &cobra.Command{
		Use:   "export [NAME]",
		Short: "Write a rack as rack.yaml",
		Long:  "Write a rack of the inventory as rack.yaml to the standard output. Passwords never leave the appliance: put those of the BMCs in before it is imported elsewhere.",
		Example: `  appliance rack export > rack.yaml
  appliance rack export demo`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			c := newClient(cmd)
			name, err := c.rackName(cmd.Context(), args)
			if err != nil {
				return err
			}
			res, err := c.do(cmd.Context(), http.MethodGet, rackPath(name, "/export"), nil, nil)
			if err != nil {
				return err
			}
			defer res.Body.Close()
			_, err = io.Copy(cmd.OutOrStdout(), res.Body)
			return err
		},
	}
}

func rackList() *cobra.Command {
	var asJSON bool
	c := &cobra.Command{
		Use:   "list",
		Short: "List the racks",
		Long:  "List the racks of the inventory.",
		Example: `  appliance rack list
  appliance rack list --json`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			racks := []inventory.Rack{}
			if err := newClient(cmd).get(cmd.Context(), "/racks", &racks); err != nil {
				return err
			}
			if asJSON {
				return printJSON(cmd.OutOrStdout(), racks)
			}
			rows := [][]string{{"RACK", "RELEASE", "ADDRESS", "INTERFACE", "NODES"}}
			for _, r := range racks {
				rows = append(rows, []string{r.Name, r.Release, r.Address, r.Interface, fmt.Sprint(len(r.Nodes))})
			}
			printTable(cmd.OutOrStdout(), rows)
			return nil
		},
	}
	jsonFlag(c, &asJSON)
	return c
}

func orDash(s string) string {
	if s == "" {
		return "-"
	}
	return s
}

func rackInstall() *cobra.Command {
	var erase, preview string
	var follow, asJSON bool
	c := &cobra.Command{
		Use:   "install [NAME]",
		Short: "Install a rack, or resume its failed or stopped run",
		Long: `Install a rack. A failed or stopped run is resumed: finished steps stay finished. Where the latest run of an unchanged plan is
done, there is nothing to do and nothing is changed.

Disks that are not blank are never erased unless --erase gives the rack's name; an installed rack is then installed
again from the beginning. --preview takes the hash that rack plan printed: the install is refused if the plan or a disk
has changed since, and each node refuses a disk that is not the one that was shown.

With --follow the progress is shown until the run ends; the appliance may be restarted meanwhile. The exit code is
4 when the run failed or was stopped.`,
		Example: `  appliance rack install --follow
  appliance rack install demo --erase demo --follow`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := forOne(follow, asJSON); err != nil {
				return err
			}
			c := newClient(cmd)
			name, err := c.rackName(cmd.Context(), args)
			if err != nil {
				return err
			}
			req := inventory.InstallRequest{PreviewHash: preview, Erase: erase != "", Confirm: erase}
			var run inventory.Run
			if err := c.post(cmd.Context(), rackPath(name, "/install"), req, &run); err != nil {
				return err
			}
			if asJSON {
				return printJSON(cmd.OutOrStdout(), run)
			}
			return afterInstall(cmd, c, name, run, follow)
		},
	}
	c.Flags().StringVar(&erase, "erase", "", "the rack's name: erase disks that are not blank, install an installed rack again")
	c.Flags().StringVar(&preview, "preview", "", "the hash that rack plan printed: install exactly what it showed")
	c.Flags().BoolVarP(&follow, "follow", "f", false, "show the progress until the run ends")
	jsonFlag(c, &asJSON)
	return c
}

func afterInstall(cmd *cobra.Command, c *client, name string, run inventory.Run, follow bool) error {
	out := cmd.OutOrStdout()
	if run.State == inventory.RunDone {
		when := ""
		if run.Ended != nil {
			when = ", done " + run.Ended.UTC().Format("2006-01-02 15:04 UTC")
		}
		fmt.Fprintf(out, "rack %s is installed (run %d%s) and its plan has not changed: nothing to do\n", name, run.ID, when)
		return nil
	}
	return afterStart(cmd, c, name, run, follow)
}

func rackStatus() *cobra.Command {
	var follow, asJSON bool
	c := &cobra.Command{
		Use:   "status [NAME]",
		Short: "Show how far a rack is",
		Long: `Show how far the latest run of a rack is, the steps in hand, and what failed. With --follow go on until the run ends.
The exit code is 4 when the run failed or was stopped.`,
		Example: `  appliance rack status
  appliance rack status demo --follow`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := forOne(follow, asJSON); err != nil {
				return err
			}
			c := newClient(cmd)
			name, err := c.rackName(cmd.Context(), args)
			if err != nil {
				return err
			}
			if follow {
				return followRack(cmd.Context(), c, name, cmd.OutOrStdout())
			}
			p, err := c.progress(cmd.Context(), name)
			if err != nil {
				return err
			}
			if asJSON {
				if err := printJSON(cmd.OutOrStdout(), p); err != nil {
					return err
				}
			} else {
				for _, l := range block(p, 0) {
					fmt.Fprintln(cmd.OutOrStdout(), l)
				}
				printFailed(cmd.OutOrStdout(), name, p)
			}
			return runError(name, p.Run)
		},
	}
	c.Flags().BoolVarP(&follow, "follow", "f", false, "go on until the run ends")
	jsonFlag(c, &asJSON)
	return c
}

func (c *client) progress(ctx context.Context, rack string) (progress.Progress, error) {
	var p progress.Progress
	err := c.get(ctx, rackPath(rack, "/progress"), &p)
	return p, err
}

// runError is the error of a run that failed or was stopped, nil for any other.
func runError(rack string, run inventory.Run) error {
	switch run.State {
	case inventory.RunFailed:
		return &exitError{exitRunFailed, fmt.Errorf("run %d of rack %s failed: %s", run.ID, rack, run.Reason)}
	case inventory.RunStopped:
		return &exitError{exitRunFailed, fmt.Errorf("run %d of rack %s was %s; to go on: appliance rack install %s --follow", run.ID, rack, run.Reason, rack)}
	}
	return nil
}
