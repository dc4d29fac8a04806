package cloud

import (
	"context"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"sandai/installer/agent/host"
	"sandai/inventory"
)

const realServer = "8f5cd750-39df-4387-981c-d72cba7435f3"

// journeyCloud is a cloud with the server of testdata/journey, whose nodes'
// agents answer from the logs there.
func journeyCloud(t *testing.T) (*fakeCloud, *Cloud, Ask) {
	f := newFakeCloud(t)
	f.ready()
	f.services()
	f.add("servers", object{"id": realServer, "name": "sandai-proof-compute-1", "status": "ACTIVE", "created": "2026-11-27T06:24:31Z", "made_by": "req-e6d60b24-07a6-443f-8eb4-3aaed41eb919",
		"OS-SRV-USG:launched_at": "2026-11-27T06:37:29.000000", "OS-EXT-SRV-ATTR:hypervisor_hostname": "compute-1", "OS-EXT-SRV-ATTR:instance_name": "instance-00000001",
		"image": object{"id": "0ff36dc7-6110-4283-9bf6-726ad3e374d0"}})
	ask := func(ctx context.Context, node string, c inventory.Call) (inventory.CallAnswer, error) {
		d := &host.Desk{Logs: filepath.Join("testdata/journey", node)}
		a := d.Answer(ctx, c)
		a.Now = time.Now()
		if a.Error != "" {
			return a, fmt.Errorf("%s: %s", node, a.Error)
		}
		return a, nil
	}
	return f, f.client(), ask
}

