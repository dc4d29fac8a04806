package rackfile

import (
	"fmt"
	"net/netip"
	"strconv"
	"strings"

	"sandai/inventory"
)

// maxIPMIPassword: IPMI 2.0 allows 20 bytes (§22.30), but many BMCs keep only
// the 16 of IPMI 1.5 and then let nobody in.
const maxIPMIPassword = 16

// plan is what the rules between values need, parsed. What does not parse is
// left out: it was told already.
type plan struct {
	appliance netip.Prefix
	nets      map[string]*subnet
}

type subnet struct {
	cidr        netip.Prefix
	gateway     netip.Addr
	first, last netip.Addr
}

func (n *subnet) pooled(ip netip.Addr) bool {
	return n.first.IsValid() && ip.IsValid() && !ip.Less(n.first) && !n.last.Less(ip)
}

// relations checks what must hold between values.
func (r *reader) relations(f *file) {
	p := plan{nets: map[string]*subnet{}}
	if own, err := parseHostCIDR(f.Address); err == nil {
		p.appliance = own
	}
	if f.Networks != nil {
		for _, n := range []struct {
			name string
			*network
			needsPool string // why, "" if it may have none
		}{
			{"provisioning", f.Networks.Provisioning, "newcomers get their addresses from it"},
			{"provider", f.Networks.Provider, "floating IPs come from it"},
			{"tenant", f.Networks.Tenant, ""},
		} {
			if n.network != nil {
				p.nets[n.name] = r.network("networks."+n.name, n.network, n.needsPool)
			}
		}
	}
	r.overlaps(&p)
	r.appliance(&p)
	r.roles(f)
	r.nodes(f, &p)
}

func (r *reader) network(field string, in *network, needsPool string) *subnet {
	var n subnet
	cidr, err := parseNetwork(in.CIDR)
	if err != nil {
		return &n
	}
	n.cidr = cidr
	if in.Pool == "" && needsPool != "" {
		r.add(field+".pool", "is missing%s; %s", expectation(field+".pool"), needsPool)
	}
	if gw, err := parseIP(in.Gateway); err == nil {
		if n.gateway = gw; !usable(n.cidr, gw) {
			r.add(field+".gateway", "is %s, expected a host's address inside %s", gw, n.cidr)
		}
	}
	if first, last, err := parsePool(in.Pool); err == nil {
		n.first, n.last = first, last
		if !usable(n.cidr, first) || !usable(n.cidr, last) {
			r.add(field+".pool", "is %s-%s, expected hosts' addresses inside %s", first, last, n.cidr)
		}
	}
	if n.pooled(n.gateway) {
		r.add(field+".pool", "holds the gateway %s, expected a range without it", n.gateway)
	}
	return &n
}

func (r *reader) overlaps(p *plan) {
	names := []string{"provisioning", "provider", "tenant"}
	for i, a := range names {
		for _, b := range names[i+1:] {
			na, nb := p.nets[a], p.nets[b]
			if na != nil && nb != nil && na.cidr.IsValid() && nb.cidr.IsValid() && na.cidr.Overlaps(nb.cidr) {
				r.add("networks."+b+".cidr", "is %s, which overlaps %s's %s, expected a network of its own", nb.cidr, a, na.cidr)
			}
		}
	}
}

func (r *reader) appliance(p *plan) {
	n := p.nets["provisioning"]
	if n == nil || !n.cidr.IsValid() || !p.appliance.IsValid() {
		return
	}
	own := p.appliance.Addr()
	if p.appliance.Masked() != n.cidr || !usable(n.cidr, own) {
		r.add("address", "is %s, expected a host's address inside the provisioning network with its prefix, %s", p.appliance, n.cidr)
	}
	if n.pooled(own) {
		r.add("networks.provisioning.pool", "holds the appliance's own address %s, expected a range without it", own)
	}
}

