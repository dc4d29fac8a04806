package bmc

import (
	"context"
	"encoding/csv"
	"fmt"
	"strconv"
	"strings"
)

// Sensors implements Controller: the full sensor records (IPMI 2.0 §43.1).
func (c *ipmi) Sensors(ctx context.Context) ([]Sensor, error) {
	out, err := c.ipmitool(ctx, "read the sensors", listTime, "-c", "sdr", "list", "full")
	if err != nil {
		return nil, err
	}
	list, err := parseSensors(out)
	if err != nil {
		return nil, &Error{Op: "read the sensors", Address: c.hostPort(), Detail: err.Error(), Err: err, Next: "try again; if it stays, reset the BMC"}
	}
	return list, nil
}

// parseSensors reads ipmitool's CSV: name, value, unit, status. A sensor
// without a reading has an empty value, and then no unit.
func parseSensors(out string) ([]Sensor, error) {
	r := csv.NewReader(strings.NewReader(out))
	r.FieldsPerRecord, r.LazyQuotes = -1, true
	rows, err := r.ReadAll()
	if err != nil {
		return nil, fmt.Errorf("the list of sensors cannot be read: %w", err)
	}
	var list []Sensor
	for _, f := range rows {
		if len(f) < 3 {
			continue
		}
		s := Sensor{Name: strings.TrimSpace(f[0]), Status: strings.TrimSpace(f[len(f)-1])}
		if v, err := strconv.ParseFloat(strings.TrimSpace(f[1]), 64); err == nil && len(f) > 3 {
			s.Value, s.Unit = v, strings.TrimSpace(f[2])
		} else {
			s.Status = "ns"
		}
		list = append(list, s)
	}
	return list, nil
}
