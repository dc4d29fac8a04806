package rackfile

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"reflect"
	"regexp"
	"strings"

	"github.com/go-playground/validator/v10"
	"golang.org/x/crypto/ssh"

	"sandai/inventory"
)

// releases are those that the install guide is compiled for, and Debian alone.
var releases = map[string]bool{"2025.1": true, inventory.ReleaseDebian: true}

var (
	labelForm     = regexp.MustCompile(`^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$`)
	regionForm    = regexp.MustCompile(`^[A-Za-z0-9._-]{1,255}$`)
	interfaceForm = regexp.MustCompile(`^[A-Za-z0-9._-]{1,15}$`) // IFNAMSIZ is 16 with the closing zero
	hostForm      = regexp.MustCompile(`^[A-Za-z0-9]([A-Za-z0-9.-]{0,251}[A-Za-z0-9])?$`)
)

// rules is the validator with the rules that its own set has not, or has
// wider than a rack needs.
var rules = newRules()

func newRules() *validator.Validate {
	v := validator.New(validator.WithRequiredStructEnabled())
	v.RegisterTagNameFunc(func(f reflect.StructField) string {
		name, _, _ := strings.Cut(f.Tag.Get("yaml"), ",")
		return name
	})
	for tag, good := range map[string]func(string) bool{
		"label":     labelForm.MatchString,
		"nodename":  goodName,
		"release":   func(s string) bool { return releases[s] },
		"region":    regionForm.MatchString,
		"interface": interfaceForm.MatchString,
		"hostcidr":  func(s string) bool { _, err := parseHostCIDR(s); return err == nil },
		"network":   func(s string) bool { _, err := parseNetwork(s); return err == nil },
		"ip":        func(s string) bool { _, err := parseIP(s); return err == nil },
		"pool":      func(s string) bool { _, _, err := parsePool(s); return err == nil },
		"mac48":     func(s string) bool { _, err := parseMAC(s); return err == nil },
		"sshkey":    goodKey,
		"host":      goodHost,
	} {
		err := v.RegisterValidation(tag, func(f validator.FieldLevel) bool { return good(f.Field().String()) })
		if err != nil {
			panic(err) // a tag of this very file is wrong
		}
	}
	return v
}

// values checks each value alone, and skips those that are of a wrong kind.
func (r *reader) values(f *file) {
	var errs validator.ValidationErrors
	if err := rules.Struct(f); err != nil && !errors.As(err, &errs) {
		panic(err) // not a mistake of the file: a tag of the struct is wrong
	}
	for _, e := range errs {
		_, field, _ := strings.Cut(e.Namespace(), ".")
		switch {
		case r.inBroken(field):
		case e.Tag() == "required":
			r.add(field, "is missing%s", expectation(field))
		case e.Tag() == "min":
			r.add(field, "is empty%s", expectation(field))
		default:
			r.add(field, "is %s%s", quote(reflect.ValueOf(e.Value())), expectation(field))
		}
	}
}

// inBroken reports whether a field, or one around it, is of a wrong kind: that
// was told, and what is missing inside says nothing more.
func (r *reader) inBroken(field string) bool {
	for _, b := range r.broken {
		if rest, ok := strings.CutPrefix(field, b); ok && (rest == "" || rest[0] == '.' || rest[0] == '[') {
			return true
		}
	}
	return false
}

func quote(v reflect.Value) string {
	if v.Kind() != reflect.String {
		return fmt.Sprint(v.Interface())
	}
	text := []rune(v.String())
	if len(text) > 60 {
		text = append(text[:60], '…')
	}
	return fmt.Sprintf("%q", string(text))
}

func parseIP(s string) (netip.Addr, error) {
	ip, err := netip.ParseAddr(s)
	if err == nil && !ip.Is4() {
		err = errors.New("not IPv4")
	}
	return ip, err
}

func parseHostCIDR(s string) (netip.Prefix, error) {
	p, err := netip.ParsePrefix(s)
	if err == nil && (!p.Addr().Is4() || p.Bits() < 8 || p.Bits() > 29) {
		err = errors.New("not IPv4 from /8 to /29")
	}
	return p, err
}

func parseNetwork(s string) (netip.Prefix, error) {
	p, err := parseHostCIDR(s)
	if err == nil && p != p.Masked() {
		err = errors.New("host bits are set")
	}
	return p, err
}

func parsePool(s string) (first, last netip.Addr, err error) {
	a, b, found := strings.Cut(s, "-")
	first, err1 := parseIP(strings.TrimSpace(a))
	last, err2 := parseIP(strings.TrimSpace(b))
	if err = errors.Join(err1, err2); err == nil && (!found || last.Less(first)) {
		err = errors.New("not a range")
	}
	return first, last, err
}

// parseMAC returns a MAC in lower case with colons. A group address cannot be
// the address of one card (IEEE 802: lowest bit of the first byte).
func parseMAC(s string) (string, error) {
	mac, err := net.ParseMAC(s)
	if err == nil && (len(mac) != 6 || mac[0]&1 != 0 || mac.String() == "00:00:00:00:00:00") {
		err = errors.New("not one card's MAC")
	}
	return mac.String(), err
}

// goodName keeps two names out: "rack/…" are the keys of the rack's own steps, and
// a newcomer's certificate is made out to "new-…".
func goodName(s string) bool { return s != "rack" && !strings.HasPrefix(s, "new-") }

func goodHost(s string) bool {
	if _, err := netip.ParseAddr(s); err == nil {
		return true
	}
	return hostForm.MatchString(s)
}

func goodKey(s string) bool {
	_, _, options, rest, err := ssh.ParseAuthorizedKey([]byte(s))
	return err == nil && len(options) == 0 && len(rest) == 0
}

// usable reports whether a host may have the address: not the network's own
// and not its broadcast address.
func usable(n netip.Prefix, ip netip.Addr) bool {
	return n.Contains(ip) && ip != n.Addr() && ip != broadcast(n)
}

func broadcast(n netip.Prefix) netip.Addr {
	b := n.Addr().As4()
	host := uint32(1)<<(32-n.Bits()) - 1
	binary.BigEndian.PutUint32(b[:], binary.BigEndian.Uint32(b[:])|host)
	return netip.AddrFrom4(b)
}
