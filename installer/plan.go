package installer

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/netip"
	"strings"

	"sandai/inventory"
)

// The phases of a node before the guide, in order. Each is one step whose
// chapter is the phase and whose key is "<node>/<phase>/<phase>".
const (
	phasePower    = "power"
	phaseFirmware = "firmware"
	phaseDHCP     = "dhcp"
	phaseLoader   = "loader"
	phaseKernel   = "kernel"
	phaseAgent    = "agent"
	phaseInspect  = "inspect"
	phaseWipe     = "wipe"
	phaseWrite    = "write"
	phaseSeed     = "seed"
	phaseHandover = "handover"
	phaseBoot     = "boot"
	phaseOff      = "off" // only of an inspection
)

const kindSignal = "signal"

// phase describes one phase. Seconds are those for real servers, which may take
// half an hour of power-on self-test; a slow rack gets three times as much.
type phase struct {
	name    string
	owner   inventory.Owner
	seconds int
	title   string
	why     string
}

var phases = []phase{
	{phasePower, inventory.OwnerAppliance, 180, "Set the boot device to network and power on", "The BMC is asked over IPMI; power is read back."},
	{phaseFirmware, inventory.OwnerSignal, 2400, "Firmware starts and asks for an address", "Ends with the first DHCP frame; servers test themselves for 3 to 30 minutes."},
	{phaseDHCP, inventory.OwnerSignal, 300, "The address is agreed", "DHCP, RFC 2131."},
	{phaseLoader, inventory.OwnerSignal, 300, "The boot loader fetches its script", "iPXE asks for the boot decision over HTTP."},
	{phaseKernel, inventory.OwnerSignal, 600, "Kernel and ramdisk are fetched", "Ends with the last byte of the ramdisk."},
	{phaseAgent, inventory.OwnerSignal, 600, "The ramdisk starts and its agent proves who it is", "The boot nonce is exchanged for a client certificate."},
	{phaseInspect, inventory.OwnerAgent, 120, "Inspect the hardware", "CPU, memory, disks and what is on them, NICs."},
	{phaseWipe, inventory.OwnerAgent, 300, "Wipe the system disk, and the one for volumes", "Refused when a disk is not blank and nobody confirmed, or is not as it was confirmed."},
	{phaseWrite, inventory.OwnerAgent, 1800, "Write the role's image", "Streamed to the disk, checked by SHA-256 on the way."},
	{phaseSeed, inventory.OwnerAgent, 300, "Write the node's identity", "Host name, network, keys, the agent and its certificate."},
	{phaseHandover, inventory.OwnerAgent, 120, "Hand over to the installed kernel", "kexec, or a reboot where kexec fails."},
	{phaseBoot, inventory.OwnerSignal, 1800, "The installed system starts and reports", "Success is a nonce read back from the installed system."},
}

func phaseKey(node, p string) string { return node + "/" + p + "/" + p }

func isPhase(chapter string) bool {
	for _, p := range phases {
		if p.name == chapter {
			return true
		}
	}
	return false
}

// inRamdisk reports whether an agent step of a chapter runs in the ramdisk.
func inRamdisk(chapter string) bool { return isPhase(chapter) || chapter == chapterRescue }

// deploySteps returns the phases of one node. It is pure.
func deploySteps(r inventory.Rack, n inventory.Node, img inventory.Image, imagesURL string) ([]inventory.Step, error) {
	specs, err := phaseSpecs(r, n, img, imagesURL)
	if err != nil {
		return nil, err
	}
	var out []inventory.Step
	prev := ""
	for _, p := range phases {
		s := phaseStep(r, n, p)
		if prev != "" {
			s.Needs = []string{prev}
		}
		if spec, ok := specs[p.name]; ok {
			if s.Spec, err = json.Marshal(spec); err != nil {
				return nil, err
			}
		}
		out = append(out, s)
		prev = s.Key
	}
	return out, nil
}

// phasesBefore are a node's phases up to the one that is named, without it.
func phasesBefore(r inventory.Rack, n inventory.Node, name string) (out []inventory.Step) {
	for _, p := range phases {
		if p.name == name {
			break
		}
		out = append(out, phaseStep(r, n, p))
	}
	return out
}

// inOrder has each step need the one before it.
func inOrder(steps []inventory.Step) []inventory.Step {
	for i := 1; i < len(steps); i++ {
		steps[i].Needs = []string{steps[i-1].Key}
	}
	return steps
}

