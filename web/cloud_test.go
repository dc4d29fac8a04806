package web_test

import (
	"strings"
	"testing"

	"sandai/inventory"
	"sandai/web/webtest"
)

func clouded() *webtest.Memory {
	m := installed()
	m.Set(func(m *webtest.Memory) {
		m.Cloudy = webtest.Cloudy{
			Status:   &inventory.CloudStatus{Rack: "demo", Services: []inventory.ServiceStatus{{Kind: inventory.PartCompute, Binary: "nova-scheduler", Host: "controller-1", Up: true}}},
			Journey:  &inventory.Journey{Server: "sandai-proof-compute-1", Steps: []inventory.JourneyStep{{Number: 1, Who: "Horizon"}}},
			Accounts: []inventory.Account{{Secret: "keystone_admin", User: "admin", Shown: true}, {Secret: "nova", User: "nova"}},
			Secrets:  map[string]string{"keystone_admin": "letmein"},
			Units:    map[string][]inventory.Unit{"controller-1": {{Name: "nova-api.service", Active: "failed", Restartable: true}, {Name: "sandai-agent.service", Active: "active"}}},
			Journals: map[string]inventory.Journal{"controller-1/nova-api.service": {Logs: []inventory.LogText{{Source: "journal", Text: "Started"}}}},
			Sensors:  map[string]inventory.Sensors{"controller-1": {Sensors: []inventory.Sensor{{Name: "Inlet", Value: 21.5, Unit: "degrees C", Status: "ok"}}}},
			SEL:      map[string]inventory.SEL{"controller-1": {Events: []inventory.SELEvent{{ID: "1", Text: "Asserted"}}}},
		}
	})
	return m
}

func TestCloudAnswers(t *testing.T) {
	base := serve(t, clouded())
	for name, tt := range map[string]struct {
		method, path, body string
		status             int
		holds              string
	}{
		"status":            {"GET", "/racks/demo/cloud", "", 200, `"binary":"nova-scheduler"`},
		"journey":           {"GET", "/racks/demo/journey", "", 200, `"server":"sandai-proof-compute-1"`},
		"accounts":          {"GET", "/racks/demo/secrets", "", 200, `"secret":"keystone_admin"`},
		"reveal":            {"POST", "/racks/demo/secrets/keystone_admin/reveal", "", 200, `"value":"letmein"`},
		"reveal by GET":     {"GET", "/racks/demo/secrets/keystone_admin/reveal", "", 405, ``},
		"reveal another":    {"POST", "/racks/demo/secrets/nova/reveal", "", 422, `never shown`},
		"openrc":            {"POST", "/racks/demo/openrc", "", 200, `export OS_PASSWORD='letmein'`},
		"openrc by GET":     {"GET", "/racks/demo/openrc", "", 405, ``},
		"clouds.yaml":       {"POST", "/racks/demo/clouds.yaml", "", 200, `clouds: {demo:`},
		"units":             {"GET", "/nodes/controller-1/units", "", 200, `"name":"nova-api.service"`},
		"units of silent":   {"GET", "/nodes/compute-1/units", "", 503, `silent since`},
		"journal":           {"GET", "/nodes/controller-1/journal?unit=nova-api.service", "", 200, `"text":"Started"`},
		"journal of what":   {"GET", "/nodes/controller-1/journal", "", 422, `unit`},
		"journal too long":  {"GET", "/nodes/controller-1/journal?unit=nova-api.service&lines=2001", "", 422, `lines`},
		"restart":           {"POST", "/nodes/controller-1/restart", `{"unit":"nova-api.service"}`, 200, `"active":"active"`},
		"restart the agent": {"POST", "/nodes/controller-1/restart", `{"unit":"sandai-agent.service"}`, 422, `may be restarted`},
		"sensors":           {"GET", "/nodes/controller-1/sensors", "", 200, `"value":21.5`},
		"sensors of none":   {"GET", "/nodes/compute-1/sensors", "", 503, `does not answer`},
		"event log":         {"GET", "/nodes/controller-1/sel", "", 200, `"Asserted"`},
		"no such node":      {"GET", "/nodes/x/sel", "", 404, `there is no node x`},
	} {
		t.Run(name, func(t *testing.T) {
			got := call(t, tt.method, base+"/api/v1"+tt.path, tt.body)
			if got.status != tt.status || !strings.Contains(got.body, tt.holds) {
				t.Errorf("got %d %s, want %d with %s", got.status, got.body, tt.status, tt.holds)
			}
			if tt.method == "GET" && strings.Contains(got.body, "letmein") {
				t.Error("an answer to GET holds a secret")
			}
		})
	}
}

// TestNoCloud: before an install there is nothing to show, and it says so.
func TestNoCloud(t *testing.T) {
	base := serve(t, installed())
	for _, path := range []string{"cloud", "journey"} {
		if got := call(t, "GET", base+"/api/v1/racks/demo/"+path, ""); got.status != 404 || !strings.Contains(got.body, "yet") {
			t.Errorf("%s: got %d %s", path, got.status, got.body)
		}
	}
}
