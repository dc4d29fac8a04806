package installer

import (
	"cmp"
	"context"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"

	"sandai/inventory"
	"sandai/inventory/rackfile"
)

// Fits says how well a node fits each role, with the sizes of the roles' images.
func (e *Engine) Fits(ctx context.Context, rackName, node string) ([]inventory.Fitness, error) {
	rack, n, err := e.nodeOf(ctx, rackName, node)
	if err != nil {
		return nil, err
	}
	return inventory.Fits(*n, rack, func(role inventory.Role) int64 { return e.imageSize(rack, inventory.Node{Role: role}) }), nil
}

func (e *Engine) nodeOf(ctx context.Context, rackName, node string) (inventory.Rack, *inventory.Node, error) {
	rack, err := e.store.Rack(ctx, rackName)
	if err != nil {
		return rack, nil, err
	}
	n, err := nodeIn(rack, node)
	return rack, n, err
}

func nodeIn(rack inventory.Rack, node string) (*inventory.Node, error) {
	i := slices.IndexFunc(rack.Nodes, func(n inventory.Node) bool { return n.Name == node })
	if i < 0 {
		return nil, inventory.Errorf(inventory.NotFound, "there is no node %q in rack %s: see the list of nodes", node, rack.Name)
	}
	return &rack.Nodes[i], nil
}

// SetRole gives a node that is not installed a role and what goes with it, or
// takes the role away. What the request leaves empty is chosen, or stays where
// the node has that role already. The error is Invalid with every reason, or
// Conflict where the node is in use.
func (e *Engine) SetRole(ctx context.Context, rackName, node string, req inventory.RoleRequest) (inventory.Node, error) {
	rack, n, err := e.nodeOf(ctx, rackName, node)
	if err != nil {
		return inventory.Node{}, err
	}
	if err := e.free(ctx, rack, *n); err != nil {
		return inventory.Node{}, err
	}
	was := *n
	var why []string
	if req.Role == "" {
		takeRole(n)
	} else {
		if why, err = e.giveRole(rack, n, req); err != nil {
			return inventory.Node{}, err
		}
	}
	passwords := map[string]string{}
	switch {
	case req.BMCPassword != "" && n.BMC == nil:
		why = append(why, "there is a BMC password and no BMC: give its address and user")
	case req.BMCPassword != "":
		passwords[n.Name] = req.BMCPassword
	case n.BMC != nil:
		if _, err := e.store.Secret(ctx, rack.ID, inventory.BMCSecret(node)); err != nil {
			why = append(why, "the password of its BMC is missing")
		}
	}
	if err := rackfile.Check(rack, passwords); err != nil {
		why = append(why, strings.Split(err.Error(), "\n")...)
	}
	if len(why) > 0 {
		return inventory.Node{}, inventory.Errorf(inventory.Invalid, "%s cannot be %s: %s", node, cmp.Or(string(req.Role), "without a role"), strings.Join(why, "; "))
	}
	if req.BMCPassword != "" {
		if err := e.store.PutSecret(ctx, rack.ID, inventory.BMCSecret(n.Name), req.BMCPassword); err != nil {
			return inventory.Node{}, err
		}
	}
	text := fmt.Sprintf("%s is %s with the role %s%s", node, n.Name, n.Role, byAndWhy(inventory.Person(ctx), ""))
	if n.Role == "" {
		text = fmt.Sprintf("%s has no role any more%s and is %s", node, byAndWhy(inventory.Person(ctx), ""), n.Name)
	}
	return e.store.UpdateNode(ctx, rack.ID, node, func(now *inventory.Node) error {
		if now.State != was.State {
			return inventory.Errorf(inventory.Conflict, "%s is %s by now: look at it again", node, now.State)
		}
		now.Name, now.Role, now.Firmware, now.Address = n.Name, n.Role, n.Firmware, n.Address
		now.SystemDisk, now.VolumeDisk, now.NICs, now.BMC = n.SystemDisk, n.VolumeDisk, n.NICs, n.BMC
		now.BootNonce, now.NonceSpends = "", 0 // of an inspection as a newcomer
		if now.State != n.State {
			setState(now, n.State, "")
		}
		return nil
	}, inventory.Event{Time: time.Now(), Type: inventory.EventNodeState, Node: n.Name, Text: text})
}

