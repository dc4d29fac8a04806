package cloud

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
)

func (f *fakeCloud) network(w http.ResponseWriter, r *http.Request, p []string) {
	plural := strings.ReplaceAll(p[0], "-", "_")
	singular := strings.TrimSuffix(plural, "s")
	switch {
	case len(p) == 3 && p[2] == "add_router_interface":
		sub := f.get("subnets", body(r, "")["subnet_id"].(string))
		port := object{"id": f.id(), "device_id": p[1], "network_id": sub["network_id"], "fixed_ips": []object{{"subnet_id": sub["id"], "ip_address": "172.16.1.1"}}}
		for _, q := range f.kinds["ports"] {
			if q["device_id"] == p[1] && fmt.Sprint(q["fixed_ips"]) == fmt.Sprint(port["fixed_ips"]) {
				reply(w, 400, object{"NeutronError": object{"type": "BadRequest", "message": "Router already has a port on subnet", "detail": ""}})
				return
			}
		}
		f.addLocked("ports", port)
		reply(w, 200, object{"id": p[1], "subnet_id": sub["id"], "port_id": port["id"]})
	case len(p) >= 3 && (p[2] == "l3-routers" || p[2] == "dhcp-networks" || p[2] == "l3-agents"):
		f.schedule(w, r, p)
	case p[0] == "network-ip-availabilities":
		reply(w, 200, object{"network_ip_availability": object{"network_id": p[1], "total_ips": 100, "used_ips": 2}})
	case r.Method == "GET" && len(p) == 1:
		if plural == "ports" {
			f.wire()
		}
		reply(w, 200, object{plural: match(f.kinds[plural], r.URL.Query(), "name", "router:external", "network_id", "device_id", "port_id", "project_id", "security_group_id", "protocol", "direction")})
	case r.Method == "GET":
		o := f.get(plural, p[1])
		if o == nil {
			notFound(w)
			return
		}
		if f.looks[p[1]]++; plural == "floatingips" && f.looks[p[1]] > 2 {
			o["status"] = "ACTIVE"
		}
		reply(w, 200, object{singular: o})
	case r.Method == "POST":
		o := body(r, singular)
		o["id"] = f.id()
		switch plural {
		case "networks":
			o["mtu"], o["status"] = 1450, "ACTIVE"
		case "floatingips":
			o["floating_ip_address"], o["status"] = fmt.Sprintf("198.51.100.%d", 100+len(f.kinds[plural])), "DOWN"
		}
		f.addLocked(plural, o)
		if plural == "routers" {
			f.plug(o)
		}
		reply(w, 201, object{singular: o})
	case r.Method == "DELETE":
		f.remove(plural, p[1])
		f.kinds["ports"] = slices.DeleteFunc(f.kinds["ports"], func(o object) bool { return plural == "routers" && o["device_id"] == p[1] })
		w.WriteHeader(204)
	case r.Method == "PUT":
		o := f.get(plural, p[1])
		for k, v := range body(r, singular) {
			o[k] = v
		}
		reply(w, 200, object{singular: o})
	}
}

func (f *fakeCloud) compute(w http.ResponseWriter, r *http.Request, p []string) {
	switch p[0] {
	case "flavors":
		switch r.Method {
		case "GET":
			reply(w, 200, object{"flavors": match(f.kinds["flavors"], nil)})
		case "POST":
			o := body(r, "flavor")
			o["id"], o["swap"] = f.id(), ""
			f.addLocked("flavors", o)
			reply(w, 200, object{"flavor": o})
		case "DELETE":
			f.remove("flavors", p[1])
			w.WriteHeader(202)
		}
	case "os-keypairs":
		switch {
		case r.Method == "POST":
			o := body(r, "keypair")
			f.addLocked("keypairs", o)
			reply(w, 200, object{"keypair": o})
		case r.Method == "DELETE":
			f.remove("keypairs", p[1])
			w.WriteHeader(202)
		case f.get("keypairs", p[1]) == nil:
			notFound(w)
		default:
			reply(w, 200, object{"keypair": f.get("keypairs", p[1])})
		}
	case "os-services":
		if r.Method != "GET" {
			f.novaService(w, r, f.get("nova_services", p[1]))
			return
		}
		reply(w, 200, object{"services": match(f.kinds["nova_services"], nil)})
	case "os-hypervisors":
		reply(w, 200, object{"hypervisors": match(f.kinds["hypervisors"], nil)})
	case "os-quota-sets":
		q := object{"in_use": 1, "reserved": 0, "limit": 10}
		reply(w, 200, object{"quota_set": object{"id": p[1], "instances": q, "cores": q, "ram": q}})
	case "servers":
		f.servers(w, r, p)
	default:
		notFound(w)
	}
}