func (r *reader) roles(f *file) {
	if f.Release == inventory.ReleaseDebian {
		return // no cloud: any nodes will do
	}
	count := map[string]int{}
	for _, n := range f.Nodes {
		count[n.Role]++
	}
	if r.unfinished {
		if count["controller"] > 1 {
			r.add("nodes", "have %d with role controller, expected at most one", count["controller"])
		}
		return
	}
	good := count["controller"] + count["compute"] + count["network"]
	if len(f.Nodes) == 0 || good < len(f.Nodes) {
		return // told already, and what was meant is unknown
	}
	if count["controller"] != 1 {
		r.add("nodes", "have %d with role controller, expected exactly one", count["controller"])
	}
	for _, role := range []string{"compute", "network"} {
		if count[role] == 0 {
			r.add("nodes", "have none with role %s, expected at least one", role)
		}
	}
}

func (r *reader) nodes(f *file, p *plan) {
	seen := map[string]string{} // kind and value → field that has it
	once := func(kind, value, field string) {
		if value == "" {
			return
		}
		key := kind + " " + value
		if other, ok := seen[key]; ok {
			r.add(field, "is %s, which %s has already, expected one of its own", value, r.place(other))
			return
		}
		seen[key] = field
	}
	for i, n := range f.Nodes {
		field := fmt.Sprintf("nodes[%d]", i)
		once("name", n.Name, field+".name")
		if ip, err := parseIP(n.Address); err == nil {
			once("address", ip.String(), field+".address")
			r.nodeAddress(field+".address", ip, p)
		}
		if n.NICs != nil {
			for _, c := range n.NICs.list() {
				if mac, err := parseMAC(c.MAC); err == nil {
					once("MAC", mac, field+".nics."+string(c.Network))
				}
			}
			if n.Role == "network" && n.NICs.Provider == "" {
				r.add(field+".nics.provider", "is missing%s; a network node carries the provider network", expectation(field+".nics.provider"))
			}
		}
		if n.BMC != nil && n.BMC.Address != "" {
			once("BMC", fmt.Sprintf("%s port %d", n.BMC.Address, n.BMC.port()), field+".bmc.address")
		}
		r.password(field+".bmc.password", n.BMC)
		if n.VolumeDisk != "" && n.VolumeDisk == n.SystemDisk {
			r.add(field+".volume_disk", "is %s, which is the system disk, expected another disk", strconv.Quote(n.VolumeDisk))
		}
	}
}

// place names a field and where it stands.
func (r *reader) place(field string) string {
	if line := r.lines[field]; line > 0 {
		return fmt.Sprintf("%s (line %d)", field, line)
	}
	return field
}

func (r *reader) nodeAddress(field string, ip netip.Addr, p *plan) {
	n := p.nets["provisioning"]
	if n == nil || !n.cidr.IsValid() {
		return
	}
	switch {
	case !usable(n.cidr, ip):
		r.add(field, "is %s, expected a host's address inside the provisioning network %s", ip, n.cidr)
	case p.appliance.IsValid() && ip == p.appliance.Addr():
		r.add(field, "is %s, which is the appliance's own, expected another", ip)
	case ip == n.gateway:
		r.add(field, "is %s, which is the provisioning network's gateway, expected another", ip)
	case n.pooled(ip):
		r.add(field, "is %s, which is in the provisioning pool %s-%s, expected one outside it", ip, n.first, n.last)
	}
}

// password checks without telling it. An empty one means: as sealed before.
func (r *reader) password(field string, b *bmc) {
	if b == nil {
		return
	}
	if n := len(b.Password); b.Kind == "ipmi" && n > maxIPMIPassword {
		r.add(field, "has %d characters, expected at most %d: many BMCs cut a longer one and then refuse it", n, maxIPMIPassword)
	}
	if strings.ContainsFunc(b.Password, func(c rune) bool { return c < ' ' || c > '~' }) {
		r.add(field, "has a character that is not printable ASCII, expected letters, digits and signs")
	}
}
