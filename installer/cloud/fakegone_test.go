package cloud

import (
	"encoding/json"
	"net/http"
)

func (f *fakeCloud) serviceOf(host any) object {
	for _, o := range f.kinds["nova_services"] {
		if o["binary"] == "nova-compute" && o["host"] == host {
			return o
		}
	}
	return nil
}

// novaService changes or removes one of Nova's services. With a compute service its
// resource provider goes, if nobody holds anything of it.
func (f *fakeCloud) novaService(w http.ResponseWriter, r *http.Request, o object) {
	if r.Method == "DELETE" {
		f.remove("nova_services", o["id"].(string))
		if o["host"] == "compute-1" && len(f.holders("rp-1")) == 0 {
			f.addLocked("gone", object{"id": "rp-1"})
		}
		w.WriteHeader(204)
		return
	}
	var change object
	_ = json.NewDecoder(r.Body).Decode(&change)
	if down, ok := change["forced_down"].(bool); ok {
		o["forced_down"] = down
		o["state"] = map[bool]string{true: "down", false: "up"}[down]
	} else {
		o["status"], o["disabled_reason"] = change["status"], change["disabled_reason"]
	}
	reply(w, 200, object{"service": o})
}

// holds has a consumer hold something of providers.
func (f *fakeCloud) holds(consumer string, providers ...string) {
	of := map[string]any{}
	for _, p := range providers {
		of[p] = object{"generation": 1, "resources": object{"VCPU": 1}}
	}
	f.add("held", object{"id": consumer, "of": of, "generation": 7})
}

func (f *fakeCloud) holders(provider string) object {
	out := object{}
	for _, o := range f.kinds["held"] {
		if a := o["of"].(map[string]any)[provider]; a != nil {
			out[o["id"].(string)] = a
		}
	}
	return out
}

// allocations answers for who holds what, as Placement does from 1.28 on.
func (f *fakeCloud) allocations(w http.ResponseWriter, r *http.Request, p []string) {
	if v := r.Header.Get("OpenStack-API-Version"); v != "placement 1.28" {
		f.t.Errorf("Placement is asked for allocations with version %q", v)
	}
	switch {
	case p[0] == "resource_providers" && r.Method == "DELETE":
		switch {
		case f.get("gone", p[1]) != nil:
			notFound(w)
		case len(f.holders(p[1])) > 0:
			reply(w, 409, object{"errors": []object{{"detail": "Unable to delete resource provider: in use"}}})
		default:
			f.addLocked("gone", object{"id": p[1]})
			w.WriteHeader(204)
		}
	case p[0] == "resource_providers":
		reply(w, 200, object{"resource_provider_generation": 3, "allocations": f.holders(p[1])})
	case r.Method == "GET":
		o := f.get("held", p[1])
		reply(w, 200, object{"allocations": o["of"], "project_id": "p", "user_id": "u", "consumer_generation": o["generation"]})
	default:
		o, b := f.get("held", p[1]), body(r, "")
		if b["consumer_generation"] != float64(o["generation"].(int)) || b["project_id"] != "p" || b["user_id"] != "u" {
			reply(w, 409, object{"errors": []object{{"detail": "consumer generation conflict"}}})
			return
		}
		o["of"] = b["allocations"]
		w.WriteHeader(204)
	}
}
