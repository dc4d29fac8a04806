package page

import (
	"cmp"
	"encoding/binary"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"

	"sandai/inventory"
)

// FirstData is what the page that makes a rack is drawn from.
type FirstData struct {
	Interfaces []inventory.HostInterface
	Probes     map[string]Probe // by interface
	Racks      []inventory.Rack // that there are
	Chosen     string           // the interface
	Typed      map[string]string
	Errors     map[string]string
	FileError  string // what is wrong with the rack.yaml that was handed in
}

// Probe is what a look for DHCP servers on an interface found.
type Probe struct {
	Running bool
	At      time.Time // when it ended; zero where there was none yet
	Server  *inventory.DHCPServer
	Err     string
}

// FirstView is the page that makes a rack.
type FirstView struct {
	Interfaces []InterfaceRow
	Chosen     *InterfaceRow
	Groups     []Group
	FileError  string
	First      bool // there is no rack yet
}

// InterfaceRow is an interface of the appliance with what was found on it.
type InterfaceRow struct {
	inventory.HostInterface
	Probe
	Chosen bool
	Rack   string // that it serves already
}

// Free reports whether the interface can serve a new rack.
func (r InterfaceRow) Free() bool { return r.Rack == "" && r.Master == "" }

func (r InterfaceRow) order() int {
	switch {
	case r.Master != "":
		return 2
	case r.Rack != "":
		return 1
	}
	return 0
}

// Asked reports whether DHCP servers were looked for.
func (r InterfaceRow) Asked() bool { return !r.At.IsZero() }

// FirstPage makes the view. It is pure.
func FirstPage(d FirstData) FirstView {
	v := FirstView{FileError: d.FileError, First: len(d.Racks) == 0}
	serves := map[string]string{}
	for _, r := range d.Racks {
		serves[r.Interface] = r.Name
	}
	for _, i := range d.Interfaces {
		row := InterfaceRow{HostInterface: i, Probe: d.Probes[i.Name], Rack: serves[i.Name]}
		row.Chosen = i.Name == d.Chosen && row.Free()
		v.Interfaces = append(v.Interfaces, row)
		if row.Chosen {
			v.Chosen = &row
		}
	}
	// What a rack can be made on comes first, parts of a bridge last.
	slices.SortStableFunc(v.Interfaces, func(a, b InterfaceRow) int { return cmp.Compare(a.order(), b.order()) })
	if v.Chosen != nil {
		v.Groups = firstGroups(*v.Chosen, d)
		fill(v.Groups, d.Typed, d.Errors)
	}
	return v
}

func firstGroups(i InterfaceRow, d FirstData) []Group {
	own := proposeAddress(i.HostInterface, d)
	text := func(name string, label Text, value string, hint Text) Field {
		return Field{Name: name, Label: label, Type: FieldText, Value: value, Hint: hint, Mono: true}
	}
	need := func(f Field) Field { f.Need = true; return f }
	mtu := func(name, value string) Field {
		return Field{Name: name, Label: Both("MTU"), Type: FieldNumber, Value: value, Hint: Text{"bytes; the switch must carry it", "バイト。スイッチも対応している必要があります"}}
	}
	release := Field{Name: "release", Label: Text{"Release", "リリース"}, Type: FieldChoice, Value: "2025.1",
		Options: []Option{{Value: "2025.1", Label: Both("OpenStack 2025.1 (Epoxy)")}, {Value: inventory.ReleaseDebian, Label: Text{"Debian 13, no cloud", "Debian 13 のみ（クラウドなし）"}}}}
	return []Group{
		{Title: Text{"The rack", "ラック"}, Fields: []Field{
			need(text("rack", Text{"Name", "名前"}, freeRack(d.Racks), Text{"lower case letters, digits and hyphens; you will type it to confirm an install", "英小文字・数字・ハイフン。インストールの確認時に入力します"})),
			release,
			text("region", Text{"Region", "リージョン"}, "RegionOne", Text{"of the cloud, in Keystone", "クラウドの Keystone リージョン"}),
			{Name: "inspect_newcomers", Label: Text{"Look at the hardware of newcomers: each is booted into memory once, and nothing on it is changed", "新顔のハードウェアを調査する（一度だけメモリ上で起動し、何も変更しません）"}, Type: FieldTick, Value: "yes"},
		}},
		{Title: Text{"Provisioning network", "プロビジョニングネットワーク"}, Hint: Text{"The servers boot, are managed and talk to each other here. The appliance answers DHCP on it, and nobody else may.", "サーバーの起動・管理・相互通信に使います。DHCP にはアプライアンスだけが応答します。"}, Fields: []Field{
			need(text("address", Text{"Appliance's address", "アプライアンスのアドレス"}, own, addressHint(i))),
			need(text("provisioning_cidr", Text{"Network", "ネットワーク"}, maskedOf(own), Text{})),
			text("provisioning_gateway", Text{"Gateway", "ゲートウェイ"}, "", Text{"empty where the servers have no way out", "外部への経路がなければ空欄"}),
			need(text("provisioning_pool", Text{"Pool", "プール"}, poolOf(own), Text{"first and last address, for servers without a role; outside it are those of the rack's servers", "ロールのないサーバー用の範囲。ロールのあるサーバーには範囲外のアドレスを割り当てます"})),
			mtu("provisioning_mtu", "1500"),
		}},
		{Title: Text{"Provider network", "プロバイダーネットワーク"}, Hint: Text{"The outside world: floating addresses come from its pool. The network node's second NIC is cabled to it.", "外部ネットワーク。フローティング IP はこのプールから割り当てます。network ノードの 2 番目の NIC を接続します。"}, Fields: []Field{
			need(text("provider_cidr", Text{"Network", "ネットワーク"}, "", Text{"like 192.0.2.0/24", "例：192.0.2.0/24"})),
			text("provider_gateway", Text{"Gateway", "ゲートウェイ"}, "", Text{"the router there", "そのネットワークのルーター"}),
			need(text("provider_pool", Text{"Pool", "プール"}, "", Text{"like 192.0.2.100-192.0.2.199, which nobody else uses", "例：192.0.2.100-192.0.2.199（他で未使用の範囲）"})),
			mtu("provider_mtu", "1500"),
		}},
		{Title: Text{"Tenant network", "テナントネットワーク"}, Hint: Text{"What the first project's servers get; it exists only inside the cloud.", "最初のプロジェクトのサーバーが使う、クラウド内部のネットワークです。"}, Fields: []Field{
			need(text("tenant_cidr", Text{"Network", "ネットワーク"}, freeNetwork([]string{"172.16.1.0/24", "172.17.1.0/24", "192.168.201.0/24"}, append(taken(d), maskedOf(own))), Text{})),
		}},
		{Title: Text{"Access", "アクセス"}, Fields: []Field{
			{Name: "ssh_keys", Label: Text{"SSH keys", "SSH 公開鍵"}, Type: FieldLines, Hint: Text{"who may log in as root on every server; one line of a .pub file each; may be empty", "全サーバーに root でログインできる鍵。1 行に 1 つ、空欄可"}},
		}},
	}
}

