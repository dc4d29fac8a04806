package page

import (
	"slices"
	"strconv"
	"time"

	"sandai/inventory"
)

// BMCFacts is what is known of what the selected node's BMC measures and
// remembers.
type BMCFacts struct {
	HandsOff bool // the node is not to be touched, so its BMC is not asked
	Sensors  Answer[inventory.Sensors]
	SEL      Answer[inventory.SEL]
}

// BMCFactsView is that part of the drawer.
type BMCFactsView struct {
	HandsOff    bool
	Sensors     []SensorRow
	SensorAsked Asked
	SensorFault Text // what kind of error it is
	SEL         []SELRow
	More        int // records that are not shown
	SELAsked    Asked
	SELFault    Text
}

// SensorRow is one reading.
type SensorRow struct {
	Name, Value, Unit string
	Lamp              Lamp
}

// SELRow is one record of the event log.
type SELRow struct {
	inventory.SELEvent
	Clock string
}

// selShown is how many of the newest records are shown.
const selShown = 50

var sensorLamps = map[string]Lamp{
	"ok": {"●", Text{"ok", "正常"}, "good"}, "nc": {"◔", Text{"warning", "注意"}, "wait"}, "cr": {"✕", Text{"critical", "危険"}, "bad"},
	"nr": {"✕", Text{"not recoverable", "回復不能"}, "bad"}, "ns": {"–", Text{"no reading", "値なし"}, "quiet"},
}

var sensorUnits = map[string]string{"degrees C": "°C", "degrees F": "°F", "Volts": "V", "Watts": "W", "Amps": "A", "percent": "%"}

func bmcFactsView(f BMCFacts, now time.Time) *BMCFactsView {
	v := &BMCFactsView{HandsOff: f.HandsOff, SensorAsked: AskedOf(f.Sensors, now), SELAsked: AskedOf(f.SEL, now), SensorFault: bmcFault(f.Sensors.Err, f.Sensors.Code), SELFault: bmcFault(f.SEL.Err, f.SEL.Code)}
	for _, s := range f.Sensors.Value.Sensors {
		r := SensorRow{Name: s.Name, Unit: s.Unit}
		if u, ok := sensorUnits[s.Unit]; ok {
			r.Unit = u
		}
		var ok bool
		if r.Lamp, ok = sensorLamps[s.Status]; !ok {
			r.Lamp = Lamp{"?", Both(s.Status), "quiet"}
		}
		if s.Status != "ns" {
			r.Value = strconv.FormatFloat(s.Value, 'f', -1, 64)
		} else {
			r.Unit = ""
		}
		v.Sensors = append(v.Sensors, r)
	}
	slices.SortStableFunc(v.Sensors, func(a, b SensorRow) int {
		return slices.Index(severity, b.Lamp.Class) - slices.Index(severity, a.Lamp.Class)
	})
	// What has no reading is least.
	slices.SortStableFunc(v.Sensors, func(a, b SensorRow) int { return boolRank(a.Value == "") - boolRank(b.Value == "") })
	for _, e := range slices.Backward(f.SEL.Value.Events) {
		if len(v.SEL) == selShown {
			v.More = len(f.SEL.Value.Events) - selShown
			break
		}
		r := SELRow{SELEvent: e, Clock: e.When}
		if !e.Time.IsZero() {
			r.Clock = e.Time.UTC().Format("2006-01-02 15:04:05 UTC")
		}
		v.SEL = append(v.SEL, r)
	}
	return v
}

func boolRank(b bool) int {
	if b {
		return 1
	}
	return 0
}

// bmcFault tells the errors of a BMC apart, the zero Text for none.
func bmcFault(err string, code inventory.Code) Text {
	switch {
	case err == "":
		return Text{}
	case code == inventory.Invalid:
		return Text{"The BMC refuses the login", "BMC がログインを拒否しています"}
	case code == inventory.Unavailable:
		return Text{"The BMC does not answer", "BMC が応答しません"}
	}
	return Text{"The BMC answers with an error", "BMC がエラーを返しました"}
}
