package kind

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
)

// Command runs a program until a fact holds. It must say how to see that it is
// done: a file that exists, or a command that succeeds.
type Command struct {
	Run     []string          `json:"run" yaml:"run"` // the program by its full path, and its arguments; no shell
	As      string            `json:"as,omitempty" yaml:"as,omitempty"`
	Env     map[string]string `json:"env,omitempty" yaml:"env,omitempty"`
	Stdin   string            `json:"stdin,omitempty" yaml:"stdin,omitempty"`
	Creates string            `json:"creates,omitempty" yaml:"creates,omitempty"` // done when this path exists
	Unless  []string          `json:"unless,omitempty" yaml:"unless,omitempty"`   // done when this, run as root, exits with 0

	found string // why Check found it not done
}

func (c *Command) lack() string { return c.found }

// Validate checks that it says when it is done.
func (c *Command) Validate() error {
	if len(c.Run) == 0 {
		return errors.New("run: wants a program")
	}
	if err := absolute(c.Run[0]); err != nil {
		return fmt.Errorf("run: %w", err)
	}
	if (c.Creates == "") == (len(c.Unless) == 0) {
		return errors.New("exactly one of creates and unless says when it is done")
	}
	if c.Creates != "" {
		return absolute(c.Creates)
	}
	return absolute(c.Unless[0])
}

func (c *Command) done(ctx context.Context, h Host) (bool, string, error) {
	if c.Creates != "" {
		_, err := os.Lstat(at(h, c.Creates))
		if os.IsNotExist(err) {
			return false, c.Creates + " does not exist", nil
		}
		return err == nil, "", err
	}
	r, err := h.Run(ctx, Cmd{Args: c.Unless})
	if err != nil {
		return false, "", fmt.Errorf("run %s: %w", strings.Join(c.Unless, " "), err)
	}
	return r.Code == 0, fmt.Sprintf("%s exits with %d: %s", strings.Join(c.Unless, " "), r.Code, lastLines(r, 4)), nil
}

// Check looks for the fact.
func (c *Command) Check(ctx context.Context, h Host) (bool, error) {
	var ok bool
	var err error
	ok, c.found, err = c.done(ctx, h)
	return ok, err
}

// Apply runs the program and wants exit status 0.
func (c *Command) Apply(ctx context.Context, h Host) error {
	cmd := Cmd{Args: c.Run, User: c.As, Stdin: c.Stdin}
	for k, v := range c.Env {
		cmd.Env = append(cmd.Env, k+"="+v)
	}
	_, err := mustLong(ctx, h, cmd)
	return err
}

// Verify looks for the fact again.
func (c *Command) Verify(ctx context.Context, h Host) error {
	ok, why, err := c.done(ctx, h)
	if err == nil && !ok {
		err = fmt.Errorf("%s ended well, but %s", c.Run[0], why)
	}
	return err
}
