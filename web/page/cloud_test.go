package page_test

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"sandai/inventory"
	"sandai/web/page"
	"sandai/web/webtest"
)

func unit(name, chapter, active string) inventory.Unit {
	return inventory.Unit{Name: name + ".service", Chapter: chapter, Description: "OpenStack " + name, Load: "loaded", Active: active, Sub: "running", Result: "success", Since: webtest.T0, Restarts: 1, MemoryBytes: 123e6, MainPID: 812, Restartable: true}
}

func told[T any](v T) page.Answer[T] { return page.Answer[T]{Value: v, At: *webtest.At(5)} }

func cloudStatus() inventory.CloudStatus {
	two, one := 2, 1
	return inventory.CloudStatus{Rack: "demo", Asked: *webtest.At(5),
		Endpoints: []inventory.EndpointStatus{{Service: "compute", Name: "nova", URL: "http://10.77.0.11:8774/v2.1", Up: true, Status: 200, Milliseconds: 4.4}, {Service: "image", Name: "glance", Status: 503}, {Service: "volumev3", Name: "cinderv3", Error: "connection refused"}},
		Services: []inventory.ServiceStatus{
			{Kind: inventory.PartCompute, Binary: "nova-compute", Host: "compute-1", Up: true, Enabled: true, Heard: webtest.At(4)},
			{Kind: inventory.PartNetwork, Binary: "neutron-l3-agent", Host: "network-1", Up: true, Enabled: true},
			{Kind: inventory.PartVolume, Binary: "cinder-volume", Host: "controller-1@lvm", Enabled: true, Since: webtest.At(1)}},
		Capacity: inventory.Capacity{VCPUs: &inventory.Amount{Used: 5, Total: 32, Ratio: 4}, MemoryMB: &inventory.Amount{Used: 14000, Total: 16000, Ratio: 1}, FloatingIPs: &inventory.Amount{Used: 101, Total: 101},
			Instances: &two, ByStatus: map[string]int{"ACTIVE": 1, "ERROR": 1}, Volumes: &one, ComputeNodes: []inventory.NodeCapacity{{Node: "compute-1", VCPUs: inventory.Amount{Used: 5, Total: 32, Ratio: 4}, MemoryMB: inventory.Amount{Used: 14000, Total: 16000}}}},
		Errors: []inventory.CloudError{{Part: inventory.PartVolumes, Text: "cinder-api <refused>"}, {Part: inventory.PartNetwork, Text: "neutron-api is slow"}}}
}

func bootJourney() *inventory.Journey {
	text := func(s string) inventory.Text { return inventory.Text{EN: s, JA: s + "（日本語）"} }
	return &inventory.Journey{Rack: "demo", Run: 1, Server: "sandai-proof-compute-1", Node: "compute-1", Requests: []string{"req-1", "req-2"}, Collected: *webtest.At(99), Problems: []string{"network-1 did not answer"},
		Steps: []inventory.JourneyStep{
			{Number: 1, Who: "client", What: text("sends the credentials"), Seen: webtest.At(60), Source: "appliance"},
			{Number: 2, Who: "Keystone", What: text("returns a token"), Seen: webtest.At(59), Second: true, Source: "controller-1:/var/log/keystone/keystone.log", Line: "POST /v3/auth/tokens <201>"},
			{Number: 3, Who: "nova-api", What: text("opens a session"), Note: text("no line is written of it")},
			{Number: 0, Who: "placement", What: text("names the hosts"), Seen: webtest.At(60.25)},
			{Number: 28, Who: "nova-compute", What: text("has libvirt start it"), Seen: webtest.At(62.5)}},
		States: []inventory.JourneyState{{At: *webtest.At(63), Status: "ACTIVE", Power: "running"}, {At: *webtest.At(60.1), Status: "BUILD", Task: "scheduling", Power: "none"}}}
}