// free returns an error if a node's role may not be changed now.
func (e *Engine) free(ctx context.Context, rack inventory.Rack, n inventory.Node) error {
	switch n.State {
	case inventory.Discovered, inventory.Inspected, inventory.Ready:
	default:
		return inventory.Errorf(inventory.Conflict, "%s is %s, and only a node that is discovered, inspected or ready can change its role", n.Name, n.State)
	}
	if n.State == inventory.Discovered && n.NonceSpends > 0 && n.BootNonce == "" && n.Reason == "" && time.Since(n.LastSeen) < aliveFor {
		return inventory.Errorf(inventory.Conflict, "%s is being inspected just now: give it a role in a moment, when its hardware is known", n.Name)
	}
	run, err := e.activeRun(ctx, rack.ID)
	if err != nil || run == nil {
		return err
	}
	steps, err := e.store.Steps(ctx, run.ID)
	if err != nil {
		return err
	}
	if run.Kind.Changes() || slices.ContainsFunc(steps, func(s inventory.Step) bool { return s.Node == n.Name }) {
		return busy(*run)
	}
	return nil
}

// takeRole makes a node a newcomer again, under a newcomer's name. What was found
// of it and how its BMC is reached stays.
func takeRole(n *inventory.Node) {
	mac := n.MAC(inventory.Provisioning)
	n.Name, n.Role, n.Address, n.SystemDisk, n.VolumeDisk = inventory.NewcomerName(mac), "", "", "", ""
	n.NICs = []inventory.NIC{{Network: inventory.Provisioning, MAC: mac}}
	n.State = inventory.Discovered
	if n.Hardware != nil {
		n.State = inventory.Inspected
	}
}

// giveRole changes n, which is a node of rack, as req wants, and returns what
// speaks against it.
func (e *Engine) giveRole(rack inventory.Rack, n *inventory.Node, req inventory.RoleRequest) (why []string, err error) {
	same := n.Role == req.Role
	image := e.imageSize(rack, inventory.Node{Role: req.Role})
	for _, m := range inventory.Fit(req.Role, n.Hardware, rack, image) {
		if !m.Warning {
			why = append(why, m.Text)
		}
	}
	if !same {
		n.VolumeDisk = ""
	}
	n.Name = cmp.Or(req.Name, when(same, n.Name), freeName(rack, req.Role))
	n.Role, n.State = req.Role, inventory.Ready
	n.Firmware = cmp.Or(req.Firmware, bootedBy(*n), n.Firmware)
	if n.Address = cmp.Or(req.Address, n.Address); n.Address == "" {
		if n.Address = freeAddress(rack); n.Address == "" {
			why = append(why, "the provisioning network has no free address outside its pool: make the pool smaller")
		}
	}
	why = append(why, chooseDisks(rack, n, req, image)...)
	if m := chooseProvider(*n, req); m != "" {
		n.NICs = append(slices.DeleteFunc(slices.Clone(n.NICs), func(c inventory.NIC) bool { return c.Network == inventory.Provider }), inventory.NIC{Network: inventory.Provider, MAC: m})
	}
	if b := req.BMC; b != nil {
		n.BMC = &inventory.BMC{Kind: cmp.Or(b.Kind, "ipmi"), Address: b.Address, Port: b.Port, User: b.User}
		if n.BMC.Port == 0 {
			n.BMC.Port = map[string]int{"redfish": 443}[n.BMC.Kind]
		}
		n.BMC.Port = cmp.Or(n.BMC.Port, 623)
	}
	return why, nil
}

func when(yes bool, v string) string {
	if yes {
		return v
	}
	return ""
}

// bootedBy is the firmware by which the inspected machine started.
func bootedBy(n inventory.Node) inventory.Firmware {
	if n.Hardware == nil {
		return ""
	}
	return inventory.Firmware(n.Hardware.BootMode)
}

// freeName is the role's first free name, "compute-2".
func freeName(r inventory.Rack, role inventory.Role) string {
	for i := 1; ; i++ {
		name := fmt.Sprintf("%s-%d", role, i)
		if !slices.ContainsFunc(r.Nodes, func(n inventory.Node) bool { return n.Name == name }) {
			return name
		}
	}
}

// freeAddress is the first address of the provisioning network that nobody has
// and the pool does not hold, from the eleventh on as far as there is one, "" if
// there is none.
func freeAddress(r inventory.Rack) string {
	prov := r.Network(inventory.Provisioning)
	if prov == nil {
		return ""
	}
	net, err := netip.ParsePrefix(prov.CIDR)
	if err != nil {
		return ""
	}
	taken := map[string]bool{prov.Gateway: true}
	own, _, _ := strings.Cut(r.Address, "/")
	taken[own] = true
	for _, n := range r.Nodes {
		taken[n.Address] = true
	}
	first, err1 := netip.ParseAddr(prov.PoolStart)
	last, err2 := netip.ParseAddr(prov.PoolEnd)
	pooled := func(a netip.Addr) bool { return err1 == nil && err2 == nil && !a.Less(first) && !last.Less(a) }
	early, i := "", 0
	for a := net.Masked().Addr().Next(); net.Contains(a) && net.Contains(a.Next()); a = a.Next() { // the last one is the broadcast address
		if i++; taken[a.String()] || pooled(a) {
			continue
		}
		if i > 10 {
			return a.String()
		}
		if early == "" {
			early = a.String()
		}
	}
	return early
}

