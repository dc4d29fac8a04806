package images

import (
	"context"
	"embed"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/gofrs/flock"
	"golang.org/x/sync/errgroup"

	"sandai/inventory"
)

//go:embed files
var files embed.FS

// file is the text of a script under files/.
func file(name string) string {
	data, err := files.ReadFile("files/" + name)
	if err != nil {
		panic(err) // it is compiled in
	}
	return string(data)
}

// Builder fills the store <Cache>/store. It needs root, mmdebstrap and a kernel
// with overlayfs; everything else it takes from Debian itself. One build runs at
// a time in one cache; a second one waits.
type Builder struct {
	Cache string // "/var/cache/sandai"
	Log   *slog.Logger
	// Agent is the path of the static cmd/agent binary: the ramdisk's /init, and
	// what bakes a role. It is in the key of the ramdisk only.
	Agent    string
	Progress func(Progress) // may be nil; called from several goroutines
	// Output takes each line that an image's build says ("" for what belongs to
	// none); one that begins with Phase says what is done from now on. May be
	// nil; called from several goroutines.
	Output func(image, line string)
}

// Phase begins the lines of a build's output that say what is done.
const Phase = "== "

func (b *Builder) say(image, line string) {
	if b.Output != nil {
		b.Output(image, line)
	}
}

// Progress says how far one image is.
type Progress struct {
	Image   string        `json:"image"`
	State   ProgressState `json:"state"`
	Seconds float64       `json:"seconds"` // since the image's build began
	Text    string        `json:"text,omitempty"`
}

// ProgressState is where the build of an image is.
type ProgressState string

// States of a build. Kept: nothing that goes into it changed.
const (
	Kept     ProgressState = "kept"
	Building ProgressState = "building"
	Built    ProgressState = "built"
	Failed   ProgressState = "failed"
)

// RoleSpec is a role's root file system: the base with Bake done in it.
type RoleSpec struct {
	Name string // "role-controller"
	Bake []byte // what the agent does, JSON; nothing in it is understood here
}

// Names of the images that are not of a role.
const (
	NameBase        = "base"
	NameKernel      = "deploy-kernel"
	NameRamdisk     = "deploy-ramdisk"
	NameUndionly    = "undionly.kpxe"
	NameIPXE        = "ipxe.efi"
	NameGuestTiny   = "guest-tiny"
	NameGuestDebian = "guest-debian"
)

// Names lists what can be built, with the roles' images.
func Names(roles []RoleSpec) []string {
	out := []string{NameKernel, NameRamdisk, NameUndionly, NameIPXE, NameBase}
	for _, r := range roles {
		out = append(out, r.Name)
	}
	return append(out, NameGuestTiny, NameGuestDebian)
}

// session is one build under the cache's lock.
type session struct {
	*Builder
	store  *Store
	mirror mirror
	// roots is the base root with the tools beside it, made when first asked for.
	roots func() (roots, error)
}

// run opens a session, lets do work in it, and leaves the cache tidy.
func (b *Builder) run(ctx context.Context, do func(context.Context, *session) error) error {
	if os.Geteuid() != 0 {
		return inventory.Errorf(inventory.Invalid, "images are made in chroots, which only root may do: run it with sudo")
	}
	store, err := OpenStore(filepath.Join(b.Cache, "store"))
	if err != nil {
		return err
	}
	lock := flock.New(filepath.Join(b.Cache, "build.lock"))
	if got, err := lock.TryLock(); err != nil {
		return fmt.Errorf("lock the cache: %w", err)
	} else if !got {
		b.Log.Info("another build is running; waiting for it", "lock", lock.Path())
		b.say("", Phase+"another build is running in "+b.Cache+"; waiting for it")
		if _, err := lock.TryLockContext(ctx, 200*time.Millisecond); err != nil {
			return fmt.Errorf("wait for another build: %w", err)
		}
	}
	defer lock.Unlock()
	if err := os.RemoveAll(filepath.Join(b.Cache, "work")); err != nil {
		return fmt.Errorf("remove what an interrupted build left: %w", err)
	}
	s := &session{Builder: b, store: store}
	var online bool
	if s.mirror, online, err = askMirror(ctx, filepath.Join(b.Cache, "apt", "mirror.json")); err != nil {
		return err
	}
	if !online {
		published := time.Unix(s.mirror.epoch(), 0).UTC()
		b.Log.Warn("Debian's mirror does not answer; going by its state at the last build, and by the packages that are cached",
			"published", published)
		b.say("", Phase+"Debian's mirror does not answer; going by its state of "+published.Format(time.DateTime)+" UTC and by the packages that are cached")
	}
	s.roots = sync.OnceValues(func() (roots, error) { return s.makeRoots(ctx) })
	return do(ctx, s)
}

