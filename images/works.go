package images

import (
	"context"
	"errors"
	"strings"
	"sync"
	"time"

	"sandai/inventory"
)

// worksLines is how many of the last lines of a build are kept in memory; all
// of them are in the cache's logs/.
const worksLines = 200

// Works builds images on demand, one build at a time, and tells how far it is.
type Works struct {
	build func(ctx context.Context, names []string, progress func(Progress), output func(image, line string)) error
	store *Store
	names []string
	ask   chan request

	mu      sync.Mutex
	now     inventory.ImageBuild
	stop    context.CancelFunc // ends the build under way
	changed func()
}

type request struct{ names []string }

// NewWorks makes works that build with b what its roles and the rest of Names are.
func NewWorks(b Builder, store *Store, roles []RoleSpec) *Works {
	w := newWorks(store, Names(roles))
	w.build = func(ctx context.Context, names []string, progress func(Progress), output func(string, string)) error {
		own := b
		own.Progress, own.Output = progress, output
		_, err := own.Only(ctx, roles, names)
		return err
	}
	return w
}

func newWorks(store *Store, names []string) *Works {
	return &Works{store: store, names: names, ask: make(chan request, 1), changed: func() {}}
}

// OnChange has fn called, from any goroutine, when what Latest says may have changed.
func (w *Works) OnChange(fn func()) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.changed = fn
}

// Images lists the newest build of each image that is there.
func (w *Works) Images(context.Context) ([]inventory.Image, error) { return w.store.List() }

// ImageNames lists what can be built.
func (w *Works) ImageNames() []string { return w.names }

// Build begins a build of the named images, of all where none is named. The
// error is Conflict while another is under way and Invalid for an unknown name.
func (w *Works) Build(ctx context.Context, names []string) error {
	known := map[string]bool{}
	for _, n := range w.names {
		known[n] = true
	}
	for _, n := range names {
		if !known[n] {
			return inventory.Errorf(inventory.Invalid, "there is no image %q; there are %s", n, strings.Join(w.names, ", "))
		}
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.now.Active {
		return inventory.Errorf(inventory.Conflict, "images are being built since %s: wait for it or stop it", w.now.Started.Format("15:04:05 UTC"))
	}
	now := time.Now().UTC()
	w.now = inventory.ImageBuild{Names: names, By: inventory.Person(ctx), Active: true, Started: &now}
	w.ask <- request{names} // one at most: none is under way
	w.changed()
	return nil
}

// StopBuild ends the build under way; what was finished stays. The error is
// Conflict where none is under way.
func (w *Works) StopBuild(context.Context) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if !w.now.Active || w.stop == nil {
		return inventory.Errorf(inventory.Conflict, "no image is being built")
	}
	w.stop()
	return nil
}

// LatestBuild tells how far the latest build is.
func (w *Works) LatestBuild(context.Context) inventory.ImageBuild {
	w.mu.Lock()
	defer w.mu.Unlock()
	out := w.now
	out.Images = append([]inventory.ImageWork{}, out.Images...)
	out.Output = append([]inventory.ImageWords{}, out.Output...)
	return out
}

// Run builds what is asked for until ctx ends.
func (w *Works) Run(ctx context.Context) error {
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case r := <-w.ask:
			w.carryOut(ctx, r)
		}
	}
}

func (w *Works) carryOut(ctx context.Context, r request) {
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	w.set(func(*inventory.ImageBuild) { w.stop = stop })
	err := w.build(ctx, r.names, w.progress, w.output)
	now := time.Now().UTC()
	w.set(func(b *inventory.ImageBuild) {
		b.Active, b.Ended, w.stop = false, &now, nil
		for i := range b.Images {
			if p := &b.Images[i]; p.State == inventory.ImageBuilding { // it was stopped in the middle
				p.State, p.Seconds = inventory.ImageFailed, now.Sub(p.Started).Seconds()
			}
		}
		switch {
		case errors.Is(err, context.Canceled):
			b.Error = "it was stopped; what was finished stays, and the next build goes on from there"
		case err != nil:
			b.Error = err.Error()
		}
	})
}

func (w *Works) set(fn func(*inventory.ImageBuild)) {
	w.mu.Lock()
	fn(&w.now)
	changed := w.changed
	w.mu.Unlock()
	changed()
}

func (w *Works) progress(p Progress) {
	w.set(func(b *inventory.ImageBuild) {
		i := workOn(b, p.Image)
		b.Images[i].State, b.Images[i].Seconds = inventory.ImageWorkState(p.State), p.Seconds
		if p.State != Building {
			b.Images[i].Phase = ""
		}
	})
}

func (w *Works) output(image, line string) {
	w.set(func(b *inventory.ImageBuild) {
		if b.Output = append(b.Output, inventory.ImageWords{Image: image, Line: line}); len(b.Output) > worksLines {
			b.Output = b.Output[len(b.Output)-worksLines:]
		}
		phase, ok := strings.CutPrefix(line, Phase)
		if !ok {
			return
		}
		for i := range b.Images {
			if b.Images[i].Image == image && b.Images[i].State == inventory.ImageBuilding {
				b.Images[i].Phase = phase
			}
		}
	})
}

// workOn finds an image's work, which begins now if it has not yet.
func workOn(b *inventory.ImageBuild, image string) int {
	for i := range b.Images {
		if b.Images[i].Image == image {
			return i
		}
	}
	b.Images = append(b.Images, inventory.ImageWork{Image: image, Started: time.Now().UTC()})
	return len(b.Images) - 1
}
