package main

import (
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"sandai/inventory"
)

func rackStop() *cobra.Command {
	var reason string
	var withdraw, asJSON bool
	c := &cobra.Command{
		Use:   "stop [NAME]",
		Short: "Stop the active run after the steps in hand",
		Long: `Stop the rack's active run: the steps in hand end, no other begins, then the run is stopped. rack install goes on
with a stopped install. With --withdraw a stop that has not taken hold yet is taken back.`,
		Example: `  appliance rack stop --reason "the rack is being moved"
  appliance rack stop demo --withdraw`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			c := newClient(cmd)
			name, err := c.rackName(cmd.Context(), args)
			if err != nil {
				return err
			}
			var run inventory.Run
			path, body, text := "/stop", map[string]string{"reason": reason}, "run %d of rack %s stops after the steps in hand; appliance rack status %s --follow shows when\n"
			if withdraw {
				path, body, text = "/keep-going", map[string]string{}, "run %d of rack %s keeps going; appliance rack status %s --follow shows how it goes\n"
			}
			if err := c.post(cmd.Context(), rackPath(name, path), body, &run); err != nil {
				return err
			}
			if asJSON {
				return printJSON(cmd.OutOrStdout(), run)
			}
			fmt.Fprintf(cmd.OutOrStdout(), text, run.ID, name, name)
			return nil
		},
	}
	c.Flags().StringVar(&reason, "reason", "", "why, for those who read the run later")
	c.Flags().BoolVar(&withdraw, "withdraw", false, "take a stop back that has not taken hold yet")
	jsonFlag(c, &asJSON)
	return c
}

// stepCommand is what retry and skip have in common; body says what is sent.
func stepCommand(use, verb string, body func(key string) map[string]string) *cobra.Command {
	var rack string
	var run uint
	var asJSON bool
	c := &cobra.Command{
		Use:  use,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			c := newClient(cmd)
			if run == 0 {
				name, err := c.rackName(cmd.Context(), nonEmpty(rack))
				if err != nil {
					return err
				}
				p, err := c.progress(cmd.Context(), name)
				if err != nil {
					return err
				}
				run = p.Run.ID
			}
			var out inventory.Run
			if err := c.post(cmd.Context(), fmt.Sprintf("/runs/%d/%s", run, verb), body(args[0]), &out); err != nil {
				return err
			}
			if asJSON {
				return printJSON(cmd.OutOrStdout(), out)
			}
			switch out.State {
			case inventory.RunActive:
				fmt.Fprintf(cmd.OutOrStdout(), "run %d goes on; appliance rack status %s --follow shows how it goes\n", out.ID, out.Rack)
			case inventory.RunFailed:
				fmt.Fprintf(cmd.OutOrStdout(), "run %d has another failed step and goes on when that is tried again or skipped: appliance rack status %s\n", out.ID, out.Rack)
			default:
				fmt.Fprintf(cmd.OutOrStdout(), "run %d is %s\n", out.ID, out.State)
			}
			return nil
		},
	}
	c.Flags().StringVar(&rack, "rack", "", "the rack, where there are several")
	c.Flags().UintVar(&run, "run", 0, "the run's number (default: the rack's active run, else the one that ended last)")
	jsonFlag(c, &asJSON)
	return c
}

func nonEmpty(s string) []string {
	if s == "" {
		return nil
	}
	return []string{s}
}

func rackRetry() *cobra.Command {
	c := stepCommand("retry STEP", "retry", func(key string) map[string]string { return map[string]string{"key": key} })
	c.Short = "Try one failed step again"
	c.Long = `Try one failed step of a run again. The run goes on when no other failed step is left. rack install tries all of them.`
	c.Example = `  appliance rack retry controller-1/identity/keystone.schema
  appliance rack retry compute-1/inspect/inspect --run 7`
	return c
}