func cloud() page.CloudData {
	run := inventory.Run{ID: 1, Kind: inventory.RunInstall, State: inventory.RunDone, Created: webtest.T0, Ended: webtest.At(80)}
	return page.CloudData{Rack: webtest.Rack("demo"), Run: &run, Now: *webtest.At(12), Status: told(cloudStatus()), Journey: bootJourney(),
		Report:   &inventory.Report{Rack: "demo", Run: run, Cloud: webtest.Cloud, ProofRun: 1, ProofAt: webtest.At(80), Proof: []inventory.ProofResult{{Check: "Each answers ping", State: inventory.StepDone, Summary: "5 of 5, 2.1 ms"}, {Check: "A volume", State: inventory.StepDone, Summary: "64 MiB"}}},
		Accounts: []inventory.Account{{Secret: "keystone_admin", User: "admin", Shown: true, What: inventory.Text{EN: "Administrator", JA: "管理者"}}, {Secret: "sandai-proof-key", User: "root", Shown: true}, {Secret: "nova_db", User: "nova", What: inventory.Text{EN: "Database of nova", JA: "nova のデータベース"}}},
		Units: map[string]page.Answer[[]inventory.Unit]{
			"controller-1": told([]inventory.Unit{unit("keystone", "identity", "active"), unit("cinder-volume", "volume", "active"), unit("nova-api", "compute", "failed")}),
			"compute-1":    told([]inventory.Unit{unit("nova-compute", "compute", "active"), unit("libvirtd", "compute", "activating")}),
			"network-1":    {Err: "its agent is silent since 09:00", Code: inventory.Unavailable}}}
}

func TestCloudPage(t *testing.T) {
	with := func(change func(*page.CloudData)) page.CloudData {
		d := cloud()
		change(&d)
		return d
	}
	active := inventory.Run{ID: 3, Kind: inventory.RunProof, State: inventory.RunActive, Created: webtest.T0}
	for name, c := range map[string]struct {
		d    page.CloudData
		role inventory.UserRole
	}{
		"cloud":        {cloud(), inventory.Admin},
		"cloud-viewer": {with(func(d *page.CloudData) { d.Unit, d.Node = "nova-api.service", "controller-1" }), inventory.Viewer},
		"cloud-revealed": {with(func(d *page.CloudData) {
			d.Revealed = &inventory.Revealed{Secret: "keystone_admin", Value: "the <secret>"}
		}), inventory.Admin},
		"cloud-restart": {with(func(d *page.CloudData) {
			d.Unit, d.Node, d.Restart = "nova-compute.service", "compute-1", true
			d.Journal = told(inventory.Journal{Logs: []inventory.LogText{{Source: "journal", Text: "one\ntwo <three>"}, {Source: "/var/log/nova/nova-compute.log", Cut: true, Text: "x"}, {Source: "/var/log/nova/other.log", Error: "no such file"}, {Source: "/var/log/empty.log"}}})
		}), inventory.Operator},
		"cloud-proving": {with(func(d *page.CloudData) {
			d.Run, d.Report.ProofRun, d.Report.ProofAt = &active, 3, nil
			d.Report.Proof[1].State, d.Report.Proof[1].Summary = inventory.StepRunning, ""
			d.Journey = nil
		}), inventory.Operator},
		"cloud-silent": {with(func(d *page.CloudData) {
			d.Report.Run.State, d.Report.Run.Reason = inventory.RunFailed, "a step failed"
			d.Status = told(inventory.CloudStatus{Errors: []inventory.CloudError{{Part: inventory.PartLogin, Text: "Keystone does not answer"}}})
			d.Units = map[string]page.Answer[[]inventory.Unit]{"controller-1": {Asking: true}}
			d.Accounts, d.Journey, d.Trouble = nil, nil, []string{"the store is locked"}
		}), inventory.Operator},
		"cloud-first": {with(func(d *page.CloudData) {
			d.Status, d.Units = page.Answer[inventory.CloudStatus]{Asking: true}, map[string]page.Answer[[]inventory.Unit]{"controller-1": {Asking: true}, "compute-1": {Asking: true}, "network-1": {Asking: true}}
		}), inventory.Viewer},
		"cloud-none":   {page.CloudData{Rack: webtest.Rack("demo"), Now: webtest.T0}, inventory.Admin},
		"cloud-debian": {with(func(d *page.CloudData) { d.Rack.Release = inventory.ReleaseDebian }), inventory.Admin},
	} {
		t.Run(name, func(t *testing.T) {
			golden(t, name, "cloud", viewAs("cloud", "/racks/demo/cloud", c.role), page.CloudPage(c.d))
		})
	}
}

