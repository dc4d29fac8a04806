package guide

import (
	"slices"
	"strings"

	"sandai/inventory"
)

// StepText says what the guide says of the step with a key such as
// "controller-1/identity/keystone.conf"; the zero value where it knows none.
func (g *Guide) StepText(key string) inventory.StepText {
	parts := strings.SplitN(key, "/", 3)
	if len(parts) < 3 {
		return inventory.StepText{}
	}
	for i := range g.Chapters {
		c := &g.Chapters[i]
		if c.Name != parts[1] {
			continue
		}
		for j := range c.Steps {
			if s := &c.Steps[j]; s.ID == parts[2] {
				return inventory.StepText{Title: inventory.Text(s.Title), Why: inventory.Text(s.Why), Chapter: inventory.Text(c.Title),
					Source: c.Source, Link: g.link(c, s)}
			}
		}
		return inventory.StepText{Chapter: inventory.Text(c.Title), Source: c.Source}
	}
	return inventory.StepText{}
}

// docs is where the official guides are, docs.openstack.org.
const docs = "https://docs.openstack.org/"

// sections are the official guide's pages by chapter: the first whose step's
// name begins with Step, and which is on a node of the role, if it says so.
var sections = map[string][]struct{ Step, Role, Page string }{
	"environment": {
		{"mariadb", "", "install-guide/environment-sql-database.html"},
		{"rabbitmq", "", "install-guide/environment-messaging.html"},
		{"memcached", "", "install-guide/environment-memcached.html"},
		{"chrony", "", "install-guide/environment-ntp.html"},
		{"", "", "install-guide/environment.html"},
	},
	"identity":  {{"", "", "keystone/RELEASE/install/keystone-install-ubuntu.html"}},
	"image":     {{"", "", "glance/RELEASE/install/install-ubuntu.html"}},
	"placement": {{"", "", "placement/RELEASE/install/install-ubuntu.html"}},
	"compute": {
		{"", "controller", "nova/RELEASE/install/controller-install-ubuntu.html"},
		{"", "", "nova/RELEASE/install/compute-install-ubuntu.html"},
	},
	"network": {
		{"ovs", "", "neutron/RELEASE/install/compute-install-option2-ubuntu.html"},
		{"", "compute", "neutron/RELEASE/install/compute-install-ubuntu.html"},
		{"", "", "neutron/RELEASE/install/controller-install-option2-ubuntu.html"},
	},
	"volume": {
		{"cinder.disk", "", "cinder/RELEASE/install/cinder-storage-install-ubuntu.html"},
		{"", "", "cinder/RELEASE/install/cinder-controller-install-ubuntu.html"},
	},
	"dashboard":     {{"", "", "horizon/RELEASE/install/install-ubuntu.html"}},
	"dashboard-off": {{"", "", "horizon/RELEASE/install/install-ubuntu.html"}},
	"cloud":         {{"", "", "install-guide/launch-instance.html"}},
	"proof":         {{"", "", "install-guide/launch-instance.html"}},
}

func (g *Guide) link(c *Chapter, s *Step) string {
	for _, e := range sections[c.Name] {
		if strings.HasPrefix(s.ID, e.Step) && (e.Role == "" || slices.Contains(s.Roles, e.Role)) {
			return docs + strings.ReplaceAll(e.Page, "RELEASE", g.Release)
		}
	}
	return ""
}
