package kind

import (
	"context"
	"fmt"
	"strings"
)

// must runs a quick command and turns a non-zero exit into an error with the
// end of its output. The arguments are named, the input is not: it may hold a secret.
func must(ctx context.Context, h Host, c Cmd) (Result, error) {
	return ended(c, h.Run, ctx)
}

// mustLong is must for a step's main command.
func mustLong(ctx context.Context, h Host, c Cmd) (Result, error) {
	return ended(c, h.RunLong, ctx)
}

func ended(c Cmd, run func(context.Context, Cmd) (Result, error), ctx context.Context) (Result, error) {
	r, err := run(ctx, c)
	if err != nil {
		return r, fmt.Errorf("run %s: %w", strings.Join(c.Args, " "), err)
	}
	if r.Code != 0 {
		return r, fmt.Errorf("%s: exit status %d: %s", strings.Join(c.Args, " "), r.Code, lastLines(r, 8))
	}
	return r, nil
}

// lastLines returns the end of what a command said, its errors before its output.
func lastLines(r Result, n int) string {
	text := strings.TrimSpace(r.Stderr)
	if text == "" {
		text = strings.TrimSpace(r.Stdout)
	}
	if text == "" {
		return "it said nothing"
	}
	lines := strings.Split(text, "\n")
	if len(lines) > n {
		lines = lines[len(lines)-n:]
	}
	return strings.Join(lines, "\n")
}
