package main

import (
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"sandai/inventory"
)

// drift is what rack check --json prints.
type drift struct {
	Run     inventory.Run    `json:"run"`
	Differs []inventory.Step `json:"differs"`
}

func rackCheck() *cobra.Command {
	var asJSON bool
	c := &cobra.Command{
		Use:   "check [NAME]",
		Short: "Compare an installed rack with its plan, file by file; nothing is changed",
		Long: `Look at every file, package, service and database that the plan names on the nodes of an installed rack, and show what
differs: what was changed by hand since, a service that was stopped, or what an edited rack.yaml would change. Nothing is
changed; rack apply makes it so. The cloud's own objects (users, endpoints, networks) are not looked at.

The exit code is 0 where all is as the plan says, and 1 where something differs.`,
		Example: `  appliance rack check
  appliance rack check demo --json | jq -r '.differs[].key'`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			c := newClient(cmd)
			name, err := c.rackName(cmd.Context(), args)
			if err != nil {
				return err
			}
			var d drift
			if err := c.post(cmd.Context(), rackPath(name, "/check"), map[string]string{}, &d.Run); err != nil {
				return err
			}
			shown := cmd.OutOrStdout()
			if asJSON {
				shown = cmd.ErrOrStderr()
			}
			if err := followRack(cmd.Context(), c, name, shown); err != nil {
				return err
			}
			if d, err = c.drift(cmd, d.Run.ID); err != nil {
				return err
			}
			if asJSON {
				err = printJSON(cmd.OutOrStdout(), d)
			} else {
				printDrift(cmd.OutOrStdout(), d)
			}
			if n := len(d.Differs); err == nil && n > 0 {
				err = &exitError{exitFailed, fmt.Errorf("%d steps of rack %s differ from the plan; to make it as the plan says: appliance rack apply %s --plan %s --follow", n, name, name, d.Run.PlanHash)}
			}
			return err
		},
	}
	jsonFlag(c, &asJSON)
	return c
}

// drift is what a check that has ended found.
func (c *client) drift(cmd *cobra.Command, run uint) (drift, error) {
	d := drift{Differs: []inventory.Step{}}
	if err := c.get(cmd.Context(), fmt.Sprintf("/runs/%d", run), &d.Run); err != nil {
		return d, err
	}
	var steps []inventory.Step
	if err := c.get(cmd.Context(), fmt.Sprintf("/runs/%d/steps", run), &steps); err != nil {
		return d, err
	}
	for _, s := range steps {
		if s.Changed {
			d.Differs = append(d.Differs, s)
		}
	}
	return d, nil
}

func printDrift(out io.Writer, d drift) {
	if len(d.Differs) == 0 {
		fmt.Fprintf(out, "rack %s is as its plan says\n", d.Run.Rack)
		return
	}
	for _, s := range d.Differs {
		fmt.Fprintf(out, "\n≠ %s\n  %s\n", s.Key, s.Title)
		if s.Diff != "" {
			fmt.Fprint(out, indent(s.Diff))
		}
		if len(s.Notify) > 0 {
			fmt.Fprintf(out, "  applying it restarts %s\n", strings.Join(s.Notify, ", "))
		}
	}
	fmt.Fprintln(out)
}

func rackApply() *cobra.Command {
	var plan string
	var follow, asJSON bool
	c := &cobra.Command{
		Use:   "apply [NAME]",
		Short: "Make an installed rack as its plan is now, without installing it again",
		Long: `Make an installed rack as its plan is now: what rack check finds to differ is changed and the services that it belongs to
are restarted; nodes that are new in rack.yaml are installed, and then the cloud proves itself. What agrees is left alone.
No disk of a node that is installed is written. Applying to a rack that is as its plan says changes nothing.

With --plan it is refused if the plan has changed since rack check showed the difference.`,
		Example: `  appliance rack apply --follow
  appliance rack import rack.yaml && appliance rack check || appliance rack apply --follow`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return beginRun(cmd, args, "/apply", inventory.ApplyRequest{PlanHash: plan}, follow, asJSON)
		},
	}
	c.Flags().StringVar(&plan, "plan", "", "the plan's hash that rack check showed: refuse if it has changed since")
	c.Flags().BoolVarP(&follow, "follow", "f", false, "show the progress until the run ends")
	jsonFlag(c, &asJSON)
	return c
}
