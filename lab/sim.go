package lab

import (
	"fmt"
	"net/netip"
	"strings"
	"unicode"
)

// simulator is what one ipmi_sim is told in its two files.
type simulator struct {
	Name     string // also the folder of its persistent state
	Addr     netip.AddrPort
	User     string
	Password string
	GUID     string // 32 hex digits
	Chassis  string // command run as "Chassis get|set WHAT [VALUE]" by sh
	// Serial is where the machine's KCS device connects to, invalid for none.
	Serial netip.AddrPort
	// Console is the machine's serial port for serial over LAN, invalid for none.
	Console netip.AddrPort
	Sensors []sensor
	FRU     string // path of the FRU data, "" for none
	FRUSize int    // bytes
}

// maxPassword is the longest password of IPMI 1.5 and of most BMCs in bytes
// (IPMI 2.0 §22.30 allows 20).
const maxPassword = 16

func (s simulator) check() error {
	for what, v := range map[string]string{"name": s.Name, "user": s.User, "password": s.Password, "chassis command": s.Chassis, "path": s.FRU} {
		if i := strings.IndexFunc(v, func(r rune) bool { return r == '"' || r == '\\' || unicode.IsControl(r) }); i >= 0 {
			return fmt.Errorf("the simulator's %s holds a quote, a backslash or a control character, which ipmi_sim's files cannot hold; choose another one", what)
		}
	}
	if strings.ContainsAny(s.User+s.Password+s.Name, " \t") {
		return fmt.Errorf("the simulator's name, user or password holds a space, which ipmi_sim cannot read; choose another one")
	}
	if len(s.User) > 16 || len(s.Password) > maxPassword {
		return fmt.Errorf("the simulator's user or password is longer than 16 bytes, which IPMI does not allow; shorten it")
	}
	return nil
}

// lanConf renders the file of ipmi_sim's -c option, see ipmi_lan(5).
func (s simulator) lanConf() string {
	var b strings.Builder
	fmt.Fprintf(&b, "name \"%s\"\nset_working_mc 0x20\n", s.Name)
	fmt.Fprintf(&b, "  startlan 1\n    addr %s %d\n    priv_limit admin\n", s.Addr.Addr(), s.Addr.Port())
	for _, p := range []string{"callback", "user", "operator", "admin"} {
		fmt.Fprintf(&b, "    allowed_auths_%s none md2 md5 straight\n", p)
	}
	fmt.Fprintf(&b, "    guid %s\n  endlan\n", s.GUID)
	fmt.Fprintf(&b, "  chassis_control \"%s\"\n", s.Chassis)
	if s.Serial.IsValid() {
		fmt.Fprintf(&b, "  serial 15 %s %d codec VM\n", s.Serial.Addr(), s.Serial.Port())
	}
	if s.Console.IsValid() {
		fmt.Fprintf(&b, "  sol \"tcp:%s:%d\" 115200 history=8192\n", s.Console.Addr(), s.Console.Port())
	}
	b.WriteString("  user 1 false \"\" \"\" user 10 none md2 md5 straight\n")
	fmt.Fprintf(&b, "  user 2 true \"%s\" \"%s\" admin 10 none md2 md5 straight\n", s.User, s.Password)
	return b.String()
}

// emuCommands renders the file of ipmi_sim's -f option, see ipmi_sim_cmd(5).
// The device answers as revision 3 of the specification's BMC with sensor, SDR,
// SEL, FRU and chassis support (IPMI 2.0 §20.1, device support 0x9f).
func (s simulator) emuCommands() string {
	var b strings.Builder
	b.WriteString("mc_setbmc 0x20\nmc_add 0x20 0 no-device-sdrs 0x23 9 8 0x9f 0x1291 0xf02\nsel_enable 0x20 1000 0x0a\n")
	for i, v := range s.Sensors {
		v.commands(&b, i+1)
	}
	if s.FRU != "" {
		fmt.Fprintf(&b, "mc_add_fru_data 0x20 0 %d file 0 \"%s\"\n", s.FRUSize, s.FRU)
	}
	b.WriteString("mc_enable 0x20\n")
	return b.String()
}
