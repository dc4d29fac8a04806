package e2e

import (
	"strings"
	"testing"

	"sandai/inventory"
)

// TestRackFromNothing makes a rack in the browser as a person does who has only
// cables and power: the interface, the addresses, the newcomers as they appear,
// their roles, and the install.
func TestRackFromNothing(t *testing.T) {
	s := &story{rig: newStandIns(t, 3)}
	s.serve()
	b := newBrowser(t, s.rack.URL())
	for _, part := range []struct {
		name string
		f    func(*browser)
	}{
		{"rack", s.makeRack},
		{"newcomers", s.meetNewcomers},
		{"roles", s.giveRoles},
		{"install", s.installAll},
	} {
		if !s.part(t, b, part.name, part.f) {
			return
		}
	}
}

func (s *story) makeRack(b *browser) {
	b.firstUser(s.rig)
	b.follow("a.button", "Add the rack", "/first")
	b.accessible("the interfaces")
	b.follow("a.button", "Use br-mgmt", ".*interface=br-mgmt")
	b.has("tr.chosen", "none answers") // no other DHCP server, and it was looked for by itself
	b.until("the interface's own address is proposed", `document.querySelector("#f-address").value === "10.77.0.1/24"`)
	b.accessible("the form that makes a rack")

	b.excuse(`422.*/first`)
	b.fill("#f-rack", s.rack.Name())
	b.choose("#f-release", inventory.ReleaseDebian)
	b.fill("#f-provider_cidr", "203.0.113.0/33")
	b.fill("#f-provider_pool", "203.0.113.100-203.0.113.199")
	b.click("#first-form button.primary", "")
	b.has("#e-provider_cidr", "203.0.113.0/33")
	b.until("what was typed is still there", `document.querySelector("#f-rack").value === "`+s.rack.Name()+`"`)
	b.accessible("the form with a mistake")

	b.fill("#f-provider_cidr", "203.0.113.0/24")
	b.follow("#first-form button.primary", "", s.url())
}

// meetNewcomers: they appear by themselves as they ask for an address, and are
// looked at without anything being written to them.
func (s *story) meetNewcomers(b *browser) {
	b.until("three newcomers appear", `document.querySelectorAll("[data-newcomers] li").length === 3`)
	b.until("each was inspected", `[...document.querySelectorAll("[data-newcomers] li")].every((e) => e.textContent.includes("4 cores"))`)
	b.accessible("a rack of newcomers")
	for _, n := range s.rackState().Nodes {
		if n.State != inventory.Inspected || n.Hardware == nil || n.Role != "" {
			b.Errorf("%s is %s with the role %q", n.Name, n.State, n.Role)
		}
	}
}

// giveRoles gives each newcomer a role and its BMC's password.
func (s *story) giveRoles(b *browser) {
	for i, role := range []inventory.Role{inventory.Controller, inventory.NetworkRole, inventory.Compute} {
		name := string(role) + "-1"
		n := s.newcomers()[0]
		// What is written on the server's lid, a person reads off its disk here.
		machine := strings.TrimPrefix(n.Hardware.Disks[0].Serial, "SYS-")
		addr, user, password, err := s.rack.BMC(machine)
		if err != nil {
			b.Fatal(err)
		}
		b.open(s.url())
		b.choose(`[data-newcomers] li[data-node="`+n.Name+`"] select`, string(role))
		b.follow(`[data-newcomers] li[data-node="`+n.Name+`"] button`, "", ".*/role\\?role="+string(role))
		b.until("a name is proposed", `document.querySelector("#f-name").value === "`+name+`"`)
		if i == 0 {
			b.accessible("the form that gives a role")
		}
		host, _, _ := strings.Cut(addr, ":")
		b.fill("#f-bmc_address", host)
		b.fill("#f-bmc_user", user)
		b.fill("#f-bmc_password", password)
		if role == inventory.NetworkRole {
			b.choose("#f-provider_mac", providerNIC(n))
		}
		if there, _ := eval[bool](b, `!!document.querySelector("#f-anyway")`); there {
			b.click("#f-anyway", "")
		}
		b.follow("#role-form button.primary", "", s.url()+".*")
		b.has("[data-units] li", name)
	}
}

// newcomers are the nodes without a role.
func (s *story) newcomers() (out []inventory.Node) {
	for _, n := range s.rackState().Nodes {
		if n.Role == "" {
			out = append(out, n)
		}
	}
	return out
}

// providerNIC is the MAC of the NIC that is not on the provisioning network.
func providerNIC(n inventory.Node) string {
	for _, nic := range n.Hardware.NICs {
		if nic.MAC != n.MAC(inventory.Provisioning) {
			return nic.MAC
		}
	}
	return ""
}

// installAll confirms the preview and watches until every server is active.
func (s *story) installAll(b *browser) {
	b.open(s.url())
	b.follow("a.button", "Install rack", s.url()+"/preview")
	b.has(".lost article", "SYS-newcomer-1")
	b.accessible("the preview of a new rack")
	b.fill("#confirm-name", s.rack.Name())
	b.follow("#confirm-form button.danger", "", s.url()+".*")
	b.has(".status", "Installing")
	s.runEnds()
	b.has(".status", "Installed")
	b.open(s.url())
	for _, n := range []string{"controller-1", "network-1", "compute-1"} {
		b.has(`[data-units] li[data-node="`+n+`"]`, "active")
	}
	s.noSecrets()
}
