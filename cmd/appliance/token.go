package main

import (
	"fmt"
	"net/http"
	"strconv"

	"github.com/spf13/cobra"

	"sandai/inventory"
	"sandai/web"
)

func newTokenCommand() *cobra.Command {
	c := &cobra.Command{
		Use:   "token",
		Short: "Make, list and remove API tokens",
		Long: `An API token lets a program in: curl with the header Authorization: Bearer TOKEN, or this command line on another
host with --token FILE. It has a role, never more than its owner's, and is shown once, when it is made.`,
		Example: `  appliance token add ci --role operator --days 90 > ci.token
  appliance --url https://192.0.2.1:8080 --ca ca.pem --token ci.token rack status`,
		Args: noSubcommand,
		RunE: help,
	}
	c.AddCommand(tokenAdd(), tokenList(), tokenRemove())
	return c
}

func tokenAdd() *cobra.Command {
	var role, user string
	var days int
	var asJSON bool
	c := &cobra.Command{
		Use:   "add NAME --role ROLE",
		Short: "Make an API token and print it, this once",
		Long: `Make an API token and print it, this once: the appliance keeps only a hash of it. NAME says what it is for. It belongs
to --user, else to who asks; from the appliance's own host that is nobody, and it lives until it is removed.`,
		Example: `  appliance token add ci --role operator > ci.token
  appliance token add monitoring --role viewer --user ann --days 365 --json`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			r, err := roleArg(role)
			if err != nil {
				return err
			}
			var t web.MadeToken
			if err := newClient(cmd).post(cmd.Context(), "/tokens", web.NewToken{Name: args[0], Role: r, User: user, Days: days}, &t); err != nil {
				return err
			}
			if asJSON {
				return printJSON(cmd.OutOrStdout(), t)
			}
			fmt.Fprintln(cmd.OutOrStdout(), t.Text)
			return nil
		},
	}
	c.Flags().StringVar(&role, "role", "", "viewer, operator or admin")
	c.Flags().StringVar(&user, "user", "", "whose it is (default: of who asks)")
	c.Flags().IntVar(&days, "days", 0, "how many days it is valid (default: until it is removed)")
	jsonFlag(c, &asJSON)
	return c
}

func tokenList() *cobra.Command {
	var asJSON bool
	c := &cobra.Command{
		Use:   "list",
		Short: "List the API tokens, without their texts",
		Example: `  appliance token list
  appliance token list --json`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			var tokens []inventory.Token
			if err := newClient(cmd).get(cmd.Context(), "/tokens", &tokens); err != nil {
				return err
			}
			if asJSON {
				return printJSON(cmd.OutOrStdout(), tokens)
			}
			rows := [][]string{{"ID", "NAME", "ROLE", "OWNER", "CREATED", "USED", "EXPIRES"}}
			for _, t := range tokens {
				rows = append(rows, []string{fmt.Sprint(t.ID), t.Name, string(t.Role), orDash(t.Owner), minute(&t.Created), minute(t.Used), minute(t.Expires)})
			}
			printTable(cmd.OutOrStdout(), rows)
			return nil
		},
	}
	jsonFlag(c, &asJSON)
	return c
}

func tokenRemove() *cobra.Command {
	return &cobra.Command{
		Use:     "remove ID",
		Short:   "Remove an API token; who has it is let in no more",
		Long:    "Remove an API token by its ID, which token list shows. The state directory's own is made anew at the next start.",
		Example: "  appliance token remove 3",
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			id, err := strconv.ParseUint(args[0], 10, 32)
			if err != nil {
				return &exitError{exitUsage, fmt.Errorf("%q is no token's ID; appliance token list shows them", args[0])}
			}
			if err := newClient(cmd).send(cmd.Context(), http.MethodDelete, fmt.Sprintf("/tokens/%d", id), nil, nil); err != nil {
				return err
			}
			fmt.Fprintf(cmd.OutOrStdout(), "token %d is removed\n", id)
			return nil
		},
	}
}
