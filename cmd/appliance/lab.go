package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"text/tabwriter"
	"time"

	"github.com/goccy/go-yaml"
	"github.com/spf13/cobra"

	"sandai/images"
	"sandai/lab"
)

// newLabCommand is "appliance lab": the virtual rack.
func newLabCommand() *cobra.Command {
	var dir string
	c := &cobra.Command{
		Use:   "lab",
		Short: "A virtual rack: QEMU machines with IPMI simulators in a network of their own",
		Long: `A virtual rack of three blank servers (controller, network, compute) to install a cloud on.

The servers are QEMU machines; each has a BMC on an address of its own, and powers on only when its BMC is
told to. They live in a network namespace that has no way out. An appliance that is to reach them runs in
there too (lab exec); its page and API are carried to the host (the file url in the rack's folder).`,
		Example: `  appliance lab up
  appliance lab exec --detach --log .rack/appliance.log --pidfile .rack/appliance.pid -- appliance serve
  appliance lab console controller-1 --follow
  appliance lab down`,
	}
	c.PersistentFlags().StringVar(&dir, "dir", ".rack", "the rack's folder")
	c.AddCommand(labUp(&dir), labDown(&dir), labStatus(&dir), labConsole(&dir), labExec(&dir), labHook(&dir), labForward(), labCables(), labMachine(&dir))
	return c
}

func labUp(dir *string) *cobra.Command {
	var name, nodes, kernel, cache string
	var standIn bool
	var newcomers int
	c := &cobra.Command{
		Use:   "up",
		Short: "Bring the rack up; on a rack that is up, change nothing",
		Long: `Makes the namespace, the blank disks and the BMCs, and writes rack.yaml, which tells an appliance of the rack.
The machines stay off. What is missing of a rack, after a restart of this host for one, is started again.

--nodes names a YAML file with a list of machines in place of the three, each with name and role and, where
wanted, memory_mb, vcpus, system_gb and volume_gb. On a rack that is up, a file that has more machines after those
that are there puts these in, and rack.yaml then names them: rack import and rack apply make them nodes of the cloud.

--stand-in puts a small program in the place of each machine. It speaks the wire as a server does and has no
operating system, so that a rack "installs" in seconds: to look at the page and to test, not to get a cloud.
--newcomers adds stand-ins that rack.yaml does not name, and which are on from the start.`,
		Example: `  appliance lab up
  appliance lab up --stand-in --newcomers 1
  appliance lab up --dir /srv/rack2 --name rack2 --nodes machines.yaml
  appliance lab up --nodes docs/four.yaml && appliance rack import .rack/rack.yaml && appliance rack apply --follow`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			machines, err := readMachines(nodes)
			if err != nil {
				return err
			}
			if newcomers > 0 && !standIn {
				return errors.New("--newcomers makes stand-ins; add --stand-in")
			}
			if standIn {
				if machines == nil {
					machines = lab.DefaultMachines()
				}
				machines = lab.StandIns(machines, newcomers)
			}
			if kernel == "" {
				kernel = deployKernel(cache)
			}
			r, err := lab.Up(cmd.Context(), lab.Options{Dir: *dir, Name: name, Machines: machines, Kernel: kernel, Log: slog.Default()})
			if err != nil {
				return err
			}
			out := cmd.OutOrStdout()
			if len(r.Began) == 0 {
				fmt.Fprintf(out, "The rack %s is up already; nothing was changed.\n", r.Name())
			} else {
				fmt.Fprintf(out, "The rack %s is up: %s.\n", r.Name(), strings.Join(r.Began, ", "))
			}
			fmt.Fprintf(out, "Its machines are %s.\nIts description is in %s; its appliance's page will be at %s.\n", machinesAre(r), r.File(), r.URL())
			return nil
		},
	}
	c.Flags().StringVar(&name, "name", "demo", "the rack's name; its namespace is sandai-NAME")
	c.Flags().StringVar(&nodes, "nodes", "", "file with the machines (default: the three of the install guide)")
	c.Flags().StringVar(&kernel, "kernel", "", "kernel for the trial start under KVM (default: the store's deploy kernel, else the newest in /boot)")
	c.Flags().BoolVar(&standIn, "stand-in", false, "stand-ins in place of virtual machines: nothing is really installed")
	c.Flags().IntVar(&newcomers, "newcomers", 0, "how many stand-ins more that rack.yaml does not name")
	cacheFlag(c, &cache)
	return c
}

// machinesAre says how a rack's machines run.
func machinesAre(r *lab.Rack) string {
	if r.StandIns() {
		return "stand-ins: they speak the wire and install nothing"
	}
	kvm, why := r.Acceleration()
	if kvm {
		return "run by KVM: " + why
	}
	return "emulated, about 10 times slower than real ones: " + why
}

