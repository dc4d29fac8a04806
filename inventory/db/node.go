package db

import (
	"context"
	"reflect"
	"slices"
	"strings"
	"time"

	"gorm.io/gorm"
	"gorm.io/gorm/clause"

	"sandai/inventory"
)

func withParts(g *gorm.DB) *gorm.DB { return g.Preload("NICs", byID).Preload("BMC") }

// Node returns a node of a rack with its NICs and BMC, or NotFound.
func (s *Store) Node(ctx context.Context, rackID uint, name string) (inventory.Node, error) {
	return takeNode(s.read(ctx), rackID, name)
}

func takeNode(g *gorm.DB, rackID uint, name string) (inventory.Node, error) {
	var n inventory.Node
	err := withParts(g).Where("rack_id = ? AND name = ?", rackID, name).Take(&n).Error
	if missing(err) {
		return n, inventory.Errorf(inventory.NotFound, "there is no node %q in the rack: see the list of nodes", name)
	}
	if err != nil {
		return n, fail(err, "reading node %s", name)
	}
	return n, nil
}

// NodeByMAC returns the node that has a NIC with this MAC on any network, or
// NotFound. The case of the letters does not matter.
func (s *Store) NodeByMAC(ctx context.Context, mac string) (inventory.Node, error) {
	return takeNodeByMAC(s.read(ctx), mac)
}

func takeNodeByMAC(g *gorm.DB, mac string) (inventory.Node, error) {
	var n inventory.Node
	err := withParts(g).Joins("JOIN nics ON nics.node_id = nodes.id").Where("nics.mac = ?", strings.ToLower(mac)).Take(&n).Error
	if missing(err) {
		return n, inventory.Errorf(inventory.NotFound, "no node has a NIC with MAC %s: it is not in the inventory", mac)
	}
	if err != nil {
		return n, fail(err, "reading the node with MAC %s", mac)
	}
	return n, nil
}

// UpdateNode reads a node, lets fn change it, and writes it with the events in
// one transaction; fn sees no older state and loses no other's change. An error
// of fn undoes all. A node that fn gives another name keeps the password of its
// BMC, unless there is one under the new name. An event without node or time
// gets this node and now.
func (s *Store) UpdateNode(ctx context.Context, rackID uint, name string, fn func(*inventory.Node) error, ev ...inventory.Event) (inventory.Node, error) {
	var n inventory.Node
	err := s.write(ctx, "updating node "+name, func(tx *gorm.DB) (err error) {
		if n, err = takeNode(tx, rackID, name); err != nil {
			return err
		}
		old := n
		old.NICs = slices.Clone(n.NICs)
		if n.BMC != nil {
			b := *n.BMC
			old.BMC = &b
		}
		if err := fn(&n); err != nil {
			return err
		}
		n.ID, n.RackID = old.ID, old.RackID
		if err := saveRow(tx, &n); err != nil {
			return err
		}
		if err := saveParts(tx, &n, &old); err != nil {
			return err
		}
		if n.Name != old.Name {
			if err := s.moveSecret(tx, rackID, inventory.BMCSecret(old.Name), inventory.BMCSecret(n.Name)); err != nil {
				return err
			}
		}
		return appendEvents(tx, inventory.Event{Node: n.Name}, ev)
	})
	if err != nil {
		return inventory.Node{}, err
	}
	return n, nil
}

// RemoveNode forgets a node, its NICs, its BMC and the BMC's password, with the
// events in one transaction. What happened to it stays. The error is NotFound where
// there is none of that name.
func (s *Store) RemoveNode(ctx context.Context, rackID uint, name string, ev ...inventory.Event) error {
	return s.write(ctx, "removing node "+name, func(tx *gorm.DB) error {
		n, err := takeNode(tx, rackID, name)
		if err != nil {
			return err
		}
		if err := removeNode(tx, n); err != nil {
			return err
		}
		return appendEvents(tx, inventory.Event{Node: name}, ev)
	})
}

// saveParts writes NICs and BMC where fn changed them.
func saveParts(tx *gorm.DB, n, old *inventory.Node) error {
	if !slices.Equal(n.NICs, old.NICs) {
		if err := tx.Where("node_id = ?", n.ID).Delete(&inventory.NIC{}).Error; err != nil {
			return err
		}
		n.NICs = nicsOf(n)
		if err := insert(tx, n.NICs); err != nil {
			return err
		}
	}
	if reflect.DeepEqual(n.BMC, old.BMC) {
		return nil
	}
	if err := tx.Where("node_id = ?", n.ID).Delete(&inventory.BMC{}).Error; err != nil || n.BMC == nil {
		return err
	}
	*n.BMC = bmcOf(n)
	return tx.Create(n.BMC).Error
}

// Discover returns the node of a machine's MAC. A newcomer becomes a node of
// the rack, named by its MAC ("new-52-54-00-77-00-11"), Discovered and without
// a role, with nonce as its boot nonce; created is then true and an
// EventDiscovered was appended with it.
func (s *Store) Discover(ctx context.Context, rackID uint, m inventory.Machine, nonce string, now time.Time) (n inventory.Node, created bool, err error) {
	mac := strings.ToLower(m.MAC)
	err = s.write(ctx, "taking in machine "+mac, func(tx *gorm.DB) (err error) {
		if n, err = takeNodeByMAC(tx, mac); inventory.CodeOf(err) != inventory.NotFound {
			return err
		}
		n = inventory.Node{
			RackID: rackID, Name: inventory.NewcomerName(mac), Firmware: firmwareOf(m.Arch),
			State: inventory.Discovered, Since: now.UTC(), LastSeen: now.UTC(), BootNonce: nonce,
		}
		if err := tx.Omit(clause.Associations).Create(&n).Error; err != nil {
			return err
		}
		n.NICs = []inventory.NIC{{NodeID: n.ID, Network: inventory.Provisioning, MAC: mac}}
		if err := insert(tx, n.NICs); err != nil {
			return err
		}
		created = true
		return appendEvents(tx, inventory.Event{}, []inventory.Event{{
			Time: now, Type: inventory.EventDiscovered, Node: n.Name, MAC: mac, Text: "a machine that is not in the inventory asked for an address",
		}})
	})
	if err != nil {
		return inventory.Node{}, false, err
	}
	return n, created, nil
}

// firmwareOf: RFC 4578 §2.1, 0 is a PC's BIOS; the others seen here are UEFI.
func firmwareOf(arch uint16) inventory.Firmware {
	if arch == 0 {
		return inventory.BIOS
	}
	return inventory.UEFI
}
