package webtest

import (
	"context"
	"slices"

	"sandai/inventory"
)

// Works is what a Memory answers of images.
type Works struct {
	Images []inventory.Image
	Names  []string
	Build  inventory.ImageBuild
}

// Images implements web.Images.
func (m *Memory) Images(context.Context) ([]inventory.Image, error) {
	unlock, err := m.lock()
	defer unlock()
	return slices.Clone(m.Works.Images), err
}

// ImageNames implements web.Images.
func (m *Memory) ImageNames() []string {
	unlock, _ := m.lock()
	defer unlock()
	return slices.Clone(m.Works.Names)
}

// Build implements web.Images: it goes on until StopBuild.
func (m *Memory) Build(ctx context.Context, names []string) error {
	unlock, err := m.lock()
	defer unlock()
	switch b := &m.Works.Build; {
	case err != nil:
		return err
	case b.Active:
		return inventory.Errorf(inventory.Conflict, "images are being built: wait for it or stop it")
	default:
		*b = inventory.ImageBuild{Names: names, By: inventory.Person(ctx), Active: true, Started: At(0)}
		return nil
	}
}

// StopBuild implements web.Images.
func (m *Memory) StopBuild(context.Context) error {
	unlock, err := m.lock()
	defer unlock()
	b := &m.Works.Build
	if err == nil && !b.Active {
		err = inventory.Errorf(inventory.Conflict, "no image is being built")
	}
	if err == nil {
		b.Active, b.Ended, b.Error = false, At(60), "it was stopped"
	}
	return err
}

// LatestBuild implements web.Images.
func (m *Memory) LatestBuild(context.Context) inventory.ImageBuild {
	unlock, _ := m.lock()
	defer unlock()
	return m.Works.Build
}

// OnChange implements web.Images: change tells every page of everything.
func (m *Memory) OnChange(func()) {}
