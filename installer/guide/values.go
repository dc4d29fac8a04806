package guide

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"net/netip"
	"strconv"
	"strings"

	"golang.org/x/crypto/bcrypt"

	"sandai/inventory"
)

// values is the vocabulary of ${…} for one rack and, in the steps of a node,
// that node.
type values struct {
	rack   inventory.Rack
	node   *inventory.Node // nil in a step of the rack
	secret func(name string) (string, error)
}

// NewValues makes the vocabulary. Secrets are asked for only when a step names them.
func NewValues(rack inventory.Rack, node *inventory.Node, secret func(name string) (string, error)) Values {
	return &values{rack, node, secret}
}

// vocabulary is every expression but the ones that name a secret.
var vocabulary = map[string]func(*values) (string, error){
	"node.name":         onNode(func(n *inventory.Node) (string, error) { return n.Name, nil }),
	"node.address":      onNode(func(n *inventory.Node) (string, error) { return need(n.Address, "the node has no address") }),
	"node.cores":        onHardware(func(h *inventory.Hardware) string { return strconv.Itoa(h.Cores) }),
	"node.memory_mb":    onHardware(func(h *inventory.Hardware) string { return strconv.Itoa(h.MemoryMB) }),
	"node.workers":      chosenWorkers,
	"node.virt_type":    onHardware(func(h *inventory.Hardware) string { return pick(h.Virt != "", "kvm", "qemu") }),
	"node.cpu_mode":     onHardware(func(h *inventory.Hardware) string { return pick(h.Virt != "", "host-passthrough", "none") }),
	"node.disk.volumes": onNode(volumeDisk),

	"rack.name":              func(v *values) (string, error) { return v.rack.Name, nil },
	"rack.region":            func(v *values) (string, error) { return need(v.rack.Region, "the rack has no region") },
	"rack.hosts":             func(v *values) (string, error) { return v.hosts(), nil },
	"rack.db_flush":          bySlow("1", "0"),    // innodb_flush_log_at_trx_commit
	"rack.db_doublewrite":    bySlow("ON", "OFF"), // innodb_doublewrite
	"rack.disk_cachemodes":   bySlow("", "file=unsafe,block=none"),
	"rack.volume_clear_size": bySlow("0", "16"), // MiB of a deleted volume that are overwritten, 0 for all
	"rack.password_rounds":   bySlow("12", "4"), // cost of bcrypt; the secrets are random and long
	"controller.address":     (*values).controller,
	"appliance.address":      (*values).appliance,

	"provider.cidr":       onNetwork(inventory.Provider, func(n *inventory.Network) string { return n.CIDR }),
	"provider.gateway":    gateway,
	"provider.pool_start": onNetwork(inventory.Provider, func(n *inventory.Network) string { return n.PoolStart }),
	"provider.pool_end":   onNetwork(inventory.Provider, func(n *inventory.Network) string { return n.PoolEnd }),
	"provider.mtu":        onNetwork(inventory.Provider, mtu),
	"provisioning.cidr":   (*values).provisioning,
	"provisioning.mtu":    underlay,
	"tenant.cidr":         onNetwork(inventory.Tenant, func(n *inventory.Network) string { return n.CIDR }),

	// Seconds. Each is the project's default on a real rack.
	"timeout.rpc":           bySlow("60", "300"), // an RPC call's answer
	"timeout.long_rpc":      bySlow("1800", "1800"),
	"timeout.service_down":  bySlow("60", "180"), // a silent nova or cinder service is down
	"timeout.report":        bySlow("10", "20"),  // between two of their reports
	"timeout.agent_down":    bySlow("75", "180"), // a silent neutron agent is dead
	"timeout.agent_report":  bySlow("30", "30"),
	"timeout.vif":           bySlow("300", "900"), // until a server's port is plugged
	"timeout.block_retries": bySlow("60", "300"),  // looks, not seconds
	"timeout.ovsdb":         bySlow("10", "300"),
	"timeout.of":            bySlow("300", "300"),
	"timeout.of_probe":      bySlow("10", "120"),

	// Seconds between two looks of a service at what it has, beside those that a
	// change makes. On an emulated node one look takes as long as the usual minute.
	"interval.looks": bySlow("60", "600"),
}

func pick(yes bool, a, b string) string {
	if yes {
		return a
	}
	return b
}

func need(s, otherwise string) (string, error) {
	if s == "" {
		return "", errors.New(otherwise)
	}
	return s, nil
}

// bySlow has one value for real racks and one for emulated ones.
func bySlow(normal, slow string) func(*values) (string, error) {
	return func(v *values) (string, error) { return pick(v.rack.Slow, slow, normal), nil }
}

func onNode(f func(*inventory.Node) (string, error)) func(*values) (string, error) {
	return func(v *values) (string, error) {
		if v.node == nil {
			return "", errors.New("a step of the rack has no node")
		}
		s, err := f(v.node)
		if err != nil {
			return "", fmt.Errorf("node %s: %w", v.node.Name, err)
		}
		return s, nil
	}
}

