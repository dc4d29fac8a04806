package bmc

import (
	"context"
	"time"

	"github.com/bmc-toolbox/bmclib/v2"
)

// SEL implements Controller.
func (c *ipmi) SEL(ctx context.Context) ([]Event, error) {
	var rows [][]string
	err := c.lib(ctx, "read the event log", listTime, func(ctx context.Context, cl *bmclib.Client) error {
		var err error
		rows, err = cl.GetSystemEventLog(ctx)
		return err
	})
	if err != nil {
		return nil, err
	}
	var list []Event
	for _, r := range rows {
		if len(r) < 4 {
			continue
		}
		list = append(list, Event{ID: r[0], When: r[1], Time: parseSELTime(r[1]), Sensor: r[2], Text: r[3]})
	}
	return list, nil
}

// parseSELTime reads what ipmitool prints, in the appliance's time zone. A BMC
// whose clock was not set yet gives "Pre-Init", which is the zero time.
func parseSELTime(s string) time.Time {
	for _, layout := range []string{"01/02/2006 15:04:05 MST", "01/02/06 15:04:05 MST", "01/02/2006 15:04:05", "01/02/06 15:04:05", "01/02/2006 03:04:05 PM MST"} {
		if t, err := time.ParseInLocation(layout, s, time.Local); err == nil {
			return t
		}
	}
	return time.Time{}
}
