// Agent is a node's side of Sandai. As PID 1 it is the deploy ramdisk's init;
// "agent serve" is the service of the installed system; "agent bake" carries out
// the guide's bake steps while an image is built.
package main

import (
	"context"
	"flag"
	"fmt"
	"log/slog"
	"os"
	"os/signal"
	"runtime/debug"
	"syscall"

	"sandai/installer/agent/host"
	"sandai/installer/agent/ramdisk"
	"sandai/inventory"
)

const usage = `Usage: agent serve | bake --plan FILE | save … | saved | restore | version

  serve              work on the appliance's tasks in the installed system
  bake --plan FILE   carry out a plan in the root of an image being built
  save               stop services and hand databases and files to the appliance:
                     --stop=UNIT, --database=NAME, --path=DIRECTORY, each as often as wanted
  saved              end well where the appliance has them
  restore            bring them back
  version            say which build this is
`

// conf is where the installed agent's configuration is.
const conf = "/etc/sandai"

func main() {
	if os.Getpid() == 1 {
		ramdisk.Init()
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "agent:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string) error {
	if len(args) == 0 {
		return fmt.Errorf("say what to do\n%s", usage)
	}
	switch args[0] {
	case "serve":
		log := slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{ReplaceAttr: withoutTime}))
		err := host.Serve(ctx, log, host.Paths{Config: conf, State: "/var/lib/sandai"})
		if ctx.Err() != nil {
			return nil // asked to stop
		}
		return err
	case "bake":
		fs := flag.NewFlagSet("bake", flag.ContinueOnError)
		plan := fs.String("plan", "", "file with the tasks, JSON")
		if err := fs.Parse(args[1:]); err != nil {
			return err
		}
		f, err := os.Open(*plan)
		if err != nil {
			return fmt.Errorf("open the plan: %w", err)
		}
		defer f.Close()
		return host.Bake(ctx, f, os.Stdout)
	case "save", "saved", "restore":
		return keep(ctx, args)
	case "ramdisk": // what Init starts
		return ramdisk.Run(ctx)
	case "exec": // what a step's unit starts
		if len(args) != 2 {
			return fmt.Errorf("exec wants one file")
		}
		return host.Exec(args[1])
	case "version", "--version":
		fmt.Println("agent", version())
		return nil
	}
	return fmt.Errorf("there is no %q\n%s", args[0], usage)
}

// keep hands the node's data to the appliance, or brings it back.
func keep(ctx context.Context, args []string) error {
	var s host.Saving
	fs := flag.NewFlagSet(args[0], flag.ContinueOnError)
	for name, list := range map[string]*[]string{"stop": &s.Stop, "database": &s.Databases, "path": &s.Paths} {
		fs.Func(name, "see agent --help", func(v string) error { *list = append(*list, v); return nil })
	}
	if err := fs.Parse(args[1:]); err != nil {
		return err
	}
	if args[0] == "save" && len(s.Databases) == 0 {
		return fmt.Errorf("save wants at least one --database")
	}
	a, err := host.Dial(conf)
	if err != nil {
		return err
	}
	k := host.NewKeeper(a, os.Stdout)
	switch args[0] {
	case "save":
		return k.Save(ctx, s)
	case "saved":
		return k.IsSaved(ctx)
	}
	return k.Restore(ctx, inventory.RestoredMark)
}

// withoutTime drops the time, which the system's journal writes itself.
func withoutTime(_ []string, a slog.Attr) slog.Attr {
	if a.Key == slog.TimeKey {
		return slog.Attr{}
	}
	return a
}

func version() string {
	b, ok := debug.ReadBuildInfo()
	if !ok {
		return "of an unknown build"
	}
	v := b.Main.Version + " " + b.GoVersion
	for _, s := range b.Settings {
		if s.Key == "vcs.revision" {
			v += " " + s.Value
		}
	}
	return v
}