// TestViewerSeesNoCloudButtons: nor a secret, whatever else is drawn.
func TestViewerSeesNoCloudButtons(t *testing.T) {
	d := cloud()
	d.Unit, d.Node, d.Restart = "nova-compute.service", "compute-1", true
	var b bytes.Buffer
	f := viewAs("cloud", "/racks/demo/cloud", inventory.Viewer)
	f.Lang = page.EN
	if err := page.Render(&b, "cloud", f, page.CloudPage(d)); err != nil {
		t.Fatal(err)
	}
	if main := b.String()[strings.Index(b.String(), "<main"):]; strings.Contains(main, `method="post"`) {
		t.Errorf("a viewer is offered an action:\n%s", main)
	}
}

// TestManyNodesShareAColumn: the matrix of a large rack can be read, and shows
// what is not well.
func TestManyNodesShareAColumn(t *testing.T) {
	d := page.CloudData{Units: map[string]page.Answer[[]inventory.Unit]{}, Unit: "nova-compute.service", Report: &inventory.Report{}, Now: webtest.T0}
	for i := range 1000 {
		n := fmt.Sprintf("compute-%d", i+1)
		d.Rack.Nodes = append(d.Rack.Nodes, inventory.Node{Name: n, Role: inventory.Compute})
		u := unit("nova-compute", "compute", "active")
		if i == 700 {
			u.Active = "failed"
		}
		d.Units[n] = told([]inventory.Unit{u})
	}
	v := page.CloudPage(d)
	if len(v.Services.Columns) != 1 || !v.Services.Columns[0].Folded() || len(v.Services.Rows) != 1 {
		t.Fatalf("%d columns, %d rows", len(v.Services.Columns), len(v.Services.Rows))
	}
	if c := v.Services.Rows[0].Cells[0]; c.Nodes != 1000 || c.Wrong != 1 || c.Lamp.Class != "bad" {
		t.Errorf("the cell: %+v", c)
	}
	if len(v.Unit.Others) != 1000 || v.Unit.Others[0].Node != "compute-701" {
		t.Errorf("what is not well is not first: %+v", v.Unit.Others[:1])
	}
}

// TestJourneyKeepsEveryState: once each, at the first step that was seen after it.
func TestJourneyKeepsEveryState(t *testing.T) {
	v := page.CloudPage(cloud()).Journey
	var states []string
	for _, r := range v.Rows {
		for _, s := range r.States {
			states = append(states, r.Key+" "+s.Status)
		}
	}
	for _, s := range v.After {
		states = append(states, "after "+s.Status)
	}
	if !slices.Equal(states, []string{"+1 BUILD", "after ACTIVE"}) {
		t.Errorf("%q", states)
	}
	if v.Seen != 3 || v.Of != 4 || !v.Rows[1].Backward || v.Rows[0].Backward || v.Rows[2].Clock != "" || !v.Rows[3].Broken || v.Rows[1].Clock != "09:00:59" || v.Rows[4].Clock != "09:01:02.500" {
		t.Errorf("%+v", v)
	}
}

func TestBMCFacts(t *testing.T) {
	facts := page.BMCFacts{
		Sensors: told(inventory.Sensors{Sensors: []inventory.Sensor{{Name: "CPU <1>", Value: 47.5, Unit: "degrees C", Status: "ok"}, {Name: "Fan 2", Value: 320, Unit: "RPM", Status: "cr"}, {Name: "PSU", Status: "ns"}, {Name: "Odd", Value: 1, Status: "xx"}}}),
		SEL:     told(inventory.SEL{Events: []inventory.SELEvent{{ID: "1", When: "Pre-Init", Sensor: "Log", Text: "cleared"}, {ID: "2", Time: webtest.T0.Add(time.Hour), Sensor: "Fan 2", Text: "going low"}}})}
	fault := func(code inventory.Code) page.BMCFacts {
		return page.BMCFacts{Sensors: page.Answer[inventory.Sensors]{Err: "why", Code: code}, SEL: page.Answer[inventory.SEL]{Asking: true}}
	}
	for name, f := range map[string]page.BMCFacts{"bmc-facts": facts, "bmc-login": fault(inventory.Invalid), "bmc-silent": fault(inventory.Unavailable), "bmc-error": fault(inventory.Internal), "bmc-hands-off": {HandsOff: true}} {
		t.Run(name, func(t *testing.T) {
			d := atWork(20)
			d.Selected, d.Tab, d.BMC = []string{"compute-1"}, "bmc", &f
			golden(t, name, "rack", page.Frame{URL: "/racks/demo", Title: page.Both("demo"), Section: "rack", Rack: "demo", Racks: []string{"demo"}, Who: "eve", Role: "viewer"}, page.RackPage(d))
		})
	}
}
