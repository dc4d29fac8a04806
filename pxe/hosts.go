package pxe

import (
	"net"
	"net/netip"
	"sync"

	"sandai/inventory"
)

// hosts remembers which machine has which address, as told over DHCP, so that
// TFTP and HTTP requests, which carry no MAC, can be mapped to a machine. It is
// a memory, not a record: after a restart it fills again with the next lease.
type hosts struct {
	mu     sync.Mutex
	byAddr map[netip.Addr]inventory.Machine
	byMAC  map[string]netip.Addr
}

// put notes a machine's address. A machine without an architecture (an
// operating system's DHCP client) keeps what its firmware said.
func (h *hosts) put(addr netip.Addr, m inventory.Machine, firmware bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.byAddr == nil || len(h.byAddr) >= maxRemembered {
		h.byAddr, h.byMAC = map[netip.Addr]inventory.Machine{}, map[string]netip.Addr{}
	}
	old, known := h.byMAC[m.MAC]
	if known {
		if !firmware {
			m = h.byAddr[old]
		}
		delete(h.byAddr, old)
	}
	if other, taken := h.byAddr[addr]; taken {
		delete(h.byMAC, other.MAC)
	}
	h.byAddr[addr], h.byMAC[m.MAC] = m, addr
}

// at returns the machine that was given an address.
func (h *hosts) at(addr netip.Addr) (inventory.Machine, bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	m, ok := h.byAddr[addr]
	return m, ok
}

// of returns what is known of a MAC; only the MAC when nothing is.
func (h *hosts) of(mac string) inventory.Machine {
	h.mu.Lock()
	defer h.mu.Unlock()
	if addr, ok := h.byMAC[mac]; ok {
		return h.byAddr[addr]
	}
	return inventory.Machine{MAC: mac}
}

// parseMAC returns an Ethernet address in lower case with colons. Multicast and
// zero addresses belong to no machine.
func parseMAC(text string) (string, bool) {
	hw, err := net.ParseMAC(text)
	if err != nil || !validMAC(hw) {
		return "", false
	}
	return hw.String(), true
}

func validMAC(hw net.HardwareAddr) bool {
	return len(hw) == 6 && hw[0]&1 == 0 && hw.String() != "00:00:00:00:00:00"
}
