package ramdisk

import (
	"crypto/ed25519"
	"crypto/rand"
	"encoding/hex"
	"encoding/pem"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strings"

	"golang.org/x/crypto/ssh"
)

const unitText = `[Unit]
Description=Sandai agent: carries out the steps of the install guide
Documentation=file:///etc/sandai/agent.json
After=systemd-networkd.service
StartLimitIntervalSec=0

[Service]
ExecStart=/usr/lib/sandai/agent serve
Restart=always
RestartSec=2
KillMode=process
OOMScoreAdjust=-900

[Install]
WantedBy=multi-user.target
`

// identityFiles are the files that make an image one certain node. Keys and the
// machine's id are made anew at each call.
func identityFiles(s seedSpec) ([]file, error) {
	if s.Hostname == "" || s.Node == "" || s.InstallNonce == "" || len(s.Networks) == 0 {
		return nil, errors.New("seed wants node, hostname, networks and install_nonce: appliance and ramdisk are of different versions")
	}
	secret := make([]byte, 16+512)
	if _, err := rand.Read(secret); err != nil {
		return nil, err
	}
	private, public, err := hostKey(s.Hostname)
	if err != nil {
		return nil, err
	}
	out := []file{
		{path: "etc/hostname", text: s.Hostname + "\n", mode: 0o644},
		{path: "etc/hosts", text: hosts(s), mode: 0o644},
		{path: "etc/machine-id", text: hex.EncodeToString(secret[:16]) + "\n", mode: 0o444},
		{path: "var/lib/systemd/random-seed", text: string(secret[16:]), mode: 0o600},
		{path: "etc/ssh/ssh_host_ed25519_key.pub", text: public, mode: 0o644},
		{path: "root/.ssh/authorized_keys", text: lines(s.SSHKeys), mode: 0o600},
		{path: "etc/systemd/system/sandai-agent.service", text: unitText, mode: 0o644},
		{path: "etc/systemd/system/multi-user.target.wants/sandai-agent.service", target: "/etc/systemd/system/sandai-agent.service"},
		{path: "etc/ssh/ssh_host_ed25519_key", text: private, mode: 0o600},
	}
	for _, n := range s.Networks {
		f, err := networkFiles(n)
		if err != nil {
			return nil, err
		}
		out = append(out, f...)
	}
	return out, nil
}

// networkFiles name one NIC by its MAC and configure it (systemd.link(5),
// systemd.network(5)). Kind=!* leaves alone the virtual interfaces that Open
// vSwitch gives the same MAC; KeepMaster leaves a NIC in the bridge it was put into.
func networkFiles(n network) ([]file, error) {
	mac, err := net.ParseMAC(n.MAC)
	if err != nil || n.Name == "" {
		return nil, fmt.Errorf("seed: network %q has no usable MAC %q: mend the node's nics in the inventory", n.Name, n.MAC)
	}
	link := fmt.Sprintf("[Match]\nMACAddress=%s\nType=ether\nKind=!*\n\n[Link]\nName=%s\n", mac, n.Name)
	var b strings.Builder
	fmt.Fprintf(&b, "[Match]\nName=%s\n\n[Link]\nRequiredForOnline=%s\n\n[Network]\nLinkLocalAddressing=no\nIPv6AcceptRA=no\nLLDP=no\nKeepMaster=yes\n",
		n.Name, yes(n.Address != ""))
	if n.Address != "" {
		p, err := netip.ParsePrefix(n.Address)
		if err != nil {
			return nil, fmt.Errorf("seed: address of %s: %w", n.Name, err)
		}
		fmt.Fprintf(&b, "Address=%s\n", p)
	}
	if n.Gateway != "" {
		fmt.Fprintf(&b, "Gateway=%s\n", n.Gateway)
	}
	return []file{
		{path: "etc/systemd/network/10-" + n.Name + ".link", text: link, mode: 0o644},
		{path: "etc/systemd/network/10-" + n.Name + ".network", text: b.String(), mode: 0o644},
	}, nil
}

func yes(b bool) string {
	if b {
		return "yes"
	}
	return "no"
}

// hosts completes what the rack says by this machine itself.
func hosts(s seedSpec) string {
	text := strings.TrimSpace(s.Hosts)
	if !strings.Contains(text, "localhost") {
		text = "127.0.0.1 localhost\n::1 localhost ip6-localhost ip6-loopback\n" + text
	}
	if !strings.Contains(text, s.Hostname) {
		for _, n := range s.Networks {
			if p, err := netip.ParsePrefix(n.Address); err == nil {
				text = strings.TrimSpace(text) + fmt.Sprintf("\n%s %s", p.Addr(), s.Hostname)
				break
			}
		}
	}
	return strings.TrimSpace(text) + "\n"
}

func lines(l []string) string {
	var b strings.Builder
	for _, s := range l {
		b.WriteString(strings.TrimSpace(s) + "\n")
	}
	return b.String()
}

// hostKey makes the node's SSH host key in OpenSSH's formats.
func hostKey(comment string) (private, public string, err error) {
	pub, key, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return "", "", err
	}
	block, err := ssh.MarshalPrivateKey(key, "root@"+comment)
	if err != nil {
		return "", "", fmt.Errorf("make the node's SSH host key: %w", err)
	}
	sshPub, err := ssh.NewPublicKey(pub)
	if err != nil {
		return "", "", err
	}
	line := strings.TrimSpace(string(ssh.MarshalAuthorizedKey(sshPub))) + " root@" + comment + "\n"
	return string(pem.EncodeToMemory(block)), line, nil
}

// cloudInit tells a cloud-init in the image to leave alone what is seeded here.
func cloudInit(s seedSpec) []file {
	return []file{
		{path: "var/lib/cloud/seed/nocloud/meta-data", text: fmt.Sprintf("instance-id: %s\nlocal-hostname: %s\n", s.Node, s.Hostname), mode: 0o644},
		{path: "var/lib/cloud/seed/nocloud/user-data", text: "#cloud-config\nssh_deletekeys: false\nmanage_etc_hosts: false\n", mode: 0o644},
		{path: "etc/cloud/cloud.cfg.d/99-sandai.cfg", text: "network: {config: disabled}\npreserve_hostname: true\n", mode: 0o644},
	}
}
