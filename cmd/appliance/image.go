package main

import (
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"sync"

	"github.com/dustin/go-humanize"
	"github.com/spf13/cobra"

	"sandai/images"
	"sandai/installer/guide"
	"sandai/inventory"
)

func newImageCommand() *cobra.Command {
	c := &cobra.Command{
		Use:   "image",
		Short: "Build and list what is laid down on the nodes",
		Long: `Images are the root file systems of the roles, the deploy kernel and ramdisk, the boot loaders and the guest images.
They are built on this host from Debian's packages, and kept in the store under --cache.`,
		Example: `  appliance image build
  appliance image list`,
		Args: noSubcommand,
		RunE: help,
	}
	c.AddCommand(imageBuild(), imageList())
	return c
}

const defaultCache = "/var/cache/sandai"

func cacheFlag(c *cobra.Command, v *string) {
	c.Flags().StringVar(v, "cache", defaultCache, "image store and what builds keep")
}

func imageBuild() *cobra.Command {
	var cache string
	var only []string
	var asJSON bool
	c := &cobra.Command{
		Use:   "build",
		Short: "Build what changed since it was last built",
		Long: `Build every image, or those named with --only, whose inputs changed: the guide, the package lists, Debian's archive.
It needs root and mmdebstrap. Names: base, role-controller, role-compute, role-network, deploy-kernel, deploy-ramdisk,
undionly.kpxe, ipxe.efi, guest-tiny, guest-debian. Logs are under logs/ in the cache.`,
		Example: `  appliance image build
  appliance image build --only deploy-kernel --only deploy-ramdisk,base`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			roles, err := roleSpecs()
			if err != nil {
				return err
			}
			b, err := newBuilder(cache, slog.New(slog.NewTextHandler(cmd.ErrOrStderr(), nil)))
			if err != nil {
				return err
			}
			b.Progress = printProgress(cmd.ErrOrStderr())
			list, err := b.Only(cmd.Context(), roles, only)
			if err != nil {
				return err
			}
			return printImages(cmd.OutOrStdout(), list, asJSON)
		},
	}
	cacheFlag(c, &cache)
	c.Flags().StringSliceVar(&only, "only", nil, "build only this image; may be given several times")
	jsonFlag(c, &asJSON)
	return c
}

func imageList() *cobra.Command {
	var cache string
	var asJSON bool
	c := &cobra.Command{
		Use:     "list",
		Short:   "List the images in the store",
		Long:    `List the newest build of each image in the store under --cache, with its digest and how long it took.`,
		Example: `  appliance image list --json`,
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			s, err := images.OpenStore(filepath.Join(cache, "store"))
			if err != nil {
				return err
			}
			list, err := s.List()
			if err != nil {
				return err
			}
			return printImages(cmd.OutOrStdout(), list, asJSON)
		},
	}
	cacheFlag(c, &cache)
	jsonFlag(c, &asJSON)
	return c
}

// newBuilder makes a builder with the agent that lies beside this program.
func newBuilder(cache string, log *slog.Logger) (images.Builder, error) {
	self, err := os.Executable()
	if err != nil {
		return images.Builder{}, fmt.Errorf("find the agent's binary: %w", err)
	}
	return images.Builder{Cache: cache, Agent: filepath.Join(filepath.Dir(self), "agent"), Log: log}, nil
}

// newWorks makes what builds images when the page asks for it.
func (a *appliance) newWorks(cache string) (*images.Works, error) {
	b, err := newBuilder(cache, a.log.With("component", "images"))
	if err != nil {
		return nil, err
	}
	roles, err := roleSpecs()
	if err != nil {
		return nil, err
	}
	return images.NewWorks(b, a.images, roles), nil
}

// roleSpecs asks the guide what is baked into each role's image.
func roleSpecs() ([]images.RoleSpec, error) {
	g, err := guide.Load("2025.1")
	if err != nil {
		return nil, err
	}
	var specs []images.RoleSpec
	for _, role := range []inventory.Role{inventory.Controller, inventory.Compute, inventory.NetworkRole} {
		tasks, err := g.Bake(role)
		if err != nil {
			return nil, err
		}
		plan, err := json.Marshal(tasks)
		if err != nil {
			return nil, fmt.Errorf("bake plan of role %s: %w", role, err)
		}
		specs = append(specs, images.RoleSpec{Name: "role-" + string(role), Bake: plan})
	}
	return specs, nil
}

// printProgress prints a line for each image that begins or ends.
func printProgress(out io.Writer) func(images.Progress) {
	var mu sync.Mutex
	return func(p images.Progress) {
		mu.Lock()
		defer mu.Unlock()
		switch p.State {
		case images.Building:
			fmt.Fprintf(out, "%-16s is being built\n", p.Image)
		case images.Kept:
			fmt.Fprintf(out, "%-16s is up to date\n", p.Image)
		default:
			fmt.Fprintf(out, "%-16s %s in %.0f s\n", p.Image, p.State, p.Seconds)
		}
	}
}

func printImages(out io.Writer, list []inventory.Image, asJSON bool) error {
	if asJSON {
		if list == nil {
			list = []inventory.Image{}
		}
		return printJSON(out, list)
	}
	rows := [][]string{{"NAME", "SIZE", "UNPACKED", "DIGEST", "BUILT", "SECONDS"}}
	for _, i := range list {
		rows = append(rows, []string{i.Name, humanize.IBytes(uint64(i.Size)), humanize.IBytes(uint64(i.RawSize)),
			i.Digest[:16], i.Built.Local().Format("2006-01-02 15:04"), fmt.Sprintf("%.0f", i.Seconds)})
	}
	printTable(out, rows)
	return nil
}
