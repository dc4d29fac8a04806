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
)

const usage = `Usage: agent serve | bake --plan FILE | version

  serve              work on the appliance's tasks in the installed system
  bake --plan FILE   carry out a plan in the root of an image being built
  version            say which build this is
`

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
		err := host.Serve(ctx, log, host.Paths{Config: "/etc/sandai", State: "/var/lib/sandai"})
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
