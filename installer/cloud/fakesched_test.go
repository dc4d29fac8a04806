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
		reply(w, 201, object{})
	case r.Method == "DELETE":
		f.kinds["scheduled"] = slices.DeleteFunc(f.kinds["scheduled"], func(o object) bool { return o["agent"] == p[1] && o["thing"] == p[3] })
		w.WriteHeader(204)
	}
}
