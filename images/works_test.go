package images

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"

	"sandai/inventory"
)

// await waits until the latest build is as it should be.
func await(t *testing.T, w *Works, changed <-chan struct{}, what string, ok func(inventory.ImageBuild) bool) inventory.ImageBuild {
	t.Helper()
	for {
		b := w.LatestBuild(t.Context())
		if ok(b) {
			return b
		}
		select {
		case <-changed:
		case <-t.Context().Done():
			t.Fatalf("never %s: %+v", what, b)
		}
	}
}

func startWorks(t *testing.T, build func(ctx context.Context, names []string, p func(Progress), o func(string, string)) error) (*Works, <-chan struct{}) {
	store, err := OpenStore(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	w := newWorks(store, []string{"base", "deploy-kernel"})
	w.build = build
	changed := make(chan struct{}, 1)
	w.OnChange(func() {
		select {
		case changed <- struct{}{}:
		default:
		}
	})
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- w.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; !errors.Is(err, context.Canceled) {
			t.Errorf("Run ended with %v", err)
		}
	})
	return w, changed
}

func TestWorksTellsHowFarItIs(t *testing.T) {
	release := make(chan struct{})
	w, changed := startWorks(t, func(_ context.Context, names []string, p func(Progress), o func(string, string)) error {
		p(Progress{Image: "base", State: Building})
		for i := range worksLines + 5 {
			o("base", fmt.Sprint("line ", i))
		}
		o("base", Phase+"unpack")
		<-release
		p(Progress{Image: "base", State: Built, Seconds: 3})
		p(Progress{Image: "deploy-kernel", State: Kept})
		return nil
	})
	if b := w.LatestBuild(t.Context()); b.Active || b.Started != nil {
		t.Errorf("before any: %+v", b)
	}
	if err := w.Build(inventory.WithPerson(t.Context(), "ann"), []string{"base"}); err != nil {
		t.Fatal(err)
	}
	b := await(t, w, changed, "unpacking", func(b inventory.ImageBuild) bool { return len(b.Images) > 0 && b.Images[0].Phase == "unpack" })
	if !b.Active || b.By != "ann" || !slices.Equal(b.Names, []string{"base"}) || len(b.Output) != worksLines || b.Output[worksLines-1].Line != Phase+"unpack" {
		t.Errorf("in the middle: %+v", b)
	}
	if err := w.Build(t.Context(), nil); inventory.CodeOf(err) != inventory.Conflict {
		t.Errorf("a second build: %v", err)
	}
	close(release)
	b = await(t, w, changed, "ended", func(b inventory.ImageBuild) bool { return !b.Active })
	if b.Error != "" || b.Ended == nil || len(b.Images) != 2 || b.Images[0].State != inventory.ImageBuilt || b.Images[0].Phase != "" || b.Images[1].State != inventory.ImageKept {
		t.Errorf("at its end: %+v", b)
	}
	if err := w.Build(t.Context(), []string{"nonesuch"}); inventory.CodeOf(err) != inventory.Invalid {
		t.Errorf("an unknown name: %v", err)
	}
}

func TestWorksStopsAndFails(t *testing.T) {
	fails := errors.New("only root may do that")
	w, changed := startWorks(t, func(ctx context.Context, names []string, p func(Progress), _ func(string, string)) error {
		if len(names) > 0 {
			return fails
		}
		p(Progress{Image: "base", State: Building})
		<-ctx.Done()
		return fmt.Errorf("build image base: %w", ctx.Err())
	})
	if err := w.StopBuild(t.Context()); inventory.CodeOf(err) != inventory.Conflict {
		t.Errorf("nothing to stop: %v", err)
	}
	if err := w.Build(t.Context(), nil); err != nil {
		t.Fatal(err)
	}
	await(t, w, changed, "building", func(b inventory.ImageBuild) bool { return len(b.Images) > 0 })
	if err := w.StopBuild(t.Context()); err != nil {
		t.Fatal(err)
	}
	if b := await(t, w, changed, "stopped", func(b inventory.ImageBuild) bool { return !b.Active }); b.Images[0].State != inventory.ImageFailed || b.Error == "" {
		t.Errorf("stopped: %+v", b)
	}
	if err := w.Build(t.Context(), []string{"base"}); err != nil {
		t.Fatal(err)
	}
	if b := await(t, w, changed, "failed", func(b inventory.ImageBuild) bool { return !b.Active }); b.Error != fails.Error() || len(b.Images) != 0 {
		t.Errorf("failed: %+v", b)
	}
}