func clock(t *testing.T, s string) time.Time {
	t.Helper()
	v, err := time.Parse("2006-01-02 15:04:05", "2026-11-27 "+s)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// told writes the steps that were seen, "13 06:25:22.000 nova-compute".
func told(steps []inventory.JourneyStep) (out []string) {
	for _, s := range steps {
		if s.Seen != nil {
			out = append(out, fmt.Sprintf("%d %s %s", s.Number, s.Seen.Format("15:04:05.000"), s.Who))
		}
	}
	return out
}

func TestJourney(t *testing.T) {
	_, c, ask := journeyCloud(t)
	known := inventory.Journey{ID: realServer, Requests: []string{"req-e6d60b24-07a6-443f-8eb4-3aaed41eb919"},
		Steps: []inventory.JourneyStep{markOf(markLogin, clock(t, "06:16:44.5"), "POST"), markOf(markToken, clock(t, "06:16:58"), "201"),
			markOf(markAsk, clock(t, "06:17:06"), "POST"), markOf(markAccepted, clock(t, "06:18:57"), "202")},
		States: []inventory.JourneyState{{At: clock(t, "06:19:37"), Status: "BUILD", Task: "scheduling", Power: "none"}}}
	got, err := c.Journey(t.Context(), known, ask)
	if err != nil {
		t.Fatal(err)
	}
	if len(got.Problems) != 0 || got.Server != "sandai-proof-compute-1" || got.Node != "compute-1" || !slices.Equal(got.States, known.States) {
		t.Errorf("the journey is %+v", got)
	}
	want := []string{
		"1 06:16:44.500 client", "2 06:16:58.000 Keystone", "3 06:17:06.000 client", "0 06:17:28.300 nova-api", "7 06:24:31.000 database",
		"0 06:18:56.740 nova-api", "9 06:19:57.788 nova-scheduler", "0 06:19:57.788 Placement", "10 06:20:12.074 nova-scheduler", "0 06:21:06.502 Placement",
		"12 06:24:30.000 nova-conductor", "13 06:25:22.000 nova-compute", "18 06:25:27.798 nova-compute", "19 06:27:06.091 nova-compute", "21 06:27:17.722 nova-compute",
		"0 06:27:43.669 nova-compute", "22 06:26:48.000 nova-compute", "23 06:26:50.000 Neutron", "0 06:28:43.426 Neutron", "24 06:32:51.789 nova-compute", "0 06:36:33.606 nova-compute",
		"0 06:36:41.221 nova-compute", "28 06:36:46.133 libvirt", "0 06:37:01.355 Neutron", "0 06:37:02.460 nova-compute", "0 06:37:49.820 nova-compute",
	}
	if diff := cmp.Diff(want, told(got.Steps)); diff != "" {
		t.Error(diff)
	}
	numbers := map[int]int{}
	for _, s := range got.Steps {
		numbers[s.Number]++
		switch {
		case s.What.EN == "" || s.What.JA == "" || s.Who == "":
			t.Errorf("a step without words: %+v", s)
		case s.Seen == nil && (s.Note.EN == "" || s.Note.JA == "" || s.Source != "" || s.Line != ""):
			t.Errorf("step %d was not seen and does not say why: %+v", s.Number, s)
		case s.Seen != nil && (s.Source == "" || s.Line == ""):
			t.Errorf("step %d was seen and does not say where: %+v", s.Number, s)
		}
	}
	for n := 1; n <= 28; n++ {
		if numbers[n] != 1 {
			t.Errorf("the book's step %d is there %d times", n, numbers[n])
		}
	}
}

// TestJourneyAlone: a server that was there before, of which nobody watched the
// making, and nodes that do not answer: what is not known is not made up.
func TestJourneyAlone(t *testing.T) {
	_, c, ask := journeyCloud(t)
	got, err := c.Journey(t.Context(), inventory.Journey{}, func(ctx context.Context, node string, call inventory.Call) (inventory.CallAnswer, error) {
		if node == "compute-1" {
			return inventory.CallAnswer{}, inventory.Errorf(inventory.Unavailable, "the agent of compute-1 is silent since yesterday")
		}
		return ask(ctx, node, call)
	})
	if err != nil {
		t.Fatal(err)
	}
	seen := told(got.Steps)
	if slices.ContainsFunc(seen, func(s string) bool {
		return strings.HasPrefix(s, "1 ") || strings.HasPrefix(s, "18 ") || strings.HasPrefix(s, "28 ")
	}) || !slices.Contains(seen, "3 06:17:06.823 client") {
		t.Errorf("seen: %v", seen)
	}
	text := strings.Join(got.Problems, "\n")
	if len(got.Problems) != 3 || !strings.Contains(text, "silent since yesterday") || !strings.Contains(text, "states on the way are not known") || len(got.States) != 0 {
		t.Errorf("problems: %q, states %v", got.Problems, got.States)
	}
}

// TestJourneyNoLogs: without the request's ID no line is taken for its.
func TestJourneyNoLogs(t *testing.T) {
	f, c, _ := journeyCloud(t)
	f.fail(failure{method: "GET", path: "os-instance-actions", status: 500, times: 9})
	got, err := c.Journey(t.Context(), inventory.Journey{}, func(context.Context, string, inventory.Call) (inventory.CallAnswer, error) {
		t.Error("a node was asked for nothing")
		return inventory.CallAnswer{}, nil
	})
	if err != nil || got.Seen() != 1 || len(got.Problems) != 3 { // the API tells when the record was made
		t.Errorf("%d seen (%v), problems %q", got.Seen(), err, got.Problems)
	}
}

// TestValidation: who asked Keystone is read from its log, never guessed.
func TestValidation(t *testing.T) {
	const id = "req-1"
	line := func(source, s, text string) inventory.LogLine {
		return inventory.LogLine{Source: "c:/var/log/" + source + ".log", At: clock(t, s), Text: text}
	}
	launch := line("nova/nova-api-wsgi", "06:00:10", `2026-11-27 06:00:10.000 8 INFO nova.api.openstack.requestlog [None `+id+` u p - - default default] 10.77.0.1 "POST /v2.1/servers" status: 202 len: 372 microversion: 2.1 time: 5.0`)
	by := func(s, agent string) inventory.LogLine {
		ms := clock(t, s).UnixMilli()
		return line("keystone/keystone", s, fmt.Sprintf(`%d 10.77.0.11 "GET /v3/auth/tokens HTTP/1.1" 200 9 bytes in 250 ms, [x], request -, by "%s keystonemiddleware.auth_token/10.9.0"`, ms, agent))
	}
	for name, tt := range map[string]struct {
		line inventory.LogLine
		want []string
	}{
		"by nova":           {by("06:00:06", "nova/31.0.0"), []string{"3 06:00:05.000 client", "4 06:00:06.000 nova-api", "5 06:00:06.250 Keystone", "0 06:00:10.000 nova-api"}},
		"by another":        {by("06:00:06", "neutron/26.0.0"), []string{"3 06:00:05.000 client", "0 06:00:10.000 nova-api"}},
		"by nobody known":   {by("06:00:06", ""), []string{"3 06:00:05.000 client", "0 06:00:10.000 nova-api"}},
		"before":            {by("06:00:02", "nova/31.0.0"), []string{"3 06:00:05.000 client", "0 06:00:10.000 nova-api"}},
		"after":             {by("06:00:11", "nova/31.0.0"), []string{"3 06:00:05.000 client", "0 06:00:10.000 nova-api"}},
		"in another format": {line("keystone/keystone", "06:00:06", `[pid: 770|app: 0|req: 1/1] 10.77.0.11 () {34 vars in 825 bytes} [Fri Nov 27 06:00:06 2026] GET /v3/auth/tokens => generated 9 bytes in 2556 msecs (HTTP/1.1 200) 4 headers in 339 bytes (1 switches on core 0)`), []string{"3 06:00:05.000 client", "0 06:00:10.000 nova-api"}},
	} {
		e := &evidence{request: id, id: "s"}
		e.add(launch)
		e.add(tt.line)
		if diff := cmp.Diff(tt.want, told(e.steps())); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
}

// TestWatch: the check "servers" remembers every state of the server that it
// makes, and when it asked.
func TestWatch(t *testing.T) {
	f, c, _ := proofCloud(t)
	if _, ok := c.Watched(); ok {
		t.Error("something was watched before anything was made")
	}
	var said []string
	if _, err := c.Do(t.Context(), proof("servers"), func(s string) { said = append(said, s) }); err != nil {
		t.Fatal(err)
	}
	j, ok := c.Watched()
	if !ok || j.Node != "compute-1" || j.ID != f.kinds["servers"][0]["id"] || !slices.Equal(j.Requests, []string{"req-of-the-launch"}) {
		t.Fatalf("watched: %+v", j)
	}
	var states []string
	for i, s := range j.States {
		states = append(states, s.Status+" "+s.Power)
		if i > 0 && s.At.Before(j.States[i-1].At) {
			t.Error("the states are not in the order of time")
		}
	}
	if !slices.Equal(states, []string{"BUILD none", "ACTIVE running"}) || !slices.Contains(said, "server on compute-1: ACTIVE") {
		t.Errorf("states %v, said %v", states, said)
	}
	if len(j.Steps) != 4 || j.Steps[0].Number != 1 || j.Steps[2].Seen.Before(*j.Steps[1].Seen) {
		t.Errorf("marks: %+v", j.Steps)
	}
}
