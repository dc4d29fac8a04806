package cloud

import (
	"net/http"
	"net/url"
)

// placement answers for two compute nodes of four CPUs and one provider that is
// none.
func (f *fakeCloud) placement(w http.ResponseWriter, r *http.Request, p []string) {
	switch {
	case p[0] == "allocations" || r.Method == "DELETE" || len(p) == 3 && p[2] == "allocations":
		f.allocations(w, r, p)
	case len(p) == 1:
		list := []object{}
		for _, o := range []object{{"uuid": "rp-1", "name": "compute-1"}, {"uuid": "rp-2", "name": "compute-2"}, {"uuid": "rp-x", "name": "a shared disk"}} {
			if f.get("gone", o["uuid"].(string)) == nil {
				list = append(list, o)
			}
		}
		reply(w, 200, object{"resource_providers": list})
	case p[2] == "inventories" && p[1] == "rp-x":
		reply(w, 200, object{"inventories": object{"DISK_GB": object{"total": 100, "reserved": 0, "allocation_ratio": 1.0}}})
	case p[2] == "inventories":
		reply(w, 200, object{"inventories": object{
			"VCPU":      object{"total": 4, "reserved": 0, "allocation_ratio": 4.0},
			"MEMORY_MB": object{"total": 3900, "reserved": 512, "allocation_ratio": 1.0},
			"DISK_GB":   object{"total": 19, "reserved": 0, "allocation_ratio": 1.0}}})
	default:
		reply(w, 200, object{"usages": object{"VCPU": 1, "MEMORY_MB": 192, "DISK_GB": 1}})
	}
}

// withPlacement puts Placement into the catalogue.
func (f *fakeCloud) withPlacement() {
	u, _ := url.Parse(f.srv.URL)
	id := f.id()
	f.add("services", object{"id": id, "type": "placement", "name": "placement"})
	f.add("endpoints", object{"id": f.id(), "service_id": id, "interface": "public", "region": "RegionOne", "url": "http://controller:" + u.Port() + "/placement"})
}

// actions answers what was done to a server: it was made by the one request
// kept as the server's "made_by", with its events where the asker's microversion
// shows their host.
func (f *fakeCloud) actions(w http.ResponseWriter, r *http.Request, p []string) {
	o := f.get("servers", p[1])
	a := object{"action": "create", "instance_uuid": p[1], "request_id": o["made_by"], "start_time": "2026-11-27T06:24:30.000000", "message": nil}
	did, _ := o["did"].([]object)
	if len(p) == 4 && p[3] == "req-evacuate" {
		// It is at work for two looks more after the server is shown on its new node.
		ev := object{"event": "compute_rebuild_instance", "start_time": "2026-11-27T06:25:22.000000", "finish_time": nil, "result": nil}
		if f.looks[p[1]+p[3]]++; f.looks[p[1]+p[3]] > 2 {
			ev["finish_time"], ev["result"] = "2026-11-27T06:26:22.000000", "Success"
		}
		reply(w, 200, object{"instanceAction": object{"action": "evacuate", "request_id": p[3], "start_time": "2026-11-27T06:24:30.000000", "events": []object{ev}}})
		return
	}
	if len(p) == 3 {
		reply(w, 200, object{"instanceActions": append(did, a)})
		return
	}
	a["events"] = []object{{"event": "compute__do_build_and_run_instance", "start_time": "2026-11-27T06:25:22.000000", "finish_time": nil, "result": nil}}
	if r.Header.Get("X-OpenStack-Nova-API-Version") == "2.62" || r.Header.Get("OpenStack-API-Version") == "compute 2.62" {
		a["events"].([]object)[0]["host"] = "compute-1"
	}
	reply(w, 200, object{"instanceAction": a})
}
