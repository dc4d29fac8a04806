package lab

import (
	"crypto/ed25519"
	"crypto/rand"
	"encoding/base32"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/goccy/go-yaml"
	"golang.org/x/crypto/ssh"
)

// rackFile is rack.yaml as an appliance reads it.
type rackFile struct {
	Rack      string       `yaml:"rack"`
	Release   string       `yaml:"release"`
	Region    string       `yaml:"region"`
	Interface string       `yaml:"interface"`
	Address   string       `yaml:"address"`
	Slow      bool         `yaml:"slow,omitempty"`
	SSHKeys   []string     `yaml:"ssh_keys"`
	Networks  rackNetworks `yaml:"networks"`
	Nodes     []rackNode   `yaml:"nodes"`
}

type rackNetworks struct {
	Provisioning rackNetwork `yaml:"provisioning,flow"`
	Provider     rackNetwork `yaml:"provider,flow"`
	Tenant       rackNetwork `yaml:"tenant,flow"`
}

type rackNetwork struct {
	CIDR    string `yaml:"cidr"`
	Gateway string `yaml:"gateway,omitempty"`
	Pool    string `yaml:"pool,omitempty"`
	MTU     int    `yaml:"mtu,omitempty"`
}

type rackNode struct {
	Name     string   `yaml:"name"`
	Role     string   `yaml:"role"`
	Firmware string   `yaml:"firmware"`
	Address  string   `yaml:"address"`
	NICs     rackNICs `yaml:"nics,flow"`
	BMC      rackBMC  `yaml:"bmc,flow"`
	System   string   `yaml:"system_disk"`
	Volume   string   `yaml:"volume_disk,omitempty"`
}

type rackNICs struct {
	Provisioning string `yaml:"provisioning"`
	Provider     string `yaml:"provider"`
}

type rackBMC struct {
	Kind     string `yaml:"kind"`
	Address  string `yaml:"address"`
	Port     int    `yaml:"port"`
	User     string `yaml:"user"`
	Password string `yaml:"password"`
}

// renderRack writes the rack as an appliance is told of it.
func renderRack(s *state, sshKey string) ([]byte, error) {
	f := rackFile{
		Rack: s.Rack, Release: "2025.1", Region: "RegionOne", Interface: bridgeManagement, Address: applianceAddress,
		Slow: s.anyQEMU() && !s.KVM, SSHKeys: []string{sshKey},
		Networks: rackNetworks{
			Provisioning: rackNetwork{CIDR: provisioningCIDR, Pool: provisioningPool},
			Provider:     rackNetwork{CIDR: providerCIDR, Gateway: providerGateway, Pool: providerPool, MTU: 1500},
			Tenant:       rackNetwork{CIDR: tenantCIDR},
		},
	}
	for _, m := range s.Machines {
		if m.Newcomer {
			continue
		}
		f.Nodes = append(f.Nodes, rackNode{
			Name: m.Name, Role: m.Role, Firmware: m.Firmware, Address: m.Wiring.Address,
			NICs:   rackNICs{m.Wiring.MACProvisioning, m.Wiring.MACProvider},
			BMC:    rackBMC{m.BMC, m.Wiring.BMC.Addr().String(), int(m.Wiring.BMC.Port()), m.User, m.Password},
			System: m.systemSerial(), Volume: m.volumeSerial(),
		})
	}
	b, err := yaml.Marshal(f)
	if err != nil {
		return nil, fmt.Errorf("write rack.yaml: %w", err)
	}
	return append([]byte("# The virtual rack, written by lab up. It holds the BMCs' passwords.\n"), b...), nil
}

// newPassword is a random BMC password of 16 letters and digits, 80 bits.
func newPassword() string {
	b := make([]byte, 10)
	_, _ = rand.Read(b) // never fails, see crypto/rand
	return strings.ToLower(base32.StdEncoding.EncodeToString(b))
}

// sshKey returns the public key of dir/id_ed25519, which it makes when missing.
func sshKey(dir string) (string, error) {
	path := filepath.Join(dir, "id_ed25519")
	b, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		_, private, err := ed25519.GenerateKey(rand.Reader)
		if err != nil {
			return "", err
		}
		block, err := ssh.MarshalPrivateKey(private, "lab")
		if err != nil {
			return "", err
		}
		b = pem.EncodeToMemory(block)
		if err := os.WriteFile(path, b, 0o600); err != nil {
			return "", fmt.Errorf("write the rack's ssh key: %w", err)
		}
	} else if err != nil {
		return "", fmt.Errorf("read the rack's ssh key: %w", err)
	}
	k, err := ssh.ParsePrivateKey(b)
	if err != nil {
		return "", fmt.Errorf("the ssh key in %s is damaged: %w; remove it and try again", path, err)
	}
	public := strings.TrimSpace(string(ssh.MarshalAuthorizedKey(k.PublicKey()))) + " lab"
	return public, os.WriteFile(path+".pub", []byte(public+"\n"), 0o644)
}