func rackSkip() *cobra.Command {
	var reason string
	c := stepCommand("skip STEP --reason TEXT", "skip", func(key string) map[string]string { return map[string]string{"key": key, "reason": reason} })
	c.Short = "Leave a failed or pending step out"
	c.Long = `Leave a failed or pending step of a run out: what needs it takes it for done. The reason is kept with your name and
shown in the report. The phases of a node (power to boot) cannot be skipped: nothing could follow without them.`
	c.Example = `  appliance rack skip rack/proof/proof.ssh --reason "SSH is closed between here and there"`
	c.Flags().StringVar(&reason, "reason", "", "why the step may be left out")
	c.Args = func(cmd *cobra.Command, args []string) error {
		if strings.TrimSpace(reason) == "" {
			return errors.New("say with --reason why the step may be left out")
		}
		return cobra.ExactArgs(1)(cmd, args)
	}
	return c
}

func rackInspect() *cobra.Command {
	var nodes []string
	var follow, asJSON bool
	c := &cobra.Command{
		Use:   "inspect [NAME]",
		Short: "Look at the hardware of nodes; nothing is written",
		Long: `Power nodes on through their BMCs into the ramdisk, look at their hardware and what is on their disks, and power them
off again. Nothing is written to a disk. Without --node, all nodes that are not installed are inspected. A node without
a BMC is inspected when it next boots from the network, and then starts from its own disk.`,
		Example: `  appliance rack inspect --follow
  appliance rack inspect demo --node compute-1 --node new-52-54-00-77-00-09`,
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
			var in inventory.Inspection
			if err := c.post(cmd.Context(), rackPath(name, "/inspect"), map[string]any{"nodes": append([]string{}, nodes...)}, &in); err != nil {
				return err
			}
			out := cmd.OutOrStdout()
			if asJSON {
				return printJSON(out, in)
			}
			for _, n := range in.Waiting {
				fmt.Fprintf(out, "%s has no BMC: it is inspected when it next boots from the network\n", n)
			}
			for _, l := range in.Left {
				fmt.Fprintf(out, "%s is not inspected: %s\n", l.Node, l.Why)
			}
			if in.Run == nil {
				return nil
			}
			return afterStart(cmd, c, name, *in.Run, follow)
		},
	}
	c.Flags().StringArrayVar(&nodes, "node", nil, "inspect only this node; may be given several times")
	c.Flags().BoolVarP(&follow, "follow", "f", false, "show the progress until the run ends")
	jsonFlag(c, &asJSON)
	return c
}

func rackProof() *cobra.Command {
	var follow, asJSON bool
	c := &cobra.Command{
		Use:   "proof [NAME]",
		Short: "Have an installed rack prove itself again",
		Long: `Run the proof once more on an installed rack: what the last proof made (servers, floating IPs, volumes) is removed,
then a virtual machine is booted on every compute node, reached from outside, and given a volume. rack report shows
the result.`,
		Example: `  appliance rack proof --follow`,
		Args:    cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return beginRun(cmd, args, "/proof", map[string]string{}, follow, asJSON)
		},
	}
	c.Flags().BoolVarP(&follow, "follow", "f", false, "show the progress until the run ends")
	jsonFlag(c, &asJSON)
	return c
}

// forOne returns an error where both people and programs are to be answered.
func forOne(follow, asJSON bool) error {
	if follow && asJSON {
		return &exitError{exitUsage, errors.New("--follow is for people, --json for programs: choose one")}
	}
	return nil
}

// beginRun asks for a run of the rack that the arguments name, and shows it as the
// flags say.
func beginRun(cmd *cobra.Command, args []string, path string, body any, follow, asJSON bool) error {
	if err := forOne(follow, asJSON); err != nil {
		return err
	}
	c := newClient(cmd)
	name, err := c.rackName(cmd.Context(), args)
	if err != nil {
		return err
	}
	var run inventory.Run
	if err := c.post(cmd.Context(), rackPath(name, path), body, &run); err != nil {
		return err
	}
	if asJSON {
		return printJSON(cmd.OutOrStdout(), run)
	}
	return afterStart(cmd, c, name, run, follow)
}

// afterStart follows a run that was begun, or says how to.
func afterStart(cmd *cobra.Command, c *client, name string, run inventory.Run, follow bool) error {
	if follow {
		return followRack(cmd.Context(), c, name, cmd.OutOrStdout())
	}
	fmt.Fprintf(cmd.OutOrStdout(), "run %d of rack %s is under way; appliance rack status %s --follow shows how it goes\n", run.ID, name, name)
	return nil
}
