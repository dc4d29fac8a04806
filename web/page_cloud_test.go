package web

import (
	"net/url"
	"strings"
	"testing"

	"sandai/inventory"
	"sandai/web/webtest"
)

// provedRack is an installed rack with a cloud that answers.
func provedRack() *webtest.Memory {
	m := webtest.New()
	m.AddRack(webtest.Rack("demo"))
	m.Cloud = webtest.Cloud
	m.AddRun(inventory.Run{RackID: 1, Rack: "demo", State: inventory.RunDone, Created: webtest.T0, Ended: webtest.At(80), Attempt: 1}, webtest.Steps())
	m.Cloudy = webtest.Cloudy{
		Status:   &inventory.CloudStatus{Rack: "demo", Services: []inventory.ServiceStatus{{Kind: inventory.PartCompute, Binary: "nova-scheduler", Host: "controller-1", Up: true}}},
		Accounts: []inventory.Account{{Secret: "keystone_admin", User: "admin", Shown: true}, {Secret: "nova", User: "nova"}},
		Secrets:  map[string]string{"keystone_admin": "let-me-in"},
		Units:    map[string][]inventory.Unit{"controller-1": {{Name: "nova-api.service", Chapter: "compute", Active: "failed", Restartable: true}}},
		Journals: map[string]inventory.Journal{"controller-1/nova-api.service": {Logs: []inventory.LogText{{Source: "journal", Text: "it <ended>"}}}},
		Sensors:  map[string]inventory.Sensors{"controller-1": {Sensors: []inventory.Sensor{{Name: "Inlet", Value: 21.5, Unit: "degrees C", Status: "ok"}}}},
	}
	return m
}

func TestCloudPages(t *testing.T) {
	for name, c := range map[string]struct {
		role         inventory.UserRole
		method, path string
		form         url.Values
		status       int
		holds        string
	}{
		"the cloud":           {inventory.Viewer, "GET", "/racks/demo/cloud", nil, 200, "nova-api"},
		"a unit with its log": {inventory.Viewer, "GET", "/racks/demo/cloud?node=controller-1&unit=nova-api.service", nil, 200, "it &lt;ended&gt;"},
		"no such rack":        {inventory.Viewer, "GET", "/racks/none/cloud", nil, 404, "there is no rack"},
		"a secret":            {inventory.Admin, "POST", "/racks/demo/cloud/secrets/keystone_admin", nil, 200, "let-me-in"},
		"no such secret":      {inventory.Admin, "POST", "/racks/demo/cloud/secrets/nova", nil, 422, "never shown"},
		"a secret, operator":  {inventory.Operator, "POST", "/racks/demo/cloud/secrets/keystone_admin", nil, 403, "wants the role admin"},
		"openrc":              {inventory.Admin, "POST", "/racks/demo/cloud/openrc", nil, 200, "export OS_PASSWORD="},
		"openrc, operator":    {inventory.Operator, "POST", "/racks/demo/cloud/openrc", nil, 403, "wants the role admin"},
		"clouds.yaml":         {inventory.Admin, "POST", "/racks/demo/cloud/clouds.yaml", nil, 200, "clouds:"},
		"restart":             {inventory.Operator, "POST", "/racks/demo/nodes/controller-1/units/nova-api.service/restart", nil, 303, ""},
		"restart, viewer":     {inventory.Viewer, "POST", "/racks/demo/nodes/controller-1/units/nova-api.service/restart", nil, 403, "wants the role operator"},
		"restart of another":  {inventory.Operator, "POST", "/racks/demo/nodes/controller-1/units/ssh.service/restart", nil, 422, "may be restarted"},
		"proof":               {inventory.Operator, "POST", "/racks/demo/cloud/proof", nil, 303, ""},
		"proof, viewer":       {inventory.Viewer, "POST", "/racks/demo/cloud/proof", nil, 403, "wants the role operator"},
		"what a BMC measures": {inventory.Viewer, "GET", "/racks/demo?node=controller-1&tab=bmc", nil, 200, "21.5"},
	} {
		t.Run(name, func(t *testing.T) {
			m := provedRack()
			w := browse(pagesFor(m, c.role), c.method, c.path, c.form)
			if w.Code != c.status || !strings.Contains(w.Body.String(), c.holds) {
				t.Errorf("%d, want %d with %q: %s", w.Code, c.status, c.holds, w.Body)
			}
			if c.status != 200 || c.role != inventory.Admin {
				if strings.Contains(w.Body.String(), "let-me-in") {
					t.Errorf("the secret is told: %s", w.Body)
				}
			}
		})
	}
}

// TestSecretIsShownOnce: a reload of what showed it does not show it again, and
// no cache keeps it.
func TestSecretIsShownOnce(t *testing.T) {
	h := pagesFor(provedRack(), inventory.Admin)
	w := browse(h, "POST", "/racks/demo/cloud/secrets/keystone_admin", nil)
	if cache := w.Header().Get("Cache-Control"); !strings.Contains(cache, "no-store") {
		t.Errorf("a page with a secret may be kept: %q", cache)
	}
	if push := w.Header().Get("HX-Push-Url"); push != "/racks/demo/cloud" {
		t.Errorf("a reload would ask for %q", push)
	}
	if w = browse(h, "GET", "/racks/demo/cloud", nil); strings.Contains(w.Body.String(), "let-me-in") {
		t.Error("it is shown again")
	}
}

func TestRestartIsDone(t *testing.T) {
	m := provedRack()
	w := browse(pagesFor(m, inventory.Operator), "POST", "/racks/demo/nodes/controller-1/units/nova-api.service/restart", nil)
	if want := "/racks/demo/cloud?node=controller-1&restart=done&unit=nova-api.service"; w.Header().Get("Location") != want {
		t.Errorf("it leads to %q, want %q", w.Header().Get("Location"), want)
	}
	units, err := m.Units(t.Context(), "demo", "controller-1")
	if err != nil || units[0].Active != "active" {
		t.Errorf("the unit: %+v, %v", units, err)
	}
}
