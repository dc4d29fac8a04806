package guide

import (
	"errors"
	"strings"
	"testing"

	"sandai/inventory"
)

func TestRender(t *testing.T) {
	g := must(t)
	tests := map[string]struct {
		role     inventory.Role
		lang     string
		has, not []string
	}{
		"all":        {"", "en", []string{"# OpenStack 2025.1, installed by hand", "apt-get install --no-install-recommends keystone", "IDENTIFIED BY '${secret:nova_db}'", "systemctl mask", "nova-compute.conf", "type: volumev3"}, nil},
		"network":    {inventory.NetworkRole, "en", []string{"l3_agent.ini"}, []string{"keystone-manage", "nova-compute.conf", "volumev3"}},
		"Japanese":   {inventory.Compute, "ja", []string{"# OpenStack 2025.1 手動インストール手順", "次が成功するまで待ちます"}, []string{"Wait until", "Skip this"}},
		"controller": {inventory.Controller, "en", []string{"volumev3", "sudo -u keystone env OS_BOOTSTRAP_PASSWORD='${secret:keystone_admin}' /usr/bin/keystone-manage bootstrap"}, []string{"l3_agent.ini"}},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			var b strings.Builder
			if err := g.Render(&b, tc.role, tc.lang); err != nil {
				t.Fatal(err)
			}
			for _, s := range tc.has {
				if !strings.Contains(b.String(), s) {
					t.Errorf("lacks %q", s)
				}
			}
			for _, s := range tc.not {
				if strings.Contains(b.String(), s) {
					t.Errorf("has %q", s)
				}
			}
		})
	}
}

type broken struct{}

func (broken) Write([]byte) (int, error) { return 0, errors.New("disk full") }

func TestRenderFails(t *testing.T) {
	if err := must(t).Render(broken{}, "", "en"); err == nil {
		t.Error("no error")
	}
}

func TestQuote(t *testing.T) {
	for in, want := range map[string]string{"a-b/c": "a-b/c", "": "''", "it's": `'it'\''s'`, "a b": "'a b'", "${x}": "'${x}'"} {
		if got := quote(in); got != want {
			t.Errorf("%q: %s", in, got)
		}
	}
}
