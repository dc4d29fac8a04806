package main

import (
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"sandai/inventory"
)

func newCopiesCommand() *cobra.Command {
	var asJSON bool
	c := &cobra.Command{
		Use:   "copies",
		Short: "Show how the sealed copies of the appliance on its nodes stand",
		Long: `Every installed node can keep a copy of the appliance's whole state, sealed with a passphrase that the appliance does not
keep: after each run that changes a rack, and once a day. It is on each node in ` + inventory.CopyPath + `;
after the loss of the appliance take it from any of them, and appliance restore makes a state directory of it.`,
		Example: `  appliance copies on
  appliance copies
  scp root@10.77.0.11:` + inventory.CopyPath + ` . && appliance restore appliance.copy --state /var/lib/sandai`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			var v inventory.Copies
			if err := newClient(cmd).get(cmd.Context(), "/copies", &v); err != nil {
				return err
			}
			return printCopies(cmd.OutOrStdout(), v, asJSON)
		},
	}
	jsonFlag(c, &asJSON)
	c.AddCommand(copiesOn(), copiesChange("off", "Make no more copies", "Make no more copies; those on the nodes stay.", "/copies", map[string]string{"passphrase": ""}),
		copiesChange("now", "Have the nodes fetch a copy at once", "Have every installed node fetch a copy at once, and say what became of it.", "/copies/now", nil))
	return c
}

func copiesOn() *cobra.Command {
	var from string
	c := &cobra.Command{
		Use:   "on",
		Short: "Have the nodes keep sealed copies from now on",
		Long: `Have the nodes keep copies from now on that this passphrase opens. It has at least 15 characters; it is asked for, or read
from the first line of the standard input, and kept nowhere. Again with another one, later copies are sealed anew.`,
		Example: `  appliance copies on
  appliance copies on --passphrase-file phrase.txt`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			phrase, err := passphrase(cmd, from, "Passphrase for the copies: ", "Again: ")
			if err != nil {
				return err
			}
			if phrase == "" {
				return inventory.Errorf(inventory.Invalid, "there is no passphrase: without one there would be no copies (appliance copies off)")
			}
			var v inventory.Copies
			if err := newClient(cmd).post(cmd.Context(), "/copies", map[string]string{"passphrase": phrase}, &v); err != nil {
				return err
			}
			return printCopies(cmd.OutOrStdout(), v, false)
		},
	}
	c.Flags().StringVar(&from, "passphrase-file", "", "file whose text is the passphrase")
	return c
}

func copiesChange(use, short, long, path string, body any) *cobra.Command {
	var asJSON bool
	c := &cobra.Command{
		Use: use, Short: short, Long: long, Args: cobra.NoArgs, Example: "  appliance copies " + use,
		RunE: func(cmd *cobra.Command, _ []string) error {
			var v inventory.Copies
			if err := newClient(cmd).post(cmd.Context(), path, body, &v); err != nil {
				return err
			}
			return printCopies(cmd.OutOrStdout(), v, asJSON)
		},
	}
	jsonFlag(c, &asJSON)
	return c
}

func printCopies(out io.Writer, v inventory.Copies, asJSON bool) error {
	switch {
	case asJSON:
		return printJSON(out, v)
	case !v.On && v.Last == nil:
		fmt.Fprintln(out, "no copies are made (appliance copies on)")
	case !v.On:
		fmt.Fprintf(out, "no copies are made any more; the last at %s\n%s\n", v.Last.UTC().Format("2006-01-02 15:04 UTC"), v.Text)
	case v.Last == nil:
		fmt.Fprintln(out, "copies are made from now on; none was yet (appliance copies now)")
	default:
		fmt.Fprintf(out, "copies are made; the last at %s\n%s\n", v.Last.UTC().Format("2006-01-02 15:04 UTC"), v.Text)
	}
	return nil
}
