package main

import (
	"fmt"
	"runtime"
	"time"

	"github.com/spf13/cobra"

	"sandai/web"
)

func newVersionCommand() *cobra.Command {
	var asJSON bool
	c := &cobra.Command{
		Use:   "version",
		Short: "Show this program's version",
		Long:  "Show the commit that this program was built from (with + when the checkout was changed) and the Go that built it.",
		Example: `  appliance version
  appliance version --json`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			v := web.VersionInfo{Version: web.Version(), Go: runtime.Version()}
			if asJSON {
				return printJSON(cmd.OutOrStdout(), v)
			}
			fmt.Fprintf(cmd.OutOrStdout(), "appliance %s, %s\n", v.Version, v.Go)
			return nil
		},
	}
	jsonFlag(c, &asJSON)
	return c
}

func newWaitCommand() *cobra.Command {
	var timeout time.Duration
	c := &cobra.Command{
		Use:   "wait",
		Short: "Wait until the appliance answers",
		Long: `Wait until the appliance's API answers, for scripts that have just started it. With --timeout 0 it is asked once.
The exit code is 3 when it did not answer in time.`,
		Example: `  appliance wait --state .rack --timeout 2m`,
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			deadline := time.Now().Add(timeout)
			for {
				// The URL file may appear while we wait, so it is read each time.
				c := newClient(cmd)
				var v web.VersionInfo
				err := c.get(cmd.Context(), "/version", &v)
				if err == nil {
					fmt.Fprintf(cmd.OutOrStdout(), "the appliance answers at %s, version %s\n", c.base, v.Version)
					return nil
				}
				if c.guess && !isUnreachable(err) { // whoever answered there is another appliance
					err = c.unreachable(err)
				}
				if !isUnreachable(err) || !time.Now().Before(deadline) {
					return err
				}
				select {
				case <-cmd.Context().Done():
					return cmd.Context().Err()
				case <-time.After(250 * time.Millisecond):
				}
			}
		},
	}
	c.Flags().DurationVar(&timeout, "timeout", time.Minute, "how long to wait")
	return c
}
