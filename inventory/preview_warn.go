package inventory

import (
	"fmt"
	"slices"
	"strings"
)

// slowLink is the speed in Mb/s below which writing images over a link takes
// many times as long as it need.
const slowLink = 1000

// warnings says what a person should know of one node before confirming.
func (in *PreviewInput) warnings(n Node, disks []PreviewDisk) []Warning {
	var out []Warning
	warn := func(code string, stops bool, format string, a ...any) {
		out = append(out, Warning{Code: code, Node: n.Name, Stops: stops, Text: n.Name + " " + fmt.Sprintf(format, a...)})
	}
	if n.Role == "" {
		warn("newcomer", false, "has no role and is left alone")
		return out
	}
	if n.BMC == nil && (in.Release == nil || !in.Release.Dead) {
		warn("no-bmc", true, "has no BMC in the inventory, so it cannot be powered on: give it one")
	}
	if n.HandsOff != nil {
		warn("hands-off", true, "is not to be touched (hands off): let it go first")
	}
	if n.State == Maintenance {
		warn("rescue", true, "is in rescue: end that first")
	}
	if n.Hardware == nil {
		warn("never-inspected", false, "was never inspected: what is on its disks is not known; a disk that is not blank stops the install unless it is confirmed")
	}
	for _, d := range disks {
		in.warnDisk(n, d, warn)
	}
	if n.Hardware == nil {
		return out
	}
	if in.Release != nil {
		return out // whether it does for its role is no question any more
	}
	image := int64(0)
	if in.ImageSize != nil {
		image = in.ImageSize(n)
	}
	for _, m := range Fit(n.Role, n.Hardware, in.Rack, image) {
		warn("misfit", false, "may not do as %s: %s", n.Role, m.Text)
	}
	if n.Hardware.BootMode != "" && string(n.Firmware) != n.Hardware.BootMode {
		warn("firmware", false, "is in the inventory with %s firmware and booted by %s: correct the one or the other", n.Firmware, n.Hardware.BootMode)
	}
	in.warnLinks(n, warn)
	return out
}

func (in *PreviewInput) warnDisk(n Node, d PreviewDisk, warn func(string, bool, string, ...any)) {
	name := d.Name
	if s := d.Selector(); s != "" {
		name = strings.TrimSpace(name + " (" + s + ")")
	}
	switch {
	case d.Fate != Erased:
	case !d.Known && n.Hardware != nil && d.Serial == "":
		warn("disk", true, "has %d disks, and nobody said which gets the system: choose one by its serial number or WWN", len(n.Hardware.Disks))
	case !d.Known && n.Hardware != nil:
		warn("disk", true, "shows no disk, or several, with the serial number or WWN %q that is chosen for %s", d.Serial, d.Use)
	case len(d.Contents) > 0:
		warn("not-blank", false, "loses what is on %s: %s", name, strings.Join(d.Contents, "; "))
	}
}

func (in *PreviewInput) warnLinks(n Node, warn func(string, bool, string, ...any)) {
	for _, want := range n.NICs {
		if in.Rack.Release == ReleaseDebian && want.Network != Provisioning || n.Role != NetworkRole && want.Network == Provider {
			continue // nothing is sent there
		}
		found := false
		for _, c := range n.Hardware.NICs {
			if c.MAC != want.MAC {
				continue
			}
			found = true
			switch {
			case !c.Link:
				warn("no-link", false, "had no link on %s, its NIC on the %s network", c.MAC, want.Network)
			case c.Mbps > 0 && c.Mbps < slowLink:
				warn("slow-link", false, "has a link of %d Mb/s on the %s network: look at the cable and the switch port", c.Mbps, want.Network)
			}
		}
		if !found {
			warn("no-nic", want.Network != Provisioning, "shows no NIC %s, which the inventory has on the %s network", want.MAC, want.Network)
		}
	}
}

// serverWarnings says what a reinstall or a release does to the servers on the node, and to
// those that reach the world through it.
func (in *PreviewInput) serverWarnings() []Warning {
	var out []Warning
	if in.Rack.Release != ReleaseDebian && slices.ContainsFunc(in.Rack.ByRole(NetworkRole), func(n Node) bool { return n.Name == in.Only }) {
		text := "routers, floating IPs and DHCP that " + in.Only + " serves stop until it is back; no other network node can take them over"
		if there := in.Rack.Stay(in.Only, NetworkRole); len(there) > 0 {
			text = "routers, floating IPs and DHCP that " + in.Only + " serves go to " + strings.Join(there, ", ") + " first and stay there; traffic through them stops for some seconds"
		}
		out = append(out, Warning{Code: "traffic", Node: in.Only, Text: text})
	}
	if isOnly := func(n Node) bool { return n.Name == in.Only }; in.Rack.Release != ReleaseDebian && slices.ContainsFunc(in.Rack.ByRole(Controller), isOnly) {
		out = append(out, Warning{Code: "apis", Node: in.Only, Text: "the cloud's APIs and dashboard do not answer until " + in.Only + " is back; servers go on running, but for their volumes, which cannot be reached meanwhile"},
			Warning{Code: "saved", Node: in.Only, Text: "databases and images are kept on the appliance meanwhile, encrypted; anything else that somebody put on the system disk of " + in.Only + " is lost"})
	}
	taken := func(s HostedServer) bool { return s.Fate == ServerMoved || s.Fate == ServerRemade }
	if in.Release != nil && in.Release.Dead && slices.ContainsFunc(in.Servers, taken) {
		out = append(out, Warning{Code: "fence", Node: in.Only, Text: "other nodes take its servers over, and nobody switches " + in.Only + " off first: if a server still runs on it, two would write to one volume, so pull its plug"})
	}
	for _, s := range in.Servers {
		if s.Fate != ServerKept {
			out = append(out, Warning{Code: "server", Node: in.Only, Stops: s.Fate == ServerBlocks, Text: fmt.Sprintf("server %s (%s): %s", s.Name, s.ID, s.Reason)})
		}
	}
	return out
}
