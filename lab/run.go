package lab

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"os/exec"
	"strings"
)

// run runs an outside command with input and returns its output. The error has
// what the command said.
func run(ctx context.Context, log *slog.Logger, input string, args ...string) (string, error) {
	log.Debug("command", "args", args)
	c := exec.CommandContext(ctx, args[0], args[1:]...)
	c.Stdin = strings.NewReader(input)
	var stdout, stderr bytes.Buffer
	c.Stdout, c.Stderr = &stdout, &stderr
	err := c.Run()
	log.Debug("command ended", "args", args, "error", err, "stdout", stdout.String(), "stderr", stderr.String())
	if err != nil {
		return stdout.String(), fmt.Errorf("%s: %w: %s", strings.Join(args, " "), err, strings.TrimSpace(stderr.String()))
	}
	return stdout.String(), nil
}
