package pxe

import (
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/vishvananda/netlink"

	"sandai/inventory"
)

// TestInterfaces: a card with a link, one that is down, and a bridge's port.
func TestInterfaces(t *testing.T) {
	if !isolated(t) {
		return
	}
	neighbour(t)
	address(t, "prov0", "10.77.0.1/24")
	la := netlink.NewLinkAttrs()
	la.Name = "br0"
	bridge := &netlink.Bridge{LinkAttrs: la}
	try(t, netlink.LinkAdd(bridge))
	la.Name, la.MasterIndex = "port0", bridge.Attrs().Index
	try(t, netlink.LinkAdd(&netlink.Veth{LinkAttrs: la, PeerName: "port1"}))
	got, err := Interfaces()
	try(t, err)
	for i := range got {
		if !strings.Contains(got[i].MAC, ":") {
			t.Errorf("%s has no MAC", got[i].Name)
		}
		got[i].MAC, got[i].Mbps = "", 0 // a veth says 10000
	}
	want := []inventory.HostInterface{
		{Name: "prov0", Kind: "veth", Up: true, Link: true, Addresses: []string{"10.77.0.1/24"}},
		{Name: "br0", Kind: "bridge"}, {Name: "port0", Kind: "veth", Master: "br0"}, {Name: "port1", Kind: "veth"},
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
}

func TestEnsureAddress(t *testing.T) {
	if !isolated(t) {
		return
	}
	la := netlink.NewLinkAttrs()
	la.Name = "down0"
	try(t, netlink.LinkAdd(&netlink.Bridge{LinkAttrs: la}))
	want := netip.MustParsePrefix("10.77.0.1/24")
	for i, added := range []bool{true, false} {
		if got, err := EnsureAddress("down0", want); err != nil || got != added {
			t.Fatalf("time %d: %v, %v", i+1, got, err)
		}
	}
	try(t, checkInterface("down0", want))
	all, err := Interfaces()
	try(t, err)
	if !slices.Equal(all[0].Addresses, []string{"10.77.0.1/24"}) {
		t.Errorf("addresses %v", all[0].Addresses)
	}
	la.Name = "other0"
	try(t, netlink.LinkAdd(&netlink.Bridge{LinkAttrs: la}))
	if _, err := EnsureAddress("other0", want); err == nil || !strings.Contains(err.Error(), "is the address of interface down0 already") {
		t.Errorf("another's address: %v", err)
	}
	if _, err := EnsureAddress("nosuch0", want); err == nil || !strings.Contains(err.Error(), "no network interface nosuch0") {
		t.Errorf("no interface: %v", err)
	}
}