// deployKernel is the kernel that the machines will boot, if it is built: the
// best one to try KVM with. "" leaves the choice to the lab.
func deployKernel(cache string) string {
	s, err := images.OpenStore(filepath.Join(cache, "store"))
	if err != nil {
		return ""
	}
	img, err := s.Get(images.NameKernel)
	if err != nil {
		return ""
	}
	return s.Path(img.Digest)
}

func readMachines(path string) ([]lab.Machine, error) {
	if path == "" {
		return nil, nil
	}
	b, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("read the machines: %w", err)
	}
	machines := []lab.Machine{}
	if err := yaml.UnmarshalWithOptions(b, &machines, yaml.Strict()); err != nil {
		return nil, fmt.Errorf("read the machines in %s: %w", path, err)
	}
	return machines, nil
}

func labDown(dir *string) *cobra.Command {
	var keep bool
	c := &cobra.Command{
		Use:   "down",
		Short: "End everything of the rack and remove its machines",
		Long: `Ends machines, BMCs, the forwarder and every process inside the rack's namespace, and removes the namespace, the
disks and rack.yaml. An appliance's own files in the folder (its database, reports) are left.`,
		Example: `  appliance lab down
  appliance lab down --keep-disks`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			r, err := lab.Open(*dir, slog.Default())
			if errors.Is(err, lab.ErrNoRack) {
				fmt.Fprintf(cmd.OutOrStdout(), "There is no rack in %s; nothing to take down.\n", *dir)
				return nil
			}
			if err != nil {
				return err
			}
			if err := r.Down(cmd.Context(), keep); err != nil {
				return fmt.Errorf("take the rack down (run it again when the cause is gone): %w", err)
			}
			fmt.Fprintf(cmd.OutOrStdout(), "The rack %s is down.\n", r.Name())
			return nil
		},
	}
	c.Flags().BoolVar(&keep, "keep-disks", false, "keep the disks, passwords and keys for a later up")
	return c
}

func labStatus(dir *string) *cobra.Command {
	var asJSON bool
	c := &cobra.Command{
		Use:   "status",
		Short: "Show the machines: power, BMC, memory",
		Example: `  appliance lab status
  appliance lab status --json | jq '.machines[] | select(.power)'`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			r, err := lab.Open(*dir, slog.Default())
			if err != nil {
				return err
			}
			s := r.Status()
			out := cmd.OutOrStdout()
			if asJSON {
				e := json.NewEncoder(out)
				e.SetIndent("", "  ")
				return e.Encode(s)
			}
			printLabStatus(out, s)
			return nil
		},
	}
	c.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return c
}

func printLabStatus(out io.Writer, s lab.Status) {
	state := "down in part (lab up mends it)"
	if s.Up {
		state = "up"
	}
	fmt.Fprintf(out, "rack %s is %s, namespace %s, page %s\n", s.Rack, state, s.Namespace, s.URL)
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "NODE\tROLE\tPOWER\tADDRESS\tBMC\tMEMORY\tPID")
	for _, m := range s.Machines {
		power, mem, pid, bmc := "off", "-", "-", m.BMC
		if m.Power {
			power, mem, pid = "on", fmt.Sprintf("%d MB", m.RSS>>20), fmt.Sprint(m.PID)
		}
		if !m.BMCOn {
			bmc += " (dead)"
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\t%s\n", m.Name, m.Role, power, m.Address, bmc, mem, pid)
	}
	w.Flush()
}

func labConsole(dir *string) *cobra.Command {
	var follow bool
	var lines int
	c := &cobra.Command{
		Use:   "console NODE",
		Short: "Print what a machine wrote to its serial console",
		Long: `Prints the end of the machine's console log. The serial port itself belongs to the BMC; to type there, use serial
over LAN: appliance lab exec -- ipmitool -I lanplus -C 3 -H BMC -U admin -P PASSWORD sol activate`,
		Example: `  appliance lab console controller-1
  appliance lab console compute-1 --follow --lines 0`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			r, err := lab.Open(*dir, slog.Default())
			if err != nil {
				return err
			}
			path, err := r.Console(args[0])
			if err != nil {
				return err
			}
			ctx, stop := signal.NotifyContext(cmd.Context(), os.Interrupt)
			defer stop()
			return lab.PrintConsole(ctx, cmd.OutOrStdout(), path, lines, follow)
		},
	}
	c.Flags().BoolVarP(&follow, "follow", "f", false, "go on printing until interrupted")
	c.Flags().IntVarP(&lines, "lines", "n", 40, "how many lines of the end to begin with")
	return c
}

