package host

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"sandai/installer/agent"
	"sandai/inventory"
)

// Saving is what a controller hands to the appliance before it is reinstalled.
type Saving struct {
	Stop      []string // systemd units that may change any of it; they stay stopped
	Databases []string // of the local MariaDB
	Paths     []string // directories; one that does not exist holds nothing
}

// Appliance keeps a node's items; agent.Client is the real one.
type Appliance interface {
	Save(ctx context.Context, item string, r io.Reader) error
	IsSaved(ctx context.Context, item string) (bool, error)
	Saved(ctx context.Context, item string) (io.ReadCloser, error)
}

// Keeper hands a node's data to the appliance and brings it back.
type Keeper struct {
	Appliance Appliance
	Out       io.Writer // is told what was done
	find      func(program string) (string, error)
}

// NewKeeper returns a Keeper that says to out what it does.
func NewKeeper(a Appliance, out io.Writer) *Keeper { return &Keeper{a, out, find} }

// Dial is the appliance as the configuration of the installed agent names it.
func Dial(conf string) (Appliance, error) {
	c, id, err := agent.ReadConfig(conf)
	if err != nil {
		return nil, err
	}
	cert, err := id.Certificate()
	if err != nil {
		return nil, err
	}
	return agent.NewClient(agent.ClientConfig{URL: c.URL, CA: id.CA, Cert: cert, ClockUnset: true})
}

// savedItems are all that Save hands over.
var savedItems = []string{inventory.SavedDatabases, inventory.SavedFiles}

// Save stops what changes the node's data and hands that over: a dump of the
// databases, and a tar of the paths. It may be called again.
func (k *Keeper) Save(ctx context.Context, s Saving) error {
	if len(s.Stop) > 0 {
		fmt.Fprintf(k.Out, "stop %s\n", strings.Join(s.Stop, " "))
		if err := k.piped(ctx, nil, nil, append([]string{"systemctl", "stop"}, s.Stop...)); err != nil {
			return fmt.Errorf("stop the services: %w", err)
		}
	}
	dump := append([]string{"mariadb-dump", "--skip-ssl", "--single-transaction", "--routines", "--triggers", "--add-drop-database", "--databases"}, s.Databases...)
	if err := k.handOver(ctx, inventory.SavedDatabases, dump); err != nil {
		return err
	}
	tar := []string{"tar", "--create", "--directory=/", "--sparse"}
	for _, p := range s.Paths {
		if _, err := os.Stat(p); err == nil {
			tar = append(tar, strings.TrimPrefix(filepath.Clean(p), "/"))
		}
	}
	if len(tar) == 4 {
		tar = append(tar, "--files-from=/dev/null")
	}
	return k.handOver(ctx, inventory.SavedFiles, tar)
}

// IsSaved reports an error where the appliance lacks something that Save hands over.
func (k *Keeper) IsSaved(ctx context.Context) error {
	for _, item := range savedItems {
		there, err := k.Appliance.IsSaved(ctx, item)
		if err != nil {
			return err
		}
		if !there {
			return fmt.Errorf("the appliance has no %s of this node", item)
		}
	}
	return nil
}

// Restore brings back what Save handed over and notes so in mark. It may be called
// again: the dump makes its databases anew, and files are overwritten.
func (k *Keeper) Restore(ctx context.Context, mark string) error {
	into := map[string][]string{
		inventory.SavedDatabases: {"mariadb", "--skip-ssl", "--batch"},
		inventory.SavedFiles:     {"tar", "--extract", "--directory=/", "--preserve-permissions", "--same-owner"},
	}
	for _, item := range savedItems {
		began := time.Now()
		r, err := k.Appliance.Saved(ctx, item)
		if err != nil {
			return fmt.Errorf("ask the appliance for %s: %w", item, err)
		}
		n := &counter{r: r}
		err = errors.Join(k.piped(ctx, n, nil, into[item]), r.Close())
		if err != nil {
			return fmt.Errorf("bring %s back: %w", item, err)
		}
		fmt.Fprintf(k.Out, "%s: %d bytes in %.1f s\n", item, n.n, time.Since(began).Seconds())
	}
	return os.WriteFile(mark, []byte(time.Now().UTC().Format(time.RFC3339)+"\n"), 0o644)
}

// handOver streams a program's output to the appliance. Where the program fails,
// the stream breaks off, and the appliance keeps nothing of it.
func (k *Keeper) handOver(ctx context.Context, item string, args []string) error {
	began := time.Now()
	r, w := io.Pipe()
	n := &counter{r: r}
	ended := make(chan error, 1)
	go func() {
		err := k.piped(ctx, nil, w, args)
		w.CloseWithError(err)
		ended <- err
	}()
	err := k.Appliance.Save(ctx, item, n)
	r.CloseWithError(errors.New("the appliance takes no more")) // so that the program ends too
	if why := <-ended; why != nil && (err == nil || errors.Is(err, why)) {
		return fmt.Errorf("read %s: %w", item, why)
	}
	if err != nil {
		return fmt.Errorf("hand %s over: %w", item, err)
	}
	fmt.Fprintf(k.Out, "%s: %d bytes in %.1f s\n", item, n.n, time.Since(began).Seconds())
	return nil
}

// piped runs a program to its end. A reader that fails is the error, not what the
// program says of an input that was cut off.
func (k *Keeper) piped(ctx context.Context, in io.Reader, out io.Writer, args []string) error {
	program, err := k.find(args[0])
	if err != nil {
		return err
	}
	var said tailBuffer
	cmd := exec.CommandContext(ctx, program, args[1:]...)
	cmd.Env, cmd.Dir = account{name: "root", home: "/root"}.environ(nil), "/"
	cmd.Stdin, cmd.Stdout, cmd.Stderr = in, out, &said
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("%s: %w: %s", args[0], err, strings.TrimSpace(said.String()))
	}
	return nil
}

type counter struct {
	r io.Reader
	n int64
}

func (c *counter) Read(p []byte) (int, error) {
	n, err := c.r.Read(p)
	c.n += int64(n)
	return n, err
}
