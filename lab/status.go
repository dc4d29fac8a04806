package lab

// MachineStatus is a machine at this moment.
type MachineStatus struct {
	Name    string `json:"name"`
	Role    string `json:"role"`
	Power   bool   `json:"power"` // the machine's process runs
	BMC     string `json:"bmc"`   // address, UDP 623
	BMCOn   bool   `json:"bmc_on"`
	Address string `json:"address"` // on the provisioning network once installed
	RSS     int64  `json:"rss"`     // resident memory in bytes
	PID     int    `json:"pid,omitempty"`
}

// Status is the rack at this moment.
type Status struct {
	Rack      string          `json:"rack"`
	Namespace string          `json:"namespace"`
	Up        bool            `json:"up"` // namespace, every BMC, the forwarder and the serial cables run
	URL       string          `json:"url"`
	KVM       bool            `json:"kvm"`
	KVMReason string          `json:"kvm_reason"`
	Machines  []MachineStatus `json:"machines"`
}

// Status looks at the rack's processes; it asks nobody.
func (r *Rack) Status() Status {
	s := Status{Rack: r.s.Rack, Namespace: r.Namespace(), URL: r.s.URL, KVM: r.s.KVM, KVMReason: r.s.KVMReason,
		Up: r.s.namespace().exists() && r.s.Forwarder.Alive()}
	for _, m := range r.s.Machines {
		ms := MachineStatus{Name: m.Name, Role: m.Role, BMC: m.Wiring.BMC.Addr().String(), BMCOn: m.Simulator.Alive(), Address: m.Wiring.Address}
		if p := (machineDir{r.Dir, m.Name}).running(); p.Alive() {
			ms.Power, ms.PID, ms.RSS = true, p.PID, p.rss()
		}
		s.Up = s.Up && ms.BMCOn && (m.Cable.Alive() || m.standIn())
		s.Machines = append(s.Machines, ms)
	}
	return s
}
