package cloud

import (
	"net/http"
	"slices"
)

// schedule is Neutron's schedulers: what is of which agent is kept in "scheduled".
func (f *fakeCloud) schedule(w http.ResponseWriter, r *http.Request, p []string) {
	of := func(agent, thing string) bool {
		return slices.ContainsFunc(f.kinds["scheduled"], func(o object) bool { return o["agent"] == agent && o["thing"] == thing })
	}
	sort := map[string]string{"l3-routers": "routers", "dhcp-networks": "networks"}[p[2]]
	switch {
	case p[2] == "l3-agents":
		list := []object{}
		for _, a := range f.kinds["agents"] {
			if of(a["id"].(string), p[1]) {
				list = append(list, a)
			}
		}
		reply(w, 200, object{"agents": list})
	case r.Method == "GET":
		list := []object{}
		for _, o := range f.kinds[sort] {
			if of(p[1], o["id"].(string)) {
				list = append(list, o)
			}
		}
		reply(w, 200, object{sort: list})
	case r.Method == "POST":
		o := body(r, "")
		id, _ := o["router_id"].(string)
		if id == "" {
			id, _ = o["network_id"].(string)
		}
		if p[2] == "l3-routers" && slices.ContainsFunc(f.kinds["scheduled"], func(o object) bool { return o["thing"] == id }) {
			reply(w, 409, object{"NeutronError": object{"type": "RouterHostedByL3Agent", "message": "The router has been already hosted", "detail": ""}})
			return
		}
		f.addLocked("scheduled", object{"agent": p[1], "thing": id})
		if p[2] == "l3-routers" {
			f.bind(id, p[1])
		}
		reply(w, 201, object{})
	case r.Method == "DELETE":
		f.kinds["scheduled"] = slices.DeleteFunc(f.kinds["scheduled"], func(o object) bool { return o["agent"] == p[1] && o["thing"] == p[3] })
		w.WriteHeader(204)
	}
}

// bind has an agent begin to serve a router's ports, which are up some looks later.
func (f *fakeCloud) bind(router, agent string) {
	for _, o := range f.kinds["ports"] {
		if o["device_id"] == router {
			o["binding:host_id"], o["status"], f.looks[o["id"].(string)] = f.get("agents", agent)["host"], "DOWN", 0
		}
	}
}

// plug is Neutron's part in a new router: its port on the external network, and an agent
// of the scheduler's own choice.
func (f *fakeCloud) plug(router object) {
	f.addLocked("ports", object{"id": f.id(), "device_id": router["id"], "status": "DOWN"})
	for _, a := range f.kinds["agents"] {
		if a["binary"] == "neutron-l3-agent" {
			f.addLocked("scheduled", object{"agent": a["id"], "thing": router["id"]})
			f.bind(router["id"].(string), a["id"].(string))
			return
		}
	}
}

// wire is Neutron's agents at work between two looks at the ports.
func (f *fakeCloud) wire() {
	for _, o := range f.kinds["ports"] {
		id := o["id"].(string)
		if f.looks[id]++; o["status"] == "DOWN" && f.looks[id] > 2 {
			o["status"] = "ACTIVE"
		}
	}
}
