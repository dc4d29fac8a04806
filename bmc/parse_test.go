package bmc

import (
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestParseBootFlags(t *testing.T) {
	const head = "Boot parameter version: 1\nBoot parameter 5 is valid/unlocked\nBoot parameter data: 8004000000\n Boot Flags :\n"
	for name, x := range map[string]struct {
		out  string
		want bootFlags
	}{
		"pxe":     {head + "   - Boot Flag Valid\n   - Options apply to only next boot\n   - Boot Device Selector : Force PXE\n", bootFlags{true, BootPXE, "Force PXE"}},
		"disk":    {head + "   - Boot Flag Valid\n   - Options apply to all future boots\n   - Boot Device Selector : Force Boot from default Hard-Drive\n", bootFlags{true, BootDisk, "Force Boot from default Hard-Drive"}},
		"invalid": {head + "   - Boot Flag Invalid\n   - Boot Device Selector : No override\n", bootFlags{false, "", "No override"}},
		"nothing": {"", bootFlags{}},
	} {
		if got := parseBootFlags(x.out); got != x.want {
			t.Errorf("%s: %+v, want %+v", name, got, x.want)
		}
	}
}

func TestParseSensors(t *testing.T) {
	got, err := parseSensors("CPU Temp,42,degrees C,ok\nFan 2,,ns\nVcore,1.08,Volts,nc\n\"PSU, left\",disabled,,ns\n\n")
	want := []Sensor{{"CPU Temp", 42, "degrees C", "ok"}, {"Fan 2", 0, "", "ns"}, {"Vcore", 1.08, "Volts", "nc"}, {"PSU, left", 0, "", "ns"}}
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
}

func TestParseSELTime(t *testing.T) {
	for in, want := range map[string]time.Time{
		"03/02/2024 10:11:12":     time.Date(2024, 3, 2, 10, 11, 12, 0, time.Local),
		"03/02/2024 10:11:12 UTC": time.Date(2024, 3, 2, 10, 11, 12, 0, time.UTC),
		"03/02/24 10:11:12 UTC":   time.Date(2024, 3, 2, 10, 11, 12, 0, time.UTC),
		"Pre-Init 0000001999":     {},
	} {
		if got := parseSELTime(in); !got.Equal(want) {
			t.Errorf("%s: %v, want %v", in, got, want)
		}
	}
}

func TestClassify(t *testing.T) {
	const end = "\nError: Unable to establish IPMI v2 / RMCP+ session\n"
	for out, want := range map[string]error{
		"> RAKP 2 HMAC is invalid" + end:                                                                   ErrAuth,
		"RAKP 2 message indicates an error : unauthorized name" + end:                                      ErrAuth,
		"Set Session Privilege Level to ADMINISTRATOR failed" + end:                                        ErrAuth,
		"Get Auth Capabilities error\nError issuing Get Channel Authentication Capabilities request" + end: ErrUnreachable,
		"Address lookup for bmc.example failed\nCould not open socket!" + end:                              ErrUnreachable,
		"Chassis Power Control command failed: Command not supported in present state\n":                   nil,
	} {
		if got := classify(out); !errors.Is(got, want) || (got == nil) != (want == nil) {
			t.Errorf("%q: %v, want %v", out, got, want)
		}
	}
}