// one builds a single image.
func (b *Builder) one(ctx context.Context, do func(*session, context.Context) (inventory.Image, error)) (img inventory.Image, err error) {
	err = b.run(ctx, func(ctx context.Context, s *session) (err error) {
		img, err = do(s, ctx)
		return err
	})
	return img, err
}

// Base builds the root file system that all roles share.
func (b *Builder) Base(ctx context.Context) (inventory.Image, error) {
	return b.one(ctx, (*session).base)
}

// Role builds the root file system of one role.
func (b *Builder) Role(ctx context.Context, r RoleSpec) (inventory.Image, error) {
	return b.one(ctx, func(s *session, ctx context.Context) (inventory.Image, error) { return s.role(ctx, r) })
}

// Kernel stores the kernel that the deploy ramdisk runs on.
func (b *Builder) Kernel(ctx context.Context) (inventory.Image, error) {
	return b.one(ctx, (*session).kernel)
}

// Ramdisk builds the deploy ramdisk: the agent as /init and the drivers of servers.
func (b *Builder) Ramdisk(ctx context.Context) (inventory.Image, error) {
	return b.one(ctx, (*session).ramdisk)
}

// Loaders stores iPXE for BIOS and UEFI machines.
func (b *Builder) Loaders(ctx context.Context) ([]inventory.Image, error) {
	var out []inventory.Image
	return out, b.run(ctx, func(ctx context.Context, s *session) error {
		for _, name := range []string{NameUndionly, NameIPXE} {
			img, err := s.loader(ctx, name)
			if err != nil {
				return err
			}
			out = append(out, img)
		}
		return nil
	})
}

// GuestTiny builds the small guest of the proof.
func (b *Builder) GuestTiny(ctx context.Context) (inventory.Image, error) {
	return b.one(ctx, (*session).guestTiny)
}

// GuestDebian builds a Debian 13 guest with cloud-init.
func (b *Builder) GuestDebian(ctx context.Context) (inventory.Image, error) {
	return b.one(ctx, (*session).guestDebian)
}

// All builds everything; roles are done side by side.
func (b *Builder) All(ctx context.Context, roles []RoleSpec) ([]inventory.Image, error) {
	return b.Only(ctx, roles, nil)
}

