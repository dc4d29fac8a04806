package main

import (
	"fmt"
	"slices"

	"github.com/spf13/cobra"

	"sandai/installer/guide"
	"sandai/inventory"
)

// newGuideCommand makes "appliance guide", which shows the install guide itself.
func newGuideCommand() *cobra.Command {
	c := &cobra.Command{
		Use:   "guide",
		Short: "The install guide that Sandai follows",
	}
	c.AddCommand(newGuideShowCommand())
	return c
}

func newGuideShowCommand() *cobra.Command {
	var role, lang, release string
	c := &cobra.Command{
		Use:   "show",
		Short: "Print the install guide as Markdown, to be followed by hand",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			roles := []inventory.Role{"", inventory.Controller, inventory.NetworkRole, inventory.Compute}
			if !slices.Contains(roles, inventory.Role(role)) {
				return fmt.Errorf("there is no role %q: choose controller, network or compute, or leave --role out for all", role)
			}
			if lang != "en" && lang != "ja" {
				return fmt.Errorf("the guide is not written in %q: choose en or ja", lang)
			}
			g, err := guide.Load(release)
			if err != nil {
				return err
			}
			return g.Render(cmd.OutOrStdout(), inventory.Role(role), lang)
		},
	}
	c.Flags().StringVar(&role, "role", "", "only what this role's nodes do: controller, network or compute")
	c.Flags().StringVar(&lang, "lang", "en", "language: en or ja")
	c.Flags().StringVar(&release, "release", "2025.1", "OpenStack release")
	return c
}
