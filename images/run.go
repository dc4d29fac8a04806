package images

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"time"
)

// journal is where the output of one image's build goes.
type journal struct {
	mu   sync.Mutex
	file *os.File
	last []string // the end of the output, for an error's text
	line []byte
	tell func(line string) // hears each line
}

const journalTail = 20

func newJournal(cache, name string) (*journal, error) {
	dir := filepath.Join(cache, "logs")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, fmt.Errorf("make the log directory: %w", err)
	}
	f, err := os.Create(filepath.Join(dir, name+".log"))
	if err != nil {
		return nil, fmt.Errorf("open the build log: %w", err)
	}
	return &journal{file: f, tell: func(string) {}}, nil
}

// journal opens the journal of an image's build; the builder's Output hears it.
func (b *Builder) journal(name string) (*journal, error) {
	j, err := newJournal(b.Cache, name)
	if err == nil {
		j.tell = func(line string) { b.say(name, line) }
	}
	return j, err
}

func (j *journal) Write(p []byte) (int, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	for _, b := range p {
		if b != '\n' {
			j.line = append(j.line, b)
			continue
		}
		j.last = append(j.last, string(j.line))
		if len(j.last) > journalTail {
			j.last = j.last[1:]
		}
		j.tell(string(j.line))
		j.line = j.line[:0]
	}
	return j.file.Write(p)
}

func (j *journal) tail() string {
	j.mu.Lock()
	defer j.mu.Unlock()
	return strings.Join(append(j.last, string(j.line)), "\n")
}

func (j *journal) Close() error { return j.file.Close() }

// command is an outside command of a build.
type command struct {
	name string // what it does, as a verb phrase
	argv []string
	env  []string  // added to the environment
	out  io.Writer // standard output; nil: the journal
}

// run is the only way to start an outside command. Its output goes to the
// journal; an error carries the end of it.
func run(ctx context.Context, log *slog.Logger, j *journal, c command) error {
	start := time.Now()
	log.Debug("command starts", "what", c.name, "argv", c.argv[0])
	fmt.Fprintf(j, Phase+"%s\n", c.name)
	cmd := exec.CommandContext(ctx, c.argv[0], c.argv[1:]...)
	cmd.Env = append(os.Environ(), c.env...)
	cmd.Stdout, cmd.Stderr = j, j
	if c.out != nil {
		cmd.Stdout = c.out
	}
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	cmd.WaitDelay = 10 * time.Second
	err := cmd.Run()
	log.Debug("command ended", "what", c.name, "seconds", time.Since(start).Seconds(), "err", err)
	fmt.Fprintf(j, Phase+"%s: %.1f s\n", c.name, time.Since(start).Seconds())
	if err == nil {
		return nil
	}
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if errors.Is(err, exec.ErrNotFound) {
		return fmt.Errorf("%s: %w (install it: apt-get install mmdebstrap util-linux)", c.name, err)
	}
	return fmt.Errorf("%s: %w; the whole output is in %s, its end:\n%s", c.name, err, j.file.Name(), j.tail())
}
