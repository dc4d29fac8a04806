package agent

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// Config is /etc/sandai/agent.json: what the seed step tells the installed agent.
type Config struct {
	URL          string `json:"url"` // of the agent API
	Node         string `json:"node"`
	InstallNonce string `json:"install_nonce"`
}

// Files of the installed agent, below its configuration directory.
const (
	ConfigFile = "agent.json"
	CAFile     = "ca.pem"
	CertFile   = "cert.pem"
	KeyFile    = "key.pem"
)

// WriteConfig writes the configuration and the identity into a directory, all
// but the public certificates readable by root alone.
func WriteConfig(dir string, c Config, id Identity) error {
	b, err := json.MarshalIndent(c, "", "  ")
	if err != nil {
		return err
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return fmt.Errorf("write the agent's configuration: %w", err)
	}
	for _, f := range []struct {
		name string
		data []byte
		mode os.FileMode
	}{{ConfigFile, append(b, '\n'), 0o600}, {CAFile, id.CA, 0o644}, {CertFile, id.Cert, 0o644}, {KeyFile, id.Key, 0o600}} {
		path := filepath.Join(dir, f.name)
		if err := os.WriteFile(path, f.data, f.mode); err != nil {
			return fmt.Errorf("write the agent's configuration: %w", err)
		}
		if err := os.Chmod(path, f.mode); err != nil { // one that was there kept its mode
			return fmt.Errorf("write the agent's configuration: %w", err)
		}
	}
	return nil
}

// ReadConfig reads what WriteConfig wrote.
func ReadConfig(dir string) (Config, Identity, error) {
	var c Config
	var id Identity
	b, err := os.ReadFile(filepath.Join(dir, ConfigFile))
	if err != nil {
		return c, id, fmt.Errorf("read the agent's configuration: %w; the seed step of an install writes it", err)
	}
	if err := json.Unmarshal(b, &c); err != nil {
		return c, id, fmt.Errorf("read the agent's configuration %s: %w", ConfigFile, err)
	}
	for name, to := range map[string]*[]byte{CAFile: &id.CA, CertFile: &id.Cert, KeyFile: &id.Key} {
		if *to, err = os.ReadFile(filepath.Join(dir, name)); err != nil {
			return c, id, fmt.Errorf("read the agent's configuration: %w; the seed step of an install writes it", err)
		}
	}
	return c, id, nil
}

// BootID returns the kernel's name for this boot.
func BootID() (string, error) {
	b, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
	if err != nil {
		return "", fmt.Errorf("read the boot id: %w", err)
	}
	return strings.TrimSpace(string(b)), nil
}
