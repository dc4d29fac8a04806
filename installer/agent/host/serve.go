package host

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"

	"sandai/installer/agent"
	"sandai/inventory"
)

// Paths is where the installed agent keeps its things (docs/design.md).
type Paths struct {
	Config string // "/etc/sandai"
	State  string // "/var/lib/sandai"
}

// Serve is the life of the installed agent; it ends when ctx does, or at once
// when its configuration cannot be read. Steps' units go on without it.
func Serve(ctx context.Context, log *slog.Logger, p Paths) error {
	conf, id, err := agent.ReadConfig(p.Config)
	if err != nil {
		return err
	}
	cert, err := id.Certificate()
	if err != nil {
		return err
	}
	// The certificate's dates were right when it was made, minutes ago by the
	// appliance's clock; this node's own may still be unset.
	client, err := agent.NewClient(agent.ClientConfig{URL: conf.URL, CA: id.CA, Cert: cert, ClockUnset: true})
	if err != nil {
		return err
	}
	journal, err := agent.OpenJournal(filepath.Join(p.State, "journal.jsonl"))
	if err != nil {
		return err
	}
	defer journal.Close()
	boot, err := agent.BootID()
	if err != nil {
		return err
	}
	self, err := os.Executable()
	if err != nil {
		return fmt.Errorf("find the agent's own program: %w", err)
	}
	node := &Node{Self: self, Dir: filepath.Join(p.State, "steps"), Units: Systemd{}}
	log.Info("agent of the installed system", "node", conf.Node, "appliance", conf.URL)
	desk := &Desk{Service: Systemd{}, Logs: "/var/log", Copy: inventory.CopyPath,
		Fetch: func(ctx context.Context) (io.ReadCloser, error) { return client.Saved(ctx, inventory.CopyItem) }}
	r := &agent.Runner{Appliance: client, Work: node.Work, Calls: desk.Answer, Journal: journal, Stage: inventory.StageInstalled,
		BootID: boot, InstallNonce: conf.InstallNonce, Log: log}
	return r.Run(ctx)
}