// chooseProvider is the MAC of the NIC on the provider network: as asked for, as
// it is, or, for a network node, of a NIC that is not on the provisioning
// network, one with a link before one without.
func chooseProvider(n inventory.Node, req inventory.RoleRequest) string {
	if m := cmp.Or(strings.ToLower(req.ProviderMAC), n.MAC(inventory.Provider)); m != "" || req.Role != inventory.NetworkRole || n.Hardware == nil {
		return m
	}
	found := ""
	for _, c := range n.Hardware.NICs {
		if c.MAC == n.MAC(inventory.Provisioning) {
			continue
		}
		if c.Link {
			return c.MAC
		}
		found = cmp.Or(found, c.MAC)
	}
	return found
}

// chooseDisks selects the disks as asked for, or: the smallest one that holds the
// image for the system, and for a controller the largest of the others for volumes.
func chooseDisks(r inventory.Rack, n *inventory.Node, req inventory.RoleRequest, image int64) (why []string) {
	n.SystemDisk = cmp.Or(req.SystemDisk, n.SystemDisk)
	n.VolumeDisk = cmp.Or(req.VolumeDisk, n.VolumeDisk)
	if n.Hardware == nil {
		if n.VolumeDisk == inventory.NoDisk {
			n.VolumeDisk = ""
		}
		return nil
	}
	disks := slices.SortedFunc(slices.Values(n.Hardware.Disks), func(a, b inventory.DiskInfo) int { return cmp.Compare(a.Bytes, b.Bytes) })
	if n.SystemDisk == "" && len(disks) > 1 {
		for _, d := range disks {
			if d.Selector() != "" && d.Bytes >= image && !d.Is(n.VolumeDisk) {
				n.SystemDisk = d.Selector()
				break
			}
		}
		if n.SystemDisk == "" {
			why = append(why, "none of its disks can be told from the others by a serial number or WWN: choose another machine, or leave one disk in it")
		}
	}
	if n.VolumeDisk == "" && n.Role == inventory.Controller && r.Release != inventory.ReleaseDebian {
		for _, d := range slices.Backward(disks) {
			if d.Selector() != "" && !d.Is(n.SystemDisk) {
				n.VolumeDisk = d.Selector()
				break
			}
		}
	}
	if n.VolumeDisk == inventory.NoDisk {
		n.VolumeDisk = ""
	}
	for _, s := range []string{n.SystemDisk, n.VolumeDisk} {
		if s != "" && !slices.ContainsFunc(disks, func(d inventory.DiskInfo) bool { return d.Is(s) }) {
			var have []string
			for _, d := range disks {
				have = append(have, fmt.Sprintf("%s %s", d.Name, cmp.Or(d.Selector(), "without a serial number")))
			}
			why = append(why, fmt.Sprintf("it shows no disk with the serial number or WWN %q; there are: %s", s, strings.Join(have, ", ")))
		}
	}
	return why
}

// CreateRack makes a rack with its networks and without nodes, held to the rules
// of rack.yaml. The error is Invalid with every reason, Conflict if there is a
// rack of that name.
func (e *Engine) CreateRack(ctx context.Context, r inventory.Rack) (inventory.Rack, error) {
	r.Nodes = nil
	r.Region = cmp.Or(r.Region, "RegionOne")
	r.Networks = slices.Clone(r.Networks)
	for i := range r.Networks {
		r.Networks[i].MTU = cmp.Or(r.Networks[i].MTU, 1500)
	}
	if err := rackfile.Check(r, nil); err != nil {
		return inventory.Rack{}, err
	}
	_, err := e.store.Rack(ctx, r.Name)
	switch {
	case err == nil:
		return inventory.Rack{}, inventory.Errorf(inventory.Conflict, "there is a rack %s already: choose another name, or change that one", r.Name)
	case inventory.CodeOf(err) != inventory.NotFound:
		return inventory.Rack{}, err
	}
	if err := e.store.PutRack(ctx, r, nil); err != nil {
		return inventory.Rack{}, err
	}
	return e.store.Rack(ctx, r.Name)
}