func onHardware(f func(*inventory.Hardware) string) func(*values) (string, error) {
	return onNode(func(n *inventory.Node) (string, error) {
		if n.Hardware == nil {
			return "", errors.New("its hardware is not known yet: inspect it first")
		}
		return f(n.Hardware), nil
	})
}

func onNetwork(k inventory.NetworkKind, f func(*inventory.Network) string) func(*values) (string, error) {
	return func(v *values) (string, error) {
		n := v.rack.Network(k)
		if n == nil {
			return "", fmt.Errorf("the rack has no %s network", k)
		}
		return need(f(n), fmt.Sprintf("the %s network does not say", k))
	}
}

func mtu(n *inventory.Network) string {
	if n.MTU == 0 {
		return "1500"
	}
	return strconv.Itoa(n.MTU)
}

// gateway may be empty: Neutron then takes the first address.
func gateway(v *values) (string, error) {
	if n := v.rack.Network(inventory.Provider); n != nil {
		return n.Gateway, nil
	}
	return "", errors.New("the rack has no provider network")
}

// underlay is the MTU of the provisioning network, which carries the tunnels;
// Neutron takes VXLAN's 50 bytes off by itself.
func underlay(v *values) (string, error) {
	if n := v.rack.Network(inventory.Provisioning); n != nil {
		return mtu(n), nil
	}
	return "1500", nil
}

// workers is how many processes an API gets: one for each 4 cores and 8 GiB,
// whichever is less, from 1 to 8. Each costs 100 to 150 MB and a Python start.
func workers(h *inventory.Hardware) int {
	return max(1, min(h.Cores/4, h.MemoryMB/8000, 8))
}

// chosenWorkers is what a person said, else what the hardware says.
func chosenWorkers(v *values) (string, error) {
	if v.rack.Workers > 0 {
		return strconv.Itoa(v.rack.Workers), nil
	}
	return onHardware(func(h *inventory.Hardware) string { return strconv.Itoa(workers(h)) })(v)
}

// volumeDisk is the serial number or WWN of the disk for volumes.
func volumeDisk(n *inventory.Node) (string, error) {
	return need(n.VolumeDisk, "no disk for volumes: set its volume_disk to a serial number or WWN")
}

func (v *values) controller() (string, error) {
	for _, n := range v.rack.ByRole(inventory.Controller) {
		return need(n.Address, "node "+n.Name+" has no address")
	}
	return "", errors.New("the rack has no controller")
}

func (v *values) appliance() (string, error) {
	p, err := netip.ParsePrefix(v.rack.Address)
	if err != nil {
		return "", fmt.Errorf("the appliance's address: %w", err)
	}
	return p.Addr().String(), nil
}

func (v *values) provisioning() (string, error) {
	p, err := netip.ParsePrefix(v.rack.Address)
	if err != nil {
		return "", fmt.Errorf("the appliance's address: %w", err)
	}
	return p.Masked().String(), nil
}

// hosts is the body of /etc/hosts: the controller is also called "controller",
// the name that every service uses.
func (v *values) hosts() string {
	var b strings.Builder
	b.WriteString("127.0.0.1 localhost\n::1 localhost ip6-localhost ip6-loopback\n")
	if a, err := v.appliance(); err == nil {
		fmt.Fprintf(&b, "%s appliance\n", a)
	}
	for _, n := range v.rack.Nodes {
		if n.Address == "" || n.Role == "" {
			continue
		}
		fmt.Fprintf(&b, "%s %s", n.Address, n.Name)
		if n.Role == inventory.Controller && n.Name != "controller" {
			b.WriteString(" controller")
		}
		b.WriteString("\n")
	}
	return b.String()
}

// secretName returns the secret that an expression names: secret:NAME, its
// bcrypt hash as bcrypt:NAME, or as digest:NAME a short mark that changes with it.
func secretName(expr string) (string, bool) {
	how, name, ok := strings.Cut(expr, ":")
	return name, ok && name != "" && (how == "secret" || how == "bcrypt" || how == "digest")
}

func knownExpr(expr string) bool {
	_, ok := vocabulary[expr]
	_, secret := secretName(expr)
	return ok || secret
}

// Lookup answers one expression.
func (v *values) Lookup(expr string) (value string, secret bool, err error) {
	if f, ok := vocabulary[expr]; ok {
		value, err = f(v)
		return value, false, err
	}
	name, ok := secretName(expr)
	if !ok {
		return "", false, errors.New("unknown expression")
	}
	plain, err := v.secret(name)
	if err != nil {
		return "", false, fmt.Errorf("read secret %s: %w", name, err)
	}
	switch how, _, _ := strings.Cut(expr, ":"); how {
	case "bcrypt":
		cost := 12
		if v.rack.Slow {
			cost = bcrypt.MinCost
		}
		hash, err := bcrypt.GenerateFromPassword([]byte(plain), cost)
		return string(hash), true, err
	case "digest":
		sum := sha256.Sum256([]byte("mark of " + name + " " + plain))
		return hex.EncodeToString(sum[:6]), false, nil
	}
	return plain, true, nil
}
