package installer

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"

	"github.com/goccy/go-yaml"

	"sandai/inventory"
)

// Handout writes what a person takes away from an installed rack into a
// directory: openrc and clouds.yaml (mode 0600, they hold the administrator's
// password) and report.json.
type Handout struct{ Dir string }

// Info says where a rack's cloud answers and where its passwords are.
func (h Handout) Info(r inventory.Rack) inventory.CloudInfo {
	c := controllerAddress(r)
	openrc := filepath.Join(h.Dir, "openrc")
	info := inventory.CloudInfo{
		Keystone: authURL(r),
		Users:    []inventory.UserInfo{{Name: "admin", PasswordIn: openrc}},
		Openrc:   openrc,
		Clouds:   filepath.Join(h.Dir, "clouds.yaml"),
	}
	if !r.NoDashboard {
		info.Horizon = "http://" + c + "/horizon/"
	}
	return info
}

// Write writes the three files, each whole or not at all.
func (h Handout) Write(_ context.Context, r inventory.Rack, report inventory.Report, adminPassword string) error {
	clouds, err := cloudsYAML(r, adminPassword)
	if err != nil {
		return err
	}
	rep, err := json.MarshalIndent(report, "", "  ")
	if err != nil {
		return err
	}
	for _, f := range []struct {
		name string
		data []byte
		mode os.FileMode
	}{{"openrc", openrc(r, filepath.Join(h.Dir, "openrc"), adminPassword), 0o600}, {"clouds.yaml", clouds, 0o600}, {"report.json", append(rep, '\n'), 0o644}} {
		if err := writeWhole(filepath.Join(h.Dir, f.name), f.data, f.mode); err != nil {
			return fmt.Errorf("write %s: %w", f.name, err)
		}
	}
	return nil
}

// openrc sets the environment of OpenStack's clients; path is what to source.
func openrc(r inventory.Rack, path, password string) []byte {
	return fmt.Appendf(nil, `# Administrator of the cloud on rack %s. Use: . %s
export OS_AUTH_URL=%s
export OS_IDENTITY_API_VERSION=3
export OS_REGION_NAME=%s
export OS_PROJECT_NAME=admin
export OS_PROJECT_DOMAIN_NAME=Default
export OS_USERNAME=admin
export OS_USER_DOMAIN_NAME=Default
export OS_PASSWORD=%s
`, r.Name, path, authURL(r), r.Region, password)
}

// cloudsYAML is the same for clients that look in ~/.config/openstack.
func cloudsYAML(r inventory.Rack, password string) ([]byte, error) {
	return yaml.Marshal(map[string]any{"clouds": map[string]any{r.Name: map[string]any{
		"region_name": r.Region, "identity_api_version": 3,
		"auth": map[string]any{
			"auth_url": authURL(r), "username": "admin", "password": password,
			"project_name": "admin", "project_domain_name": "Default", "user_domain_name": "Default",
		},
	}}})
}

// writeWhole replaces a file in one step, so that a reader never sees half of it.
func writeWhole(path string, data []byte, mode os.FileMode) error {
	tmp := path + ".new"
	if err := os.WriteFile(tmp, data, mode); err != nil {
		return err
	}
	return os.Rename(tmp, path)
}

func authURL(r inventory.Rack) string { return "http://" + controllerAddress(r) + ":5000/v3" }

func controllerAddress(r inventory.Rack) string {
	if c := r.ByRole(inventory.Controller); len(c) > 0 {
		return c[0].Address
	}
	return ""
}
