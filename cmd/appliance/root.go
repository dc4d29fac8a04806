package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"
)

// Exit codes; docs/cli.md explains them.
const (
	exitOK          = 0
	exitFailed      = 1
	exitUsage       = 2
	exitUnreachable = 3
	exitRunFailed   = 4
)

// exitError is an error with an exit code of its own.
type exitError struct {
	code int
	err  error
}

func (e *exitError) Error() string { return e.err.Error() }

func (e *exitError) Unwrap() error { return e.err }

// execute runs one command line.
func execute(ctx context.Context, args []string, in io.Reader, out, errOut io.Writer) int {
	root := newRootCommand()
	started := false
	cobra.EnableTraverseRunHooks = true
	root.PersistentPreRun = func(*cobra.Command, []string) { started = true }
	root.SetArgs(args)
	root.SetIn(in)
	root.SetOut(out)
	root.SetErr(errOut)
	err := root.ExecuteContext(ctx)
	if err == nil {
		return exitOK
	}
	fmt.Fprintln(errOut, "error:", err)
	var coded *exitError
	switch {
	case errors.As(err, &coded):
		return coded.code
	case !started: // cobra did not understand the command line
		fmt.Fprintln(errOut, "appliance --help lists the commands; every command has --help too")
		return exitUsage
	}
	return exitFailed
}

func newRootCommand() *cobra.Command {
	c := &cobra.Command{
		Use:   "appliance",
		Short: "Turn a rack of blank servers into an OpenStack cloud",
		Long: `Sandai turns a rack of blank servers into an OpenStack cloud: it powers them on over IPMI, boots them over the
network, writes Debian 13 to their disks, follows the OpenStack install guide role by role, and proves the cloud
by running a virtual machine.

Exit codes: 0 done, 1 failed, 2 the command line is wrong, 3 the appliance cannot be reached, 4 the run failed.`,
		Example: `  appliance serve
  appliance rack import rack.yaml
  appliance rack plan
  appliance rack install --follow`,
		Args:          noSubcommand,
		RunE:          help,
		SilenceErrors: true,
		SilenceUsage:  true,
	}
	c.PersistentFlags().String("state", "", "state directory (default .rack where it exists, else /var/lib/sandai)")
	c.PersistentFlags().String("url", "", "the appliance's API (default: where the state directory says, else https://127.0.0.1:8080)")
	c.PersistentFlags().String("token", "", "file with an API token, for another host's appliance (default: the state directory's)")
	c.PersistentFlags().String("ca", "", "PEM file with the CA to trust, for another host's appliance (default: the state directory's)")
	c.AddCommand(newServeCommand(), newRackCommand(), newNodeCommand(), newImageCommand(), newGuideCommand(),
		newLabCommand(), newUserCommand(), newTokenCommand(), newBackupCommand(), newRestoreCommand(), newCopiesCommand(), newWaitCommand(), newVersionCommand())
	return c
}

// noSubcommand answers a wrong subcommand; help answers none.
func noSubcommand(cmd *cobra.Command, args []string) error {
	if len(args) > 0 {
		return fmt.Errorf("there is no command %q of %s", args[0], cmd.CommandPath())
	}
	return nil
}

func help(cmd *cobra.Command, _ []string) error { return cmd.Help() }

// stateDir returns the state directory that the command line asks for.
func stateDir(cmd *cobra.Command) string {
	dir, err := cmd.Flags().GetString("state")
	if err == nil && dir != "" {
		return filepath.Clean(dir)
	}
	if s, err := os.Stat(".rack"); err == nil && s.IsDir() {
		return ".rack"
	}
	return "/var/lib/sandai"
}
