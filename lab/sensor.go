package lab

import (
	"fmt"
	"strings"
)

// sensor is one threshold sensor of a simulated BMC, linear with B = 0 and no
// exponents: reading = M * raw.
type sensor struct {
	Name   string // at most 16 bytes of ASCII
	Entity byte   // IPMI 2.0 table 43-13
	Kind   byte   // sensor type, IPMI 2.0 table 42-3
	Unit   byte   // sensor unit, IPMI 2.0 table 43-15
	M      byte
	Raw    byte // what it reads
	Upper  byte // raw value of the upper critical threshold
}

// defaultSensors are what every machine of a rack shows.
var defaultSensors = []sensor{
	{Name: "CPU Temp", Entity: 0x03, Kind: 0x01, Unit: 1, M: 1, Raw: 42, Upper: 95},
	{Name: "Inlet Temp", Entity: 0x37, Kind: 0x01, Unit: 1, M: 1, Raw: 23, Upper: 45},
	{Name: "Fan 1", Entity: 0x1d, Kind: 0x04, Unit: 18, M: 60, Raw: 70, Upper: 250},
	{Name: "PSU Power", Entity: 0x0a, Kind: 0x0b, Unit: 6, M: 2, Raw: 48, Upper: 240},
}

// commands writes the simulator commands that make the sensor and its record.
func (s sensor) commands(b *strings.Builder, number int) {
	fmt.Fprintf(b, "sensor_add 0x20 0 %d 0x%02x 0x01\n", number, s.Kind)
	fmt.Fprintf(b, "sensor_set_value 0x20 0 %d %d 0\n", number, s.Raw)
	fmt.Fprintf(b, "sensor_set_threshold 0x20 0 %d settable 010000 0 %d 0 0 0 0\n", number, s.Upper)
	fmt.Fprintf(b, "sensor_set_event_support 0x20 0 %d enable scanning per-state 000001000000000 000001000000000 000001000000000 000001000000000\n", number)
	b.WriteString("main_sdr_add 0x20")
	for _, v := range s.record(number) {
		fmt.Fprintf(b, " 0x%02x", v)
	}
	b.WriteString("\n")
}

// record is the sensor's full sensor record, IPMI 2.0 §43.1.
func (s sensor) record(number int) []byte {
	r := make([]byte, 48, 48+len(s.Name))
	r[2] = 0x51 // SDR version 1.5
	r[3] = 0x01 // full sensor record
	r[4] = byte(43 + len(s.Name))
	r[5] = 0x20
	r[7] = byte(number)
	r[8], r[9] = s.Entity, 1
	r[10] = 0x7f              // initialised, scanning and events on
	r[11] = 0x68              // thresholds readable and settable, hysteresis none, per-state events
	r[12], r[13] = s.Kind, 1  // threshold
	r[15], r[17] = 0x02, 0x02 // upper critical going high, asserts and deasserts
	r[18], r[19] = 0x10, 0x10 // upper critical readable and settable
	r[21] = s.Unit
	r[24] = s.M
	r[34] = 0xff // sensor maximum; the minimum is 0
	r[37] = s.Upper
	r[47] = 0xc0 | byte(len(s.Name)) // 8-bit ASCII
	return append(r, s.Name...)
}