func phaseStep(r inventory.Rack, n inventory.Node, p phase) inventory.Step {
	s := inventory.Step{
		Key: phaseKey(n.Name, p.name), Node: n.Name, Chapter: p.name,
		Title: p.title, Why: p.why, Kind: p.name, Owner: p.owner,
		Timeout: p.seconds, State: inventory.StepPending,
	}
	if p.owner == inventory.OwnerSignal {
		s.Kind = kindSignal
	}
	if r.Slow {
		s.Timeout *= 3
	}
	return s
}

func phaseSpecs(r inventory.Rack, n inventory.Node, img inventory.Image, imagesURL string) (map[string]any, error) {
	prov := r.Network(inventory.Provisioning)
	if prov == nil {
		return nil, inventory.Errorf(inventory.Invalid, "rack %s has no provisioning network: add one to rack.yaml", r.Name)
	}
	prefix, err := netip.ParsePrefix(prov.CIDR)
	if err != nil {
		return nil, inventory.Errorf(inventory.Invalid, "provisioning network of rack %s: %w", r.Name, err)
	}
	nets := []map[string]string{{
		"name": "mgmt0", "mac": n.MAC(inventory.Provisioning),
		"address": fmt.Sprintf("%s/%d", n.Address, prefix.Bits()), "gateway": prov.Gateway,
	}}
	if mac := n.MAC(inventory.Provider); mac != "" {
		nets = append(nets, map[string]string{"name": "provider0", "mac": mac})
	}
	wipe := map[string]any{"disk": n.SystemDisk, "erase": false, "run": r.Name}
	if v := r.Volumes(n); v != "" {
		wipe["volumes"] = v
	}
	return map[string]any{
		phaseInspect: map[string]any{},
		phaseWipe:    wipe,
		phaseWrite: map[string]any{"disk": n.SystemDisk, "run": r.Name, "url": imagesURL + "/images/" + img.Digest, "image": map[string]any{
			"name": img.Name, "digest": img.Digest, "raw_digest": img.RawDigest, "raw_size": img.RawSize, "size": img.Size, "compression": img.Compression}},
		phaseSeed: map[string]any{
			"disk": n.SystemDisk, "node": n.Name, "hostname": n.Name, "hosts": "${rack.hosts}", "networks": nets, "ssh_keys": r.SSHKeys,
			"install_nonce": "${secret:" + nonceSecret(n.Name) + "}",
		},
		phaseHandover: map[string]any{"disk": n.SystemDisk},
	}, nil
}

// nonceSecret names the secret that only the freshly installed system knows.
func nonceSecret(node string) string { return "install_nonce/" + node }

// planText renders a plan for people and for its hash. What a person sets and steps
// name by ${…} only is in its head. Image digests are left out: a rebuilt image alone
// is no reason to call an installed rack outdated.
func planText(r inventory.Rack, steps []inventory.Step) (text, hash string) {
	var b strings.Builder
	fmt.Fprintf(&b, "rack %s, OpenStack %s, region %s\n", r.Name, r.Release, r.Region)
	for _, n := range r.Networks {
		fmt.Fprintf(&b, "network %s: %s, gateway %q, pool %s-%s, MTU %d\n", n.Kind, n.CIDR, n.Gateway, n.PoolStart, n.PoolEnd, n.MTU)
	}
	if r.Workers > 0 {
		fmt.Fprintf(&b, "workers %d\n", r.Workers)
	}
	for _, n := range r.Nodes {
		if n.Role == "" {
			continue // a newcomer that the plan does not touch
		}
		fmt.Fprintf(&b, "node %s: %s, %s, disk %q, volumes %q\n", n.Name, n.Role, n.Address, n.SystemDisk, n.VolumeDisk)
	}
	for _, s := range steps {
		fmt.Fprintf(&b, "%3d %-48s %-9s %-9s", s.Seq, s.Key, s.Kind, s.Owner)
		if len(s.Needs) > 0 {
			fmt.Fprintf(&b, " needs %s", strings.Join(s.Needs, ", "))
		}
		b.WriteByte('\n')
	}
	h := sha256.New()
	h.Write([]byte(b.String()))
	for _, s := range steps {
		if s.Chapter != phaseWrite {
			fmt.Fprintf(h, "%s\n", s.Spec)
		}
	}
	return b.String(), hex.EncodeToString(h.Sum(nil))
}
