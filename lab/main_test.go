package lab

import (
	"context"
	"flag"
	"fmt"
	"log/slog"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "rewrite the golden files")

// helperWord makes the test binary the rack's helper: BMC hook and forwarder.
const helperWord = "lab-helper"

func TestMain(m *testing.M) {
	if len(os.Args) > 2 && os.Args[1] == helperWord {
		if err := helper(os.Args[2], os.Args[3:]); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	os.Exit(m.Run())
}

func helper(verb string, args []string) error {
	var dir, machine, ns string
	var pxe bool
	var count int
	fs := flag.NewFlagSet(verb, flag.ContinueOnError)
	fs.StringVar(&dir, "dir", "", "")
	fs.StringVar(&machine, "machine", "", "")
	fs.StringVar(&ns, "namespace", "", "")
	fs.BoolVar(&pxe, "pxe", false, "")
	fs.IntVar(&count, "count", 0, "")
	if err := fs.Parse(args); err != nil {
		return err
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	switch verb {
	case "forward":
		return Forward(ctx, ns, slog.Default())
	case "cables":
		return Cables(ctx, count, slog.Default())
	case "machine":
		return StandIn(ctx, dir, machine, pxe, slog.Default())
	}
	return Hook(ctx, dir, machine, fs.Args(), os.Stdout)
}

// golden compares got with testdata/name.
func golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(string(want), got); d != "" {
		t.Errorf("%s differs (-want +got):\n%s", name, d)
	}
}

// testState is a rack as Up decides it, with passwords that do not change.
func testState(t *testing.T) *state {
	t.Helper()
	machines, err := fillMachines(DefaultMachines())
	if err != nil {
		t.Fatal(err)
	}
	s := &state{Rack: "demo", URL: "http://127.0.0.1:8080"}
	for i, m := range machines {
		s.Machines = append(s.Machines, &machineState{Machine: m, Wiring: wire("demo", m.Name, i), User: "admin", Password: fmt.Sprintf("password-%d", i)})
	}
	return s
}