func (f *fakeCloud) servers(w http.ResponseWriter, r *http.Request, p []string) {
	switch {
	case len(p) >= 3 && p[2] == "os-volume_attachments":
		f.attachments(w, r, p)
	case len(p) >= 3 && p[2] == "os-instance-actions":
		f.actions(w, r, p)
	case len(p) >= 3 && p[2] == "action":
		f.act(w, r, f.get("servers", p[1]))
	case r.Method == "POST":
		w.Header().Set("X-Compute-Request-Id", "req-of-the-launch")
		o := body(r, "server")
		o["id"], o["status"], o["created"] = f.id(), "BUILD", "2025-01-01T00:00:00Z"
		nets := o["networks"].([]any)
		f.addLocked("servers", o)
		f.addLocked("ports", object{"id": f.id(), "device_id": o["id"], "network_id": nets[0].(object)["uuid"], "fixed_ips": []object{{"subnet_id": "x", "ip_address": "172.16.1.5"}}})
		reply(w, 202, object{"server": object{"id": o["id"]}})
	case r.Method == "DELETE":
		f.remove("servers", p[1])
		f.kinds["ports"] = slices.DeleteFunc(f.kinds["ports"], func(o object) bool { return o["device_id"] == p[1] })
		for v, server := range f.attached {
			if server == p[1] {
				delete(f.attached, v)
				f.get("volumes", v)["status"] = "detaching"
			}
		}
		w.WriteHeader(204)
	case p[1] == "detail":
		list := match(f.kinds["servers"], nil)
		if host := r.URL.Query().Get("host"); host != "" {
			list = slices.DeleteFunc(list, func(o object) bool { return o["OS-EXT-SRV-ATTR:host"] != host })
		}
		reply(w, 200, object{"servers": list})
		for _, o := range list {
			settle(o)
		}
	case f.get("servers", p[1]) == nil:
		notFound(w)
	default:
		o := f.get("servers", p[1])
		if f.looks[p[1]]++; o["status"] == "BUILD" && f.looks[p[1]] > 3 {
			o["status"], o["OS-EXT-STS:power_state"], o["OS-SRV-USG:launched_at"] = "ACTIVE", 1, "2025-01-01T00:02:33.000000"
			o["OS-EXT-SRV-ATTR:hypervisor_hostname"] = strings.TrimPrefix(fmt.Sprint(o["availability_zone"]), "nova:")
			if f.faulty {
				o["status"], o["fault"] = "ERROR", object{"code": 500, "message": "No valid host was found.", "created": "2025-01-01T00:00:00Z"}
			}
		}
		reply(w, 200, object{"server": o})
		settle(o)
	}
}

func (f *fakeCloud) attachments(w http.ResponseWriter, r *http.Request, p []string) {
	if r.Method == "POST" {
		id := body(r, "volumeAttachment")["volumeId"].(string)
		v := f.get("volumes", id)
		if v["status"] != "available" {
			reply(w, 400, object{"badRequest": object{"message": "Invalid volume: status must be available", "code": 400}})
			return
		}
		if !f.deaf {
			f.attached[id], v["status"] = p[1], "attaching"
		}
		reply(w, 200, object{"volumeAttachment": object{"id": id, "volumeId": id, "serverId": p[1], "device": "/dev/vdb"}})
		return
	}
	if f.attached[p[3]] != p[1] {
		notFound(w)
		return
	}
	reply(w, 200, object{"volumeAttachment": object{"id": p[3], "volumeId": p[3], "serverId": p[1], "device": "/dev/vdb"}})
}

func (f *fakeCloud) volume(w http.ResponseWriter, r *http.Request, p []string) {
	switch {
	case p[0] == "os-services":
		reply(w, 200, object{"services": match(f.kinds["volume_services"], nil)})
	case p[0] == "scheduler-stats":
		reply(w, 200, object{"pools": []object{{"name": "controller-1@lvm#lvm", "capabilities": object{"total_capacity_gb": 20.0, "free_capacity_gb": 18.5}}}})
	case p[0] == "attachments" && r.Method == "DELETE":
		a := f.get("attachments", p[1])
		f.get("volumes", a["volume_id"].(string))["status"] = "available"
		f.remove("attachments", p[1])
		reply(w, 200, object{"attachments": []object{}})
	case p[0] == "attachments":
		reply(w, 200, object{"attachments": match(f.kinds["attachments"], r.URL.Query(), "volume_id")})
	case r.Method == "POST":
		o := body(r, "volume")
		o["id"], o["status"] = f.id(), "creating"
		f.addLocked("volumes", o)
		reply(w, 202, object{"volume": o})
	case r.Method == "DELETE":
		f.remove("volumes", p[1])
		w.WriteHeader(202)
	case p[1] == "detail":
		for _, v := range f.kinds["volumes"] {
			if f.looks["detach"]++; v["status"] == "detaching" && f.looks["detach"] > 2 {
				v["status"] = "available"
			}
		}
		reply(w, 200, object{"volumes": match(f.kinds["volumes"], r.URL.Query(), "name")})
	default:
		o := f.get("volumes", p[1])
		if f.looks[p[1]]++; f.looks[p[1]] > 2 {
			switch o["status"] {
			case "creating":
				o["status"], f.looks[p[1]] = "available", 0
			case "attaching":
				if f.attached[p[1]] != "" {
					o["status"] = "in-use"
				}
			}
		}
		reply(w, 200, object{"volume": o})
	}
}
