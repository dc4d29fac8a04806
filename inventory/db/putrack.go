package db

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"gorm.io/gorm"
	"gorm.io/gorm/clause"

	"sandai/inventory"
)

// batch is how many rows one INSERT carries; SQLite takes 32766 values.
const batch = 500

// PutRack stores what a person says about a rack: it is made, or changed if
// the name is known. bmcPasswords (node → password) are sealed; one that is
// not given stays as it was sealed before.
//
// Nodes are matched by name. What was learned about a known node (state,
// reason, deadline, hardware, nonce, last seen) is kept; a new one starts as
// Ready unless r says otherwise. A node that r does not have is removed, but
// only if nothing was installed on it (discovered, inspected or ready), else
// nothing is changed and the error is Conflict. Newcomers, which have no role,
// stay, unless r has a node with the MAC of one: that node gets its hardware.
func (s *Store) PutRack(ctx context.Context, r inventory.Rack, bmcPasswords map[string]string) error {
	if err := passwordsFit(r, bmcPasswords); err != nil {
		return err
	}
	return s.write(ctx, "storing rack "+r.Name, func(tx *gorm.DB) error {
		if err := putRackRow(tx, &r); err != nil {
			return err
		}
		if err := s.putNodes(tx, &r, time.Now().UTC()); err != nil {
			return err
		}
		for node, password := range bmcPasswords {
			if err := s.putSecret(tx, r.ID, inventory.BMCSecret(node), password); err != nil {
				return err
			}
		}
		return nil
	})
}

func passwordsFit(r inventory.Rack, passwords map[string]string) error {
	bmc := map[string]bool{}
	for _, n := range r.Nodes {
		bmc[n.Name] = n.BMC != nil
	}
	for node := range passwords {
		if !bmc[node] {
			return inventory.Errorf(inventory.Invalid, "storing rack %s: there is a BMC password for %q, which has no BMC: correct the name", r.Name, node)
		}
	}
	return nil
}

// putRackRow writes the rack and its networks and sets r.ID.
func putRackRow(tx *gorm.DB, r *inventory.Rack) error {
	var old inventory.Rack
	err := tx.Where("name = ?", r.Name).Take(&old).Error
	switch {
	case missing(err):
		r.ID = 0
		if r.Created.IsZero() {
			r.Created = time.Now().UTC()
		}
		err = tx.Omit(clause.Associations).Create(r).Error
	case err == nil:
		r.ID, r.Created = old.ID, old.Created
		err = saveRow(tx, r)
	}
	if err != nil {
		return err
	}
	if err := tx.Where("rack_id = ?", r.ID).Delete(&inventory.Network{}).Error; err != nil {
		return err
	}
	networks := make([]inventory.Network, len(r.Networks))
	for i, n := range r.Networks {
		n.ID, n.RackID = 0, r.ID
		if n.MTU == 0 {
			n.MTU = 1500
		}
		networks[i] = n
	}
	return insert(tx, networks)
}

// putNodes makes the rack's nodes those of r.
func (s *Store) putNodes(tx *gorm.DB, r *inventory.Rack, now time.Time) error {
	var known []inventory.Node
	if err := withParts(tx).Where("rack_id = ?", r.ID).Order("id").Find(&known).Error; err != nil {
		return err
	}
	keepNewcomers(r, known)
	kept, gone := split(known, r.Nodes)
	if err := s.removeNodes(tx, r, gone); err != nil {
		return err
	}
	// Cleared before they are written, so that two nodes may swap a MAC or an address.
	mine := tx.Model(&inventory.Node{}).Select("id").Where("rack_id = ?", r.ID)
	for _, of := range []any{&inventory.NIC{}, &inventory.BMC{}} {
		if err := tx.Where("node_id IN (?)", mine).Delete(of).Error; err != nil {
			return err
		}
	}
	if err := tx.Model(&inventory.Node{}).Where("rack_id = ?", r.ID).Update("address", "").Error; err != nil {
		return err
	}
	var nics []inventory.NIC
	var bmcs []inventory.BMC
	for _, n := range r.Nodes {
		if err := putNode(tx, r.ID, &n, kept, now); err != nil {
			return fmt.Errorf("node %s: %w", n.Name, err)
		}
		nics = append(nics, nicsOf(&n)...)
		if n.BMC != nil {
			bmcs = append(bmcs, bmcOf(&n))
		}
	}
	if err := insert(tx, nics); err != nil {
		return err
	}
	return insert(tx, bmcs)
}

