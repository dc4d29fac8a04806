package db

import (
	"context"
	"net/netip"
	"strings"
	"time"

	"gorm.io/gorm"

	"sandai/inventory"
)

// LeaseTerm is how long a lease lasts from the last time it was asked for.
const LeaseTerm = time.Hour

// Lease gives or renews the address of a MAC on the rack's provisioning
// network: the fixed address of the node whose provisioning NIC it is, else
// one of the pool. A MAC keeps its pool address while nobody else needs it;
// addresses never given are given first, then the one that expired longest
// ago. Unavailable when all are in use.
func (s *Store) Lease(ctx context.Context, rackID uint, mac string, now time.Time) (inventory.Lease, error) {
	mac = strings.ToLower(mac)
	var l inventory.Lease
	err := s.write(ctx, "leasing an address to "+mac, func(tx *gorm.DB) error {
		n, err := takeNodeByMAC(tx, mac)
		switch {
		case err != nil && inventory.CodeOf(err) != inventory.NotFound:
			return err
		case err == nil && n.RackID != rackID:
			return inventory.Errorf(inventory.Conflict,
				"MAC %s belongs to node %s of another rack, but asked here: check its cable, or move it in the inventory", mac, n.Name)
		}
		var all []inventory.Lease
		if err := tx.Where("rack_id = ?", rackID).Find(&all).Error; err != nil {
			return err
		}
		l = inventory.Lease{RackID: rackID, MAC: mac, Node: n.Name, Expires: now.Add(LeaseTerm).UTC()}
		for _, o := range all {
			if o.MAC == mac {
				l.ID, l.Address = o.ID, o.Address
			}
		}
		var evict uint
		if n.Address != "" && n.MAC(inventory.Provisioning) == mac {
			l.Address = n.Address
			evict, err = holder(tx, &l, all, now)
		} else {
			l.Address, evict, err = pooled(tx, &l, all, now)
		}
		if err != nil {
			return err
		}
		if evict != 0 {
			if err := tx.Delete(&inventory.Lease{}, evict).Error; err != nil {
				return err
			}
		}
		if l.ID != 0 {
			return saveRow(tx, &l)
		}
		return tx.Create(&l).Error
	})
	if err != nil {
		return inventory.Lease{}, err
	}
	return l, nil
}

// holder returns the ID of another MAC's lease on l's fixed address, to be
// removed: one that expired, or that the inventory has made wrong since. One
// that is still good is a Conflict.
func holder(tx *gorm.DB, l *inventory.Lease, all []inventory.Lease, now time.Time) (uint, error) {
	for _, o := range all {
		if o.Address != l.Address || o.MAC == l.MAC {
			continue
		}
		stale, err := stale(tx, &o, now)
		if err != nil {
			return 0, err
		}
		if !stale {
			return 0, inventory.Errorf(inventory.Conflict, "address %s of node %s is leased to %s until %s: wait, or turn that machine off; keep fixed addresses out of the pool",
				l.Address, l.Node, o.MAC, o.Expires.Format(time.RFC3339))
		}
		return o.ID, nil
	}
	return 0, nil
}

func stale(tx *gorm.DB, o *inventory.Lease, now time.Time) (bool, error) {
	if !o.Expires.After(now) {
		return true, nil
	}
	n, err := takeNodeByMAC(tx, o.MAC)
	switch {
	case err == nil && n.Address != "" && n.MAC(inventory.Provisioning) == o.MAC:
		return n.Address != o.Address, nil // that node has moved
	case err != nil && inventory.CodeOf(err) != inventory.NotFound:
		return false, err
	}
	first, last, err := pool(tx, o.RackID)
	if inventory.CodeOf(err) == inventory.Unavailable {
		return true, nil // without a pool, only nodes have addresses
	} else if err != nil {
		return false, err
	}
	ip, err := netip.ParseAddr(o.Address)
	return err != nil || ip.Less(first) || last.Less(ip), nil // a fixed address of a node that is no more
}

// pooled chooses a pool address for l; evict is the expired lease it replaces.
func pooled(tx *gorm.DB, l *inventory.Lease, all []inventory.Lease, now time.Time) (address string, evict uint, err error) {
	first, last, err := pool(tx, l.RackID)
	if err != nil {
		return "", 0, err
	}
	fixed, err := fixedAddresses(tx, l.RackID)
	if err != nil {
		return "", 0, err
	}
	inPool := func(a string) bool {
		ip, err := netip.ParseAddr(a)
		return err == nil && !ip.Less(first) && !last.Less(ip) && !fixed[a]
	}
	if inPool(l.Address) {
		return l.Address, 0, nil
	}
	given := map[string]bool{}
	var oldest *inventory.Lease
	for i, o := range all {
		given[o.Address] = true
		if inPool(o.Address) && !o.Expires.After(now) && (oldest == nil || o.Expires.Before(oldest.Expires)) {
			oldest = &all[i]
		}
	}
	for ip := first; ip.IsValid() && !last.Less(ip); ip = ip.Next() {
		if a := ip.String(); !given[a] && !fixed[a] {
			return a, 0, nil
		}
	}
	if oldest == nil {
		return "", 0, inventory.Errorf(inventory.Unavailable, "the provisioning pool %s to %s is full: %s gets no address; widen the pool in rack.yaml, or turn machines off for %s",
			first, last, l.MAC, LeaseTerm)
	}
	return oldest.Address, oldest.ID, nil
}

func pool(tx *gorm.DB, rackID uint) (first, last netip.Addr, err error) {
	var n inventory.Network
	err = tx.Where("rack_id = ? AND kind = ?", rackID, inventory.Provisioning).Take(&n).Error
	if err != nil && !missing(err) {
		return first, last, err
	}
	first, err1 := netip.ParseAddr(n.PoolStart)
	last, err2 := netip.ParseAddr(n.PoolEnd)
	if err1 != nil || err2 != nil {
		return first, last, inventory.Errorf(inventory.Unavailable, "the rack's provisioning network has no pool to lease from: give it one in rack.yaml")
	}
	return first, last, nil
}

// fixedAddresses are those that no newcomer may get: the nodes' own, the
// appliance's and the gateway's.
func fixedAddresses(tx *gorm.DB, rackID uint) (map[string]bool, error) {
	var nodes, gateways []string
	var rack inventory.Rack
	if err := tx.Model(&inventory.Node{}).Where("rack_id = ?", rackID).Pluck("address", &nodes).Error; err != nil {
		return nil, err
	}
	if err := tx.Model(&inventory.Network{}).Where("rack_id = ?", rackID).Pluck("gateway", &gateways).Error; err != nil {
		return nil, err
	}
	if err := tx.Select("address").Where("id = ?", rackID).Take(&rack).Error; err != nil {
		return nil, err
	}
	own, _, _ := strings.Cut(rack.Address, "/")
	fixed := map[string]bool{own: true}
	for _, a := range append(nodes, gateways...) {
		fixed[a] = true
	}
	return fixed, nil
}

// Leases lists a rack's leases, expired ones too, in the order they were first given.
func (s *Store) Leases(ctx context.Context, rackID uint) ([]inventory.Lease, error) {
	var all []inventory.Lease
	if err := s.read(ctx).Where("rack_id = ?", rackID).Order("id").Find(&all).Error; err != nil {
		return nil, fail(err, "listing leases")
	}
	return all, nil
}