func addressHint(i InterfaceRow) Text {
	if len(i.Addresses) > 0 {
		a := strings.Join(i.Addresses, ", ")
		return Textf(Text{"%s has %s; another one is added to it by Sandai when it starts", "%s のアドレスは %s です。別のアドレスを指定すると、Sandai が起動時に追加します"}, i.Name, a)
	}
	return Textf(Text{"%s has no address: Sandai adds this one to it, now and at each start", "%s にはアドレスがありません。Sandai がこのアドレスを、今回と起動のたびに追加します"}, i.Name)
}

// proposeAddress is the interface's own address, else one in a network that
// nobody has yet.
func proposeAddress(i inventory.HostInterface, d FirstData) string {
	for _, a := range i.Addresses {
		if p, err := netip.ParsePrefix(a); err == nil && p.Bits() >= 8 && p.Bits() <= 29 {
			return a
		}
	}
	var candidates []string
	for n := 77; n < 100; n++ {
		candidates = append(candidates, fmt.Sprintf("10.%d.0.0/24", n))
	}
	free := freeNetwork(candidates, taken(d))
	return strings.Replace(free, ".0/", ".1/", 1)
}

// taken are the networks that the appliance or a rack is in already.
func taken(d FirstData) []string {
	var out []string
	for _, i := range d.Interfaces {
		for _, a := range i.Addresses {
			out = append(out, maskedOf(a))
		}
	}
	for _, r := range d.Racks {
		for _, n := range r.Networks {
			out = append(out, n.CIDR)
		}
	}
	return out
}

// freeNetwork is the first candidate that overlaps none of those taken, "" if
// there is none.
func freeNetwork(candidates, taken []string) string {
	for _, c := range candidates {
		p := netip.MustParsePrefix(c)
		if !slices.ContainsFunc(taken, func(t string) bool { o, err := netip.ParsePrefix(t); return err == nil && o.Overlaps(p) }) {
			return c
		}
	}
	return ""
}

func maskedOf(address string) string {
	p, err := netip.ParsePrefix(address)
	if err != nil {
		return ""
	}
	return p.Masked().String()
}

// poolOf proposes a pool of at most a hundred addresses in the network of an
// address and without it: 10.77.0.100-10.77.0.199 for 10.77.0.1/24.
func poolOf(address string) string {
	p, err := netip.ParsePrefix(address)
	if err != nil || !p.Addr().Is4() || p.Bits() > 29 || p.Bits() < 8 {
		return ""
	}
	number := func(a netip.Addr) uint32 { b := a.As4(); return binary.BigEndian.Uint32(b[:]) }
	size := uint64(1) << (32 - p.Bits())
	network, own := number(p.Masked().Addr()), number(p.Addr())
	first := network + uint32(size*100/256)
	last := min(network+uint32(size*199/256), first+99)
	switch {
	case own < first || own > last:
	case own-first < last-own:
		first = own + 1
	default:
		last = own - 1
	}
	addr := func(n uint32) netip.Addr { return netip.AddrFrom4([4]byte(binary.BigEndian.AppendUint32(nil, n))) }
	return addr(first).String() + "-" + addr(last).String()
}

func freeRack(racks []inventory.Rack) string {
	for n := 1; ; n++ {
		name := fmt.Sprintf("rack-%d", n)
		if !slices.ContainsFunc(racks, func(r inventory.Rack) bool { return r.Name == name }) {
			return name
		}
	}
}
