package cloud

import (
	"encoding/json"
	"net/http"
	"time"
)

// act carries out what is asked of a server; it takes effect when the server is
// next looked at, as in settle.
func (f *fakeCloud) act(w http.ResponseWriter, r *http.Request, o object) {
	var ask map[string]json.RawMessage
	_ = json.NewDecoder(r.Body).Decode(&ask)
	done := func(name, status string, power int) {
		o["OS-EXT-STS:task_state"], o["next"] = name, object{"status": status, "power": power}
		list, _ := o["did"].([]object)
		o["did"] = append(list, object{"action": name, "instance_uuid": o["id"], "request_id": "req-" + name, "start_time": time.Now().UTC().Format("2006-01-02T15:04:05.000000"), "message": nil})
	}
	switch {
	case ask["os-stop"] != nil:
		done("stop", "SHUTOFF", 4)
	case ask["os-start"] != nil:
		if n, _ := o["fails"].(int); n > 0 { // as Nova does: it is off again, and that is all
			o["fails"] = n - 1
			done("start", "SHUTOFF", 4)
			break
		}
		done("start", "ACTIVE", 1)
	case ask["reboot"] != nil:
		done("reboot", "ACTIVE", 1)
	case ask["rebuild"] != nil:
		done("rebuild", "SHUTOFF", 4)
		o["status"] = "REBUILD"
		if f.faulty {
			o["next"] = object{"status": "ERROR", "power": 0}
			o["fault"] = object{"code": 500, "message": "Image is not valid.", "created": "2025-01-01T00:00:00Z"}
		}
		reply(w, 202, object{"server": o})
		return
	case ask["evacuate"] != nil && string(ask["evacuate"]) == "{}" && f.serviceOf(o["OS-EXT-SRV-ATTR:host"])["state"] == "down":
		if o["status"] == "ERROR" {
			o["status"], o["OS-EXT-STS:power_state"] = "ACTIVE", 1
		}
		done("evacuate", o["status"].(string), o["OS-EXT-STS:power_state"].(int))
		o["next"].(object)["host"] = "compute-2"
		if f.faulty {
			o["next"] = object{"status": "ERROR", "power": 0}
			o["fault"] = object{"code": 500, "message": "No valid host was found.", "created": "2025-01-01T00:00:00Z"}
		}
		w.WriteHeader(200)
		return
	default:
		reply(w, 400, object{"badRequest": object{"message": "no such action", "code": 400}})
		return
	}
	w.WriteHeader(202)
}

// settle lets what was asked of a server take effect.
func settle(o object) {
	if next, ok := o["next"].(object); ok {
		o["status"], o["OS-EXT-STS:power_state"], o["OS-EXT-STS:task_state"] = next["status"], next["power"], nil
		if next["host"] != nil {
			o["OS-EXT-SRV-ATTR:host"] = next["host"]
		}
		delete(o, "next")
	}
}
