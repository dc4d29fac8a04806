package inventory

import "time"

// Sensor is one reading of a BMC's analogue sensor (IPMI 2.0 §43.1).
type Sensor struct {
	Name   string  `json:"name"`
	Value  float64 `json:"value"`  // in Unit; 0 when Status is "ns"
	Unit   string  `json:"unit"`   // "degrees C", "RPM", "Watts", "Volts"
	Status string  `json:"status"` // "ok", "nc" non-critical, "cr" critical, "nr" non-recoverable, "ns" no reading
}

// Sensors is what a BMC measured at a time.
type Sensors struct {
	Asked   time.Time `json:"asked"`
	Sensors []Sensor  `json:"sensors"`
}

// SELEvent is one record of a BMC's system event log (IPMI 2.0 §32).
type SELEvent struct {
	ID     string    `json:"id"`            // record number, hexadecimal
	Time   time.Time `json:"time,omitzero"` // zero when the BMC's clock was not set
	When   string    `json:"when"`          // the time as the BMC gave it
	Sensor string    `json:"sensor"`
	Text   string    `json:"text"`
}

// SEL is a BMC's event log at a time, oldest first.
type SEL struct {
	Asked  time.Time  `json:"asked"`
	Events []SELEvent `json:"events"`
}