// Only builds the images whose names are given, or all when none is.
func (b *Builder) Only(ctx context.Context, roles []RoleSpec, names []string) ([]inventory.Image, error) {
	type target struct {
		name string
		make func(*session, context.Context) (inventory.Image, error)
	}
	targets := []target{
		{NameKernel, (*session).kernel},
		{NameRamdisk, (*session).ramdisk},
		{NameUndionly, func(s *session, ctx context.Context) (inventory.Image, error) { return s.loader(ctx, NameUndionly) }},
		{NameIPXE, func(s *session, ctx context.Context) (inventory.Image, error) { return s.loader(ctx, NameIPXE) }},
		{NameBase, (*session).base},
	}
	for _, r := range roles {
		targets = append(targets, target{r.Name, func(s *session, ctx context.Context) (inventory.Image, error) { return s.role(ctx, r) }})
	}
	targets = append(targets, target{NameGuestTiny, (*session).guestTiny}, target{NameGuestDebian, (*session).guestDebian})
	known := Names(roles)
	for _, n := range names {
		if !slices.Contains(known, n) {
			return nil, inventory.Errorf(inventory.Invalid, "there is no image %q; there are %s", n, strings.Join(known, ", "))
		}
	}
	var mu sync.Mutex
	var out []inventory.Image
	err := b.run(ctx, func(ctx context.Context, s *session) error {
		g, ctx := errgroup.WithContext(ctx)
		g.SetLimit(parallel)
		for _, t := range targets {
			if len(names) > 0 && !slices.Contains(names, t.name) {
				continue
			}
			g.Go(func() error {
				if ctx.Err() != nil {
					return ctx.Err()
				}
				img, err := t.make(s, ctx)
				if err != nil {
					return err
				}
				mu.Lock()
				defer mu.Unlock()
				out = append(out, img)
				return nil
			})
		}
		if err := g.Wait(); err != nil {
			return err
		}
		return s.store.Prune(24 * time.Hour)
	})
	slices.SortFunc(out, func(a, b inventory.Image) int { return strings.Compare(a.Name, b.Name) })
	return out, err
}

// parallel is how many images are made side by side. Unpacking waits for the
// disk, compressing takes every core: two keep a small machine busy.
const parallel = 2

// artefact is the file that a build made.
type artefact struct {
	path, format, compression string
}

// image returns the stored image of a name, made anew if its key changed.
func (s *session) image(ctx context.Context, name, key string, build func(ctx context.Context, j *journal, work string) (artefact, error)) (inventory.Image, error) {
	if img, err := s.store.Get(name); err == nil && img.Key == key {
		s.progress(Progress{Image: name, State: Kept})
		return img, nil
	} else if err != nil && inventory.CodeOf(err) != inventory.NotFound {
		return img, err
	}
	start := time.Now()
	s.progress(Progress{Image: name, State: Building})
	img, err := s.make(ctx, name, key, start, build)
	p := Progress{Image: name, State: Built, Seconds: time.Since(start).Seconds()}
	if err != nil {
		p.State, p.Text = Failed, err.Error()
		err = fmt.Errorf("build image %s: %w", name, err)
	}
	if !errors.Is(err, context.Canceled) {
		s.progress(p)
	}
	return img, err
}

func (s *session) make(ctx context.Context, name, key string, start time.Time, build func(ctx context.Context, j *journal, work string) (artefact, error)) (img inventory.Image, err error) {
	j, err := s.journal(name)
	if err != nil {
		return img, err
	}
	defer j.Close()
	work := filepath.Join(s.Cache, "work", name)
	if err := os.MkdirAll(work, 0o755); err != nil {
		return img, err
	}
	defer os.RemoveAll(work) // what is left of it is removed by the next build
	a, err := build(ctx, j, work)
	if err != nil {
		return img, err
	}
	f, err := os.Open(a.path)
	if err != nil {
		return img, err
	}
	defer f.Close()
	img, err = s.store.Put(ctx, inventory.Image{Name: name, Format: a.format, Compression: a.compression, Key: key, Built: start.UTC()}, f)
	fmt.Fprintf(j, Phase+"%s: %d bytes, stored as %d: %.1f s\n", name, img.RawSize, img.Size, time.Since(start).Seconds())
	return img, err
}

func (s *session) progress(p Progress) {
	s.Log.Debug("image", "name", p.Image, "state", p.State, "seconds", p.Seconds)
	if s.Progress != nil {
		s.Progress(p)
	}
}

// copyFile copies a regular file.
func copyFile(to, from string, mode fs.FileMode) error {
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer in.Close()
	out, err := os.OpenFile(to, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, mode)
	if err != nil {
		return err
	}
	if _, err := io.Copy(out, in); err != nil {
		out.Close()
		return err
	}
	return out.Close()
}