func labExec(dir *string) *cobra.Command {
	var detach bool
	var log, pidfile string
	c := &cobra.Command{
		Use:   "exec [--detach --log FILE [--pidfile FILE]] -- COMMAND...",
		Short: "Run a command inside the rack's network",
		Long: `Runs the command inside the rack's network namespace and ends with its exit status. Nothing but the network is
changed. With --detach the command goes on in the background; lab down ends it.`,
		Example: `  appliance lab exec -- ipmitool -I lanplus -C 3 -H 10.77.1.11 -U admin -P PASSWORD chassis power status
  appliance lab exec --detach --log .rack/appliance.log --pidfile .rack/appliance.pid -- appliance serve`,
		Args: cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			r, err := lab.Open(*dir, slog.Default())
			if err != nil {
				return err
			}
			if detach {
				return labDetach(cmd, r, log, pidfile, args)
			}
			if log != "" || pidfile != "" {
				return errors.New("--log and --pidfile are for --detach; add it or leave them out")
			}
			if err := r.Up(); err != nil {
				return err
			}
			// This process becomes the command: its signals, terminal and exit
			// status are the command's own.
			e := r.Exec(context.Background(), args...)
			if _, err := exec.LookPath(args[0]); err != nil {
				return err
			}
			return fmt.Errorf("run %s inside the rack: %w", args[0], syscall.Exec(e.Path, e.Args, os.Environ()))
		},
	}
	c.Flags().SetInterspersed(false)
	c.Flags().BoolVarP(&detach, "detach", "d", false, "go on in the background")
	c.Flags().StringVar(&log, "log", "", "file that gets the output of a detached command")
	c.Flags().StringVar(&pidfile, "pidfile", "", "file that gets the process ID of a detached command")
	return c
}

func labDetach(cmd *cobra.Command, r *lab.Rack, log, pidfile string, args []string) error {
	if log == "" {
		return errors.New("--detach needs --log FILE: nobody would see the command's output")
	}
	p, err := r.Background(log, args...)
	if err != nil {
		return err
	}
	if pidfile != "" {
		if err := os.WriteFile(pidfile, fmt.Appendln(nil, p.PID), 0o644); err != nil {
			return fmt.Errorf("the command runs as process %d, but its PID file could not be written: %w", p.PID, err)
		}
	}
	fmt.Fprintf(cmd.OutOrStdout(), "%s runs inside the rack as process %d; its output goes to %s.\n", args[0], p.PID, log)
	return nil
}

// labHook is what a BMC simulator calls; not for people.
func labHook(dir *string) *cobra.Command {
	var machine string
	c := &cobra.Command{
		Use:     "hook --machine NODE get|set WHAT [VALUE]",
		Short:   "Answer a BMC simulator",
		Example: "  appliance lab hook --dir /srv/rack --machine controller-1 get power",
		Hidden:  true,
		Args:    cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return lab.Hook(cmd.Context(), *dir, machine, args, cmd.OutOrStdout())
		},
	}
	c.Flags().StringVar(&machine, "machine", "", "the machine whose chassis it is")
	return c
}

// labForward is the process that carries connections into the rack.
func labForward() *cobra.Command {
	var ns string
	c := &cobra.Command{
		Use:     "forward --namespace NAME",
		Short:   "Carry connections on the socket at descriptor 3 into the rack",
		Example: "  appliance lab forward --namespace sandai-demo 3<&SOCKET",
		Hidden:  true,
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			ctx, stop := signal.NotifyContext(cmd.Context(), syscall.SIGTERM)
			defer stop()
			err := lab.Forward(ctx, ns, slog.Default())
			if err != nil {
				return fmt.Errorf("%s: %w", time.Now().Format(time.RFC3339), err)
			}
			return nil
		},
	}
	c.Flags().StringVar(&ns, "namespace", "", "the rack's namespace")
	return c
}

// labCables is the process of the serial cables.
func labCables() *cobra.Command {
	var count int
	c := &cobra.Command{
		Use:     "cables --count N",
		Short:   "Join the serial ports of machines and BMCs, whose sockets are at descriptor 3 and after it",
		Example: "  appliance lab cables --count 1 3<&SOCKET 4<&SOCKET",
		Hidden:  true,
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			ctx, stop := signal.NotifyContext(cmd.Context(), syscall.SIGTERM)
			defer stop()
			return lab.Cables(ctx, count, slog.Default())
		},
	}
	c.Flags().IntVar(&count, "count", 0, "how many cables")
	return c
}

// labMachine is the process of a stand-in.
func labMachine(dir *string) *cobra.Command {
	var machine string
	var pxe bool
	c := &cobra.Command{
		Use:     "machine --machine NODE [--pxe]",
		Short:   "Be a stand-in, with its serial port's socket at descriptor 3",
		Example: "  appliance lab machine --dir /srv/rack --machine controller-1 --pxe 3<&SOCKET",
		Hidden:  true,
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			ctx, stop := signal.NotifyContext(cmd.Context(), syscall.SIGTERM)
			defer stop()
			return lab.StandIn(ctx, *dir, machine, pxe, slog.Default())
		},
	}
	c.Flags().StringVar(&machine, "machine", "", "the machine to be")
	c.Flags().BoolVar(&pxe, "pxe", false, "boot from the network before the disk, this time")
	return c
}
