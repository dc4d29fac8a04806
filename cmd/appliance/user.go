package main

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"sandai/inventory"
	"sandai/web"
)

func newUserCommand() *cobra.Command {
	c := &cobra.Command{
		Use:   "user",
		Short: "Add, list, change and remove the users of the page",
		Long: `A user signs in on the page with name and password, and has a role: a viewer sees everything but secrets, an
operator installs racks, switches power and types in consoles, an admin manages users and tokens too.
A password has at least 15 characters; it is asked for, or read from the first line of the standard input.`,
		Example: `  appliance user add ann --role operator
  appliance user list`,
		Args: noSubcommand,
		RunE: help,
	}
	c.AddCommand(userAdd(), userList(), userPasswd(), userRole(), userRemove())
	return c
}

// roleArg checks a role that the command line names.
func roleArg(s string) (inventory.UserRole, error) {
	r := inventory.UserRole(s)
	if s == "" {
		return "", &exitError{exitUsage, errors.New("a role is needed: --role viewer, operator or admin")}
	}
	if !slices.Contains(inventory.UserRoles, r) {
		return "", &exitError{exitUsage, fmt.Errorf("%q is none of viewer, operator, admin", s)}
	}
	return r, nil
}

func userAdd() *cobra.Command {
	var role string
	var asJSON bool
	c := &cobra.Command{
		Use:   "add NAME --role ROLE",
		Short: "Add a user",
		Long:  "Add a user; the password is asked for, or read from the standard input.",
		Example: `  appliance user add ann --role operator
  appliance user add ann --role admin < password.txt`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			r, err := roleArg(role)
			if err != nil {
				return err
			}
			password, err := askPassword(cmd, args[0])
			if err != nil {
				return err
			}
			c := newClient(cmd)
			var u inventory.User
			if err := c.post(cmd.Context(), "/users", web.NewUser{Name: args[0], Role: r, Password: password}, &u); err != nil {
				return err
			}
			if asJSON {
				return printJSON(cmd.OutOrStdout(), u)
			}
			fmt.Fprintf(cmd.OutOrStdout(), "%s may sign in at %s as %s\n", u.Name, c.base, u.Role)
			return nil
		},
	}
	c.Flags().StringVar(&role, "role", "", "viewer, operator or admin")
	jsonFlag(c, &asJSON)
	return c
}

func userList() *cobra.Command {
	var asJSON bool
	c := &cobra.Command{
		Use:   "list",
		Short: "List the users",
		Example: `  appliance user list
  appliance user list --json`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			var users []inventory.User
			if err := newClient(cmd).get(cmd.Context(), "/users", &users); err != nil {
				return err
			}
			if asJSON {
				return printJSON(cmd.OutOrStdout(), users)
			}
			rows := [][]string{{"NAME", "ROLE", "CREATED", "SIGNED IN"}}
			for _, u := range users {
				rows = append(rows, []string{u.Name, string(u.Role), minute(&u.Created), minute(u.SignedIn)})
			}
			printTable(cmd.OutOrStdout(), rows)
			return nil
		},
	}
	jsonFlag(c, &asJSON)
	return c
}

// minute prints a time to the minute, - for none.
func minute(t *time.Time) string {
	if t == nil {
		return "-"
	}
	return t.UTC().Format("2006-01-02 15:04 UTC")
}

func userPasswd() *cobra.Command {
	c := &cobra.Command{
		Use:   "passwd NAME",
		Short: "Give a user another password",
		Long:  "Give a user another password, asked for or read from the standard input. The user's sessions end, the API tokens stay.",
		Example: `  appliance user passwd ann
  appliance user passwd ann < password.txt`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			password, err := askPassword(cmd, args[0])
			if err != nil {
				return err
			}
			if password == "" {
				return errors.New("the password is empty: type one, or put one into the first line of the standard input")
			}
			if err := changeUser(cmd, args[0], web.UserChange{Password: password}, nil); err != nil {
				return err
			}
			fmt.Fprintf(cmd.OutOrStdout(), "%s has another password; the sessions of %s have ended\n", args[0], args[0])
			return nil
		},
	}
	return c
}

func userRole() *cobra.Command {
	var asJSON bool
	c := &cobra.Command{
		Use:   "role NAME ROLE",
		Short: "Give a user another role",
		Long:  "Give a user another role: viewer, operator or admin. It holds at once, for sessions and API tokens too. One admin must be left.",
		Example: `  appliance user role ann admin
  appliance user role ann viewer --json`,
		Args: cobra.ExactArgs(2),
		RunE: func(cmd *cobra.Command, args []string) error {
			r, err := roleArg(args[1])
			if err != nil {
				return err
			}
			var u inventory.User
			if err := changeUser(cmd, args[0], web.UserChange{Role: r}, &u); err != nil {
				return err
			}
			if asJSON {
				return printJSON(cmd.OutOrStdout(), u)
			}
			fmt.Fprintf(cmd.OutOrStdout(), "%s is %s\n", u.Name, u.Role)
			return nil
		},
	}
	jsonFlag(c, &asJSON)
	return c
}

func changeUser(cmd *cobra.Command, name string, change web.UserChange, out any) error {
	return newClient(cmd).send(cmd.Context(), http.MethodPatch, "/users/"+url.PathEscape(name), change, out)
}

func userRemove() *cobra.Command {
	return &cobra.Command{
		Use:     "remove NAME",
		Short:   "Remove a user with sessions and API tokens",
		Long:    "Remove a user with sessions and API tokens. The audit log keeps the name. One admin must be left.",
		Example: "  appliance user remove ann",
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := newClient(cmd).send(cmd.Context(), http.MethodDelete, "/users/"+url.PathEscape(args[0]), nil, nil); err != nil {
				return err
			}
			fmt.Fprintf(cmd.OutOrStdout(), "%s is removed\n", args[0])
			return nil
		},
	}
}
