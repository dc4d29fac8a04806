package ramdisk

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"sandai/installer/agent"
)

// seedSpec is what makes the written image this one node.
type seedSpec struct {
	Disk         string    `json:"disk"`
	Node         string    `json:"node"`
	Hostname     string    `json:"hostname"`
	Hosts        string    `json:"hosts"` // lines for /etc/hosts
	Networks     []network `json:"networks"`
	SSHKeys      []string  `json:"ssh_keys"` // authorized_keys lines for root
	InstallNonce string    `json:"install_nonce"`
	URL          string    `json:"url"` // of the agent API; "" is the one of this boot
	CA           string    `json:"ca"`  // PEM; "" is the one of this ramdisk
}

// network is one NIC of the node under the name that it shall have.
type network struct {
	Name    string `json:"name"`
	MAC     string `json:"mac"`
	Address string `json:"address"` // "10.77.0.11/24", "" for a NIC without one
	Gateway string `json:"gateway"`
}

// agentPath is where the installed system finds this very program, so that an
// image does not depend on the agent's build.
const agentPath = "usr/lib/sandai/agent"

func (d *deployer) seed(ctx context.Context, s seedSpec, label string) (out agent.Outcome) {
	out.Changed, out.Command = true, "seed "+s.Node
	files, err := identityFiles(s)
	if err != nil {
		return agent.Outcome{Err: err}
	}
	out.Err = d.onRoot(ctx, s.Disk, label, 0, func(root *os.Root) error {
		if _, err := root.Stat("usr/bin/cloud-init"); err == nil {
			files = append(files, cloudInit(s)...)
		}
		for _, f := range files {
			if err := put(root, f); err != nil {
				return err
			}
			out.Stdout += "/" + f.path + "\n"
		}
		if err := putSelf(root); err != nil {
			return err
		}
		conf := agent.Config{URL: first(s.URL, d.url), Node: s.Node, InstallNonce: s.InstallNonce}
		id := d.id
		if s.CA != "" {
			id.CA = []byte(s.CA)
		}
		return putConfig(root, conf, id)
	})
	if out.Err == nil {
		// What the inventory knows of the disk is no longer so.
		if h, _, err := d.look(ctx); err != nil {
			d.log.Warn("the disks could not be looked at again", "err", err)
		} else {
			out.Hardware = h
		}
	}
	return out
}

// file is a file of the installed system; a link has a target and no text.
type file struct {
	path   string // without the leading slash
	text   string
	mode   os.FileMode
	target string
}

// put writes a file whole, in place of what is there: never through a symbolic
// link that the image may have.
func put(root *os.Root, f file) error {
	dirMode := os.FileMode(0o755)
	if f.mode == 0o600 {
		dirMode = 0o700
	}
	if err := root.MkdirAll(filepath.Dir(f.path), dirMode); err != nil {
		return fmt.Errorf("write /%s: %w", f.path, err)
	}
	if err := root.Remove(f.path); err != nil && !os.IsNotExist(err) {
		return fmt.Errorf("replace /%s: %w", f.path, err)
	}
	if f.target != "" {
		if err := root.Symlink(f.target, f.path); err != nil {
			return fmt.Errorf("link /%s: %w", f.path, err)
		}
		return nil
	}
	if err := root.WriteFile(f.path, []byte(f.text), f.mode); err != nil {
		return fmt.Errorf("write /%s: %w", f.path, err)
	}
	return root.Chmod(f.path, f.mode)
}

// putSelf copies this program.
func putSelf(root *os.Root) error {
	self, err := os.Open("/proc/self/exe")
	if err != nil {
		return err
	}
	defer self.Close()
	if err := put(root, file{path: agentPath, mode: 0o755}); err != nil {
		return err
	}
	to, err := root.OpenFile(agentPath, os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	defer to.Close()
	if _, err := io.Copy(to, self); err != nil {
		return fmt.Errorf("copy the agent into the installed system: %w", err)
	}
	return to.Sync()
}

// putConfig writes /etc/sandai through the same code that the agent reads it with.
func putConfig(root *os.Root, c agent.Config, id agent.Identity) error {
	if err := root.MkdirAll("etc/sandai", 0o755); err != nil {
		return err
	}
	return agent.WriteConfig(filepath.Join(root.Name(), "etc/sandai"), c, id)
}
