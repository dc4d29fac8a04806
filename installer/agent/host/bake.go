package host

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"sandai/installer/guide/kind"
	"sandai/inventory"
)

// Bake carries out a plan, a JSON array of inventory.Task, in the root of an
// image that is being built, in order, and stops at the first failure. It starts
// MariaDB as soon as a task may want it and shuts it down cleanly at the end, so
// that the database can be sealed into the image. One line a step goes to log.
func Bake(ctx context.Context, plan io.Reader, log io.Writer) error {
	return bake(ctx, plan, log, &hostsFile{path: "/etc/hosts"})
}

func bake(ctx context.Context, plan io.Reader, log io.Writer, hosts *hostsFile) (err error) {
	var tasks []inventory.Task
	if err := json.NewDecoder(plan).Decode(&tasks); err != nil {
		return fmt.Errorf("read the plan: %w", err)
	}
	db := &database{log: log}
	defer func() { err = errors.Join(err, db.stop(), hosts.restore()) }()
	for i, t := range tasks {
		if err := hosts.ensure(); err != nil {
			return err
		}
		if t.Kind == "sql" || t.Kind == "command" {
			if err := db.start(ctx); err != nil {
				return err
			}
		}
		if err := bakeOne(ctx, t, fmt.Sprintf("[%d/%d]", i+1, len(tasks)), log); err != nil {
			return err
		}
	}
	return nil
}

func bakeOne(ctx context.Context, t inventory.Task, place string, log io.Writer) error {
	if t.Timeout > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, time.Duration(t.Timeout)*time.Second)
		defer cancel()
	}
	began, h, effect := time.Now(), &Chroot{}, kind.Effect{}
	k, err := kind.Parse(t.Kind, t.Spec)
	if err == nil {
		effect, err = kind.Do(ctx, h, k)
	}
	word := "as it was"
	switch {
	case err != nil:
		word = "failed"
	case effect.Changed:
		word = "changed"
	}
	fmt.Fprintf(log, "%s %s %s %.1fs\n", place, t.Key, word, time.Since(began).Seconds())
	if err == nil {
		return nil
	}
	mask := func(s string) string {
		for _, m := range t.Mask {
			if m != "" {
				s = strings.ReplaceAll(s, m, "***")
			}
		}
		return s
	}
	fmt.Fprint(log, mask(fmt.Sprintf("$ %s\n%s%s\n", strings.Join(h.rec.commands, "\n$ "), h.rec.stdout, h.rec.stderr)))
	return fmt.Errorf("%s: %s", t.Key, mask(err.Error()))
}