// keepNewcomers adds the newcomers that r does not know to it, and gives those
// that it does know, by their MAC, the hardware that was found.
func keepNewcomers(r *inventory.Rack, known []inventory.Node) {
	r.Nodes = slices.Clone(r.Nodes) // the caller's stay as they are
	owner := map[string]int{}       // MAC → node of r
	named := map[string]bool{}      // nodes of r
	for i, n := range r.Nodes {
		named[n.Name] = true
		for _, c := range n.NICs {
			owner[strings.ToLower(c.MAC)] = i
		}
	}
	for _, n := range known {
		if n.Role != "" || named[n.Name] {
			continue
		}
		if i, ok := owner[n.MAC(inventory.Provisioning)]; ok {
			if r.Nodes[i].Hardware == nil {
				r.Nodes[i].Hardware, r.Nodes[i].LastSeen = n.Hardware, n.LastSeen
			}
		} else {
			r.Nodes = append(r.Nodes, n)
		}
	}
}

func split(known, wanted []inventory.Node) (kept map[string]inventory.Node, gone []inventory.Node) {
	want := map[string]bool{}
	for _, n := range wanted {
		want[n.Name] = true
	}
	kept = map[string]inventory.Node{}
	for _, n := range known {
		if want[n.Name] {
			kept[n.Name] = n
		} else {
			gone = append(gone, n)
		}
	}
	return kept, gone
}

func (s *Store) removeNodes(tx *gorm.DB, r *inventory.Rack, gone []inventory.Node) error {
	var held []string
	for _, n := range gone {
		switch n.State {
		case inventory.Discovered, inventory.Inspected, inventory.Ready:
		default:
			held = append(held, fmt.Sprintf("%s (%s)", n.Name, n.State))
		}
	}
	if len(held) > 0 {
		return inventory.Errorf(inventory.Conflict,
			"storing rack %s: it leaves out %s, and only a node that is discovered, inspected or ready can be removed: release it first, or put it back",
			r.Name, strings.Join(held, ", "))
	}
	for _, n := range gone {
		if err := removeNode(tx, n); err != nil {
			return err
		}
	}
	return nil
}

// removeNode forgets a node with its NICs, its BMC and the BMC's password.
func removeNode(tx *gorm.DB, n inventory.Node) error {
	if err := tx.Delete(&inventory.Node{}, n.ID).Error; err != nil {
		return err
	}
	return ofRack(tx, n.RackID).Where("name = ?", inventory.BMCSecret(n.Name)).Delete(&sealed{}).Error
}

func putNode(tx *gorm.DB, rackID uint, n *inventory.Node, kept map[string]inventory.Node, now time.Time) error {
	if n.Firmware == "" {
		n.Firmware = inventory.BIOS
	}
	n.RackID = rackID
	if old, ok := kept[n.Name]; ok {
		// What was learned, rather than said, stays; but not of another machine that
		// now has the name.
		n.ID, n.State, n.Reason, n.Since, n.Deadline = old.ID, old.State, old.Reason, old.Since, old.Deadline
		if was := old.MAC(inventory.Provisioning); was == "" || strings.EqualFold(was, n.MAC(inventory.Provisioning)) {
			n.Hardware, n.BootNonce, n.NonceSpends, n.LastSeen = old.Hardware, old.BootNonce, old.NonceSpends, old.LastSeen
		}
		n.HandsOff, n.HandsOffBy, n.HandsOffWhy = old.HandsOff, old.HandsOffBy, old.HandsOffWhy
		n.RescuedFrom = old.RescuedFrom
		return saveRow(tx, n)
	}
	n.ID = 0
	if n.State == "" {
		n.State = inventory.Ready
	}
	if n.Since.IsZero() {
		n.Since = now
	}
	return tx.Omit(clause.Associations).Create(n).Error
}

// saveRow writes every column of one row, and nothing that belongs to it.
func saveRow(tx *gorm.DB, row any) error {
	return tx.Model(row).Select("*").Omit(clause.Associations).Updates(row).Error
}

func insert[T any](tx *gorm.DB, rows []T) error {
	if len(rows) == 0 {
		return nil
	}
	return tx.Omit(clause.Associations).CreateInBatches(&rows, batch).Error
}

func nicsOf(n *inventory.Node) []inventory.NIC {
	nics := make([]inventory.NIC, len(n.NICs))
	for i, c := range n.NICs {
		nics[i] = inventory.NIC{NodeID: n.ID, Network: c.Network, MAC: strings.ToLower(c.MAC)}
	}
	return nics
}

func bmcOf(n *inventory.Node) inventory.BMC {
	b := *n.BMC
	b.ID, b.NodeID = 0, n.ID
	if b.Port == 0 {
		b.Port = 623
	}
	return b
}
