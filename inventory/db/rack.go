package db

import (
	"context"
	"strings"

	"gorm.io/gorm"

	"sandai/inventory"
)

// whole loads what belongs to a rack: one query for each kind of thing, however
// many nodes there are.
func whole(g *gorm.DB) *gorm.DB {
	return g.Preload("Networks", byID).Preload("Nodes", byID).Preload("Nodes.NICs", byID).Preload("Nodes.BMC")
}

func byID(g *gorm.DB) *gorm.DB { return g.Order("id") }

// Rack returns a rack by name, with all that belongs to it. The name "" stands
// for the only rack there is: Conflict if there are several.
func (s *Store) Rack(ctx context.Context, name string) (inventory.Rack, error) {
	var rack inventory.Rack
	names, err := s.RackNames(ctx)
	if err != nil {
		return rack, err
	}
	if name == "" {
		switch len(names) {
		case 0:
			return rack, inventory.Errorf(inventory.NotFound, "there is no rack yet: import a rack.yaml")
		case 1:
			name = names[0]
		default:
			return rack, inventory.Errorf(inventory.Conflict, "there are several racks: name one of %s", strings.Join(names, ", "))
		}
	}
	err = whole(s.read(ctx)).Where("name = ?", name).Take(&rack).Error
	switch {
	case missing(err) && len(names) == 0:
		return rack, inventory.Errorf(inventory.NotFound, "there is no rack %q, nor any other: import a rack.yaml", name)
	case missing(err):
		return rack, inventory.Errorf(inventory.NotFound, "there is no rack %q: there is %s", name, strings.Join(names, ", "))
	case err != nil:
		return rack, fail(err, "reading rack %s", name)
	}
	return rack, nil
}

// RackNames lists the names of the racks, in their order.
func (s *Store) RackNames(ctx context.Context) ([]string, error) {
	var names []string
	if err := s.read(ctx).Model(&inventory.Rack{}).Order("name").Pluck("name", &names).Error; err != nil {
		return nil, fail(err, "listing racks")
	}
	return names, nil
}

// RackByID returns a rack with all that belongs to it, or NotFound.
func (s *Store) RackByID(ctx context.Context, id uint) (inventory.Rack, error) {
	var rack inventory.Rack
	err := whole(s.read(ctx)).Where("id = ?", id).Take(&rack).Error
	if missing(err) {
		return rack, inventory.Errorf(inventory.NotFound, "there is no rack with ID %d: it was removed, or never imported", id)
	}
	if err != nil {
		return rack, fail(err, "reading rack %d", id)
	}
	return rack, nil
}

// Racks returns every rack with all that belongs to it, in the order they came.
func (s *Store) Racks(ctx context.Context) ([]inventory.Rack, error) {
	var racks []inventory.Rack
	if err := whole(s.read(ctx)).Order("id").Find(&racks).Error; err != nil {
		return nil, fail(err, "listing racks")
	}
	return racks, nil
}
