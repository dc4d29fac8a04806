package host

import (
	"context"
	"strings"

	"sandai/installer/agent"
	"sandai/installer/guide/kind"
)

// recorder remembers what a step's commands said, for its report: the main
// commands, or the last query where there was no main command.
type recorder struct {
	commands       []string
	stdout, stderr string
	long           bool
}

func (r *recorder) add(c kind.Cmd, res kind.Result, long bool) {
	if r.long && !long {
		return
	}
	if long && !r.long || !long {
		*r = recorder{}
	}
	r.long = long
	r.commands = append(r.commands, commandLine(c))
	r.stdout += res.Stdout
	r.stderr += res.Stderr
}

func (r *recorder) fill(o *agent.Outcome) {
	o.Command, o.Stdout, o.Stderr = strings.Join(r.commands, "\n"), r.stdout, r.stderr
}

// commandLine writes a command for a person, quoted where a shell would need it.
func commandLine(c kind.Cmd) string {
	var words []string
	if c.User != "" && c.User != "root" {
		words = append(words, "sudo", "-u", c.User)
	}
	for _, a := range c.Args {
		if a == "" || strings.ContainsAny(a, " \t\n'\"\\$`*?[]{}()<>|&;#~!") {
			a = "'" + strings.ReplaceAll(a, "'", `'\''`) + "'"
		}
		words = append(words, a)
	}
	return strings.Join(words, " ")
}

// Chroot is the host inside an image's root while it is built; this process is
// in the chroot already. Nothing is booted there.
type Chroot struct{ rec recorder }

// Run runs a query.
func (h *Chroot) Run(ctx context.Context, c kind.Cmd) (kind.Result, error) {
	res, err := execute(ctx, c)
	h.rec.add(c, res, false)
	return res, err
}

// RunLong runs a main command, as a child like any other.
func (h *Chroot) RunLong(ctx context.Context, c kind.Cmd) (kind.Result, error) {
	res, err := execute(ctx, c)
	h.rec.add(c, res, true)
	return res, err
}

// Booted is false.
func (h *Chroot) Booted() bool { return false }
