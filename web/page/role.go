package page

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"sandai/inventory"
)

// RoleData is what the form that gives a role is drawn from.
type RoleData struct {
	Rack inventory.Rack
	Node inventory.Node
	Fits []inventory.Fitness
	Role inventory.Role // that is asked for
	// Proposed is what the engine would choose for that role.
	Proposed inventory.RoleRequest
	Typed    map[string]string // by field; nil before anything was typed
	Errors   map[string]string // by field
}

// RoleView is the form that gives a server a role.
type RoleView struct {
	Rack    inventory.Rack
	Node    inventory.Node
	Role    inventory.Role
	Roles   []RoleChoice
	Chosen  RoleChoice
	Groups  []Group
	Anyway  Field // consent to the warnings
	MayTake bool  // it has a role, which can be taken away
}

// RoleChoice is a role with what speaks against it.
type RoleChoice struct {
	Role    inventory.Role
	Fits    bool // there are at most warnings
	Reasons []Reason
}

// Reason is one thing that speaks against a role.
type Reason struct {
	Text  Text
	Stops bool
}

// Warned reports whether the role can be had, with warnings.
func (c RoleChoice) Warned() bool { return c.Fits && len(c.Reasons) > 0 }

// RoleForm makes the view. It is pure.
func RoleForm(d RoleData) RoleView {
	v := RoleView{Rack: d.Rack, Node: d.Node, Role: d.Role, MayTake: d.Node.Role != ""}
	for _, f := range d.Fits {
		c := RoleChoice{Role: f.Role, Fits: f.Fits}
		for _, m := range f.Misfits {
			c.Reasons = append(c.Reasons, Reason{misfit(f.Role, m), !m.Warning})
		}
		v.Roles = append(v.Roles, c)
		if f.Role == d.Role {
			v.Chosen = c
		}
	}
	v.Groups = []Group{d.identity(), d.disks(), d.network(), d.bmc()}
	v.Groups = slices.DeleteFunc(v.Groups, func(g Group) bool { return len(g.Fields) == 0 })
	fill(v.Groups, d.Typed, d.Errors)
	v.Anyway = Field{Name: "anyway", Type: FieldTick, Value: d.Typed["anyway"], Error: d.Errors["anyway"],
		Label: Textf(Text{"Give it the role %s all the same", "それでも %s のロールを割り当てる"}, d.Role)}
	return v
}

// SuggestRole is the role that a form opens with: the one that the node has, else
// the first that fits and that the rack lacks, else compute.
func SuggestRole(r inventory.Rack, n inventory.Node, fits []inventory.Fitness) inventory.Role {
	if n.Role != "" {
		return n.Role
	}
	for _, f := range fits {
		if f.Fits && len(r.ByRole(f.Role)) == 0 {
			return f.Role
		}
	}
	return inventory.Compute
}

var misfitTexts = map[string]string{
	"memory":      "メモリが足りません",
	"disk":        "十分な容量のディスクがありません",
	"volume-disk": "ディスクが 1 台のため、クラウドにボリュームサービスがありません",
	"nic":         "NIC が足りません（プロビジョニング用とプロバイダー用の 2 つが必要です）",
	"link":        "リンクのない NIC があります。プロバイダーネットワークのケーブルを接続してください",
	"virt":        "CPU に svm も vmx も見えないため、サーバーはエミュレーションになり約 10 倍遅くなります。CPU が対応していればファームウェアの設定で仮想化支援を有効にしてください",
	"unknown":     "ハードウェアが未調査のため、適合するか分かりません",
}

// misfit says in both languages what inventory.Fit found, with its figures.
func misfit(role inventory.Role, m inventory.Misfit) Text {
	ja, ok := misfitTexts[m.Code]
	if !ok {
		return Both(m.Text)
	}
	switch m.Code {
	case "memory":
		ja += fmt.Sprintf("：%.1f GiB（%s には %.1f GiB 必要）", float64(m.Have)/1024, role, float64(m.Want)/1024)
	case "disk":
		ja += fmt.Sprintf("：最大 %s（%s には %s 必要）", Bytes(m.Have), role, Bytes(m.Want))
	case "nic", "link":
		ja += fmt.Sprintf("：%d / %d", m.Have, m.Want)
	}
	return Text{m.Text, ja}
}

func (d RoleData) identity() Group {
	firmware := []Option{{Value: "bios", Label: Both("BIOS")}, {Value: "uefi", Label: Both("UEFI")}}
	hint := Text{"how the server starts; as it was seen", "サーバーの起動方式（検出値）"}
	return Group{Title: Text{"Name and address", "名前とアドレス"}, Fields: []Field{
		{Name: "name", Label: Text{"Name", "名前"}, Type: FieldText, Value: d.Proposed.Name, Need: true, Hint: Text{"its host name: lower case letters, digits and hyphens", "ホスト名：英小文字・数字・ハイフン"}},
		{Name: "address", Label: Text{"Address", "アドレス"}, Type: FieldText, Value: d.Proposed.Address, Need: true, Mono: true, Hint: d.addressHint()},
		{Name: "firmware", Label: Text{"Firmware", "ファームウェア"}, Type: FieldChoice, Value: string(cmp.Or(d.Proposed.Firmware, inventory.BIOS)), Options: firmware, Hint: hint},
	}}
}

func (d RoleData) addressHint() Text {
	p := d.Rack.Network(inventory.Provisioning)
	if p == nil {
		return Text{}
	}
	return Textf(Text{"in %s, outside the pool %s–%s", "%s 内、プール %s–%s 以外"}, p.CIDR, p.PoolStart, p.PoolEnd)
}

func (d RoleData) disks() Group {
	g := Group{Title: Text{"Disks", "ディスク"}, Hint: Text{"What is on them is erased by the install, and only then; the preview shows it once more.", "ディスクの内容はインストール時に初めて消去されます。その前に確認画面でもう一度表示します。"}}
	volumes := d.Role == inventory.Controller && d.Rack.Release != inventory.ReleaseDebian
	system := Field{Name: "system_disk", Label: Text{"System disk", "システムディスク"}, Type: FieldText, Value: d.Proposed.SystemDisk, Mono: true}
	volume := Field{Name: "volume_disk", Label: Text{"Disk for volumes", "ボリューム用ディスク"}, Type: FieldText, Value: cmp.Or(d.Proposed.VolumeDisk, inventory.NoDisk), Mono: true}
	if d.Node.Hardware == nil {
		system.Hint = Text{"serial number or WWN; empty where the server has only one disk", "シリアル番号または WWN。ディスクが 1 台だけなら空欄"}
		volume.Hint = Text{`serial number or WWN, or "none": then the cloud has no volumes`, "シリアル番号または WWN。none ならボリュームなし"}
	} else {
		system.Type, system.Mono, system.Options = FieldChoice, false, diskOptions(d.Node.Hardware.Disks)
		if len(d.Node.Hardware.Disks) == 1 && system.Value == "" {
			system.Value = d.Node.Hardware.Disks[0].Selector()
		}
		volume.Type, volume.Mono = FieldChoice, false
		volume.Options = append([]Option{{Value: inventory.NoDisk, Label: Text{"none: the cloud has no volumes", "なし（クラウドにボリュームなし）"}}}, diskOptions(d.Node.Hardware.Disks)...)
	}
	g.Fields = append(g.Fields, system)
	if volumes {
		g.Fields = append(g.Fields, volume)
	}
	return g
}

func diskOptions(disks []inventory.DiskInfo) []Option {
	var out []Option
	for _, d := range disks {
		on := Text{"blank", "空"}
		if len(d.Contents) > 0 {
			on = Both(strings.Join(d.Contents, ", "))
		}
		o := Option{Value: d.Selector()}
		parts := strings.Join(slices.DeleteFunc([]string{d.Name, d.Model, d.Selector(), Bytes(d.Bytes)}, func(s string) bool { return s == "" }), " · ")
		o.Label = Text{parts + " · " + on.EN, parts + " · " + on.JA}
		if o.Value == "" && len(disks) > 1 {
			o.Off = true
			o.Label = Text{o.Label.EN + " (no serial number or WWN to choose it by)", o.Label.JA + "（シリアル番号も WWN もなく選択できません）"}
		}
		out = append(out, o)
	}
	return out
}

func (d RoleData) network() Group {
	if d.Role != inventory.NetworkRole {
		return Group{}
	}
	f := Field{Name: "provider_mac", Label: Text{"Provider NIC", "プロバイダー NIC"}, Type: FieldText, Value: d.Proposed.ProviderMAC, Mono: true,
		Hint: Text{"the MAC of the NIC that is cabled to the provider network", "プロバイダーネットワークに接続した NIC の MAC"}}
	if d.Node.Hardware != nil && len(d.Node.Hardware.NICs) > 0 {
		f.Type, f.Mono = FieldChoice, false
		for _, n := range d.Node.Hardware.NICs {
			link := Text{"no link", "リンクなし"}
			if n.Link {
				link = Text{"link", "リンクあり"}
				if n.Mbps > 0 {
					link = Both(strconv.Itoa(n.Mbps) + " Mb/s")
				}
			}
			o := Option{Value: n.MAC, Label: Text{n.Name + " · " + n.MAC + " · " + link.EN, n.Name + " · " + n.MAC + " · " + link.JA}}
			if n.MAC == d.Node.MAC(inventory.Provisioning) {
				o.Off = true
				o.Label = Text{o.Label.EN + " (is on the provisioning network)", o.Label.JA + "（プロビジョニングネットワークに接続）"}
			}
			f.Options = append(f.Options, o)
		}
		if f.Value == "" {
			f.Options = append([]Option{{Label: Text{"choose one", "選択してください"}}}, f.Options...)
		}
	}
	return Group{Title: Text{"Provider network", "プロバイダーネットワーク"}, Fields: []Field{f}}
}

func (d RoleData) bmc() Group {
	b := inventory.BMC{Kind: "ipmi", Address: found(d.Node.Hardware)}
	hint := Text{"without it the server cannot be switched on from here", "未登録の場合、ここから電源を操作できません"}
	password := Text{"kept sealed and never shown again", "暗号化して保管し、再表示しません"}
	if d.Node.BMC != nil {
		b = *d.Node.BMC
		password = Text{"empty keeps the one that is kept", "空欄なら保管済みのパスワードを使います"}
	} else if b.Address != "" {
		hint = Text{"as the server itself says", "サーバー自身が報告した値です"}
	}
	port := ""
	if b.Port != 0 {
		port = strconv.Itoa(b.Port)
	}
	return Group{Title: Both("BMC"), Fields: []Field{
		{Name: "bmc_kind", Label: Text{"Kind", "種類"}, Type: FieldChoice, Value: b.Kind, Options: []Option{{Value: "ipmi", Label: Both("IPMI")}, {Value: "redfish", Label: Both("Redfish")}}},
		{Name: "bmc_address", Label: Text{"Address", "アドレス"}, Type: FieldText, Value: b.Address, Mono: true, Hint: hint},
		{Name: "bmc_port", Label: Text{"Port", "ポート"}, Type: FieldNumber, Value: port, Hint: Text{"empty: 623 for IPMI, 443 for Redfish", "空欄：IPMI は 623、Redfish は 443"}},
		{Name: "bmc_user", Label: Text{"User", "ユーザー"}, Type: FieldText, Value: b.User},
		{Name: "bmc_password", Label: Text{"Password", "パスワード"}, Type: FieldPassword, Hint: password},
	}}
}

// found is the BMC's address as the server says it over its own interface.
func found(h *inventory.Hardware) string {
	if h == nil {
		return ""
	}
	return h.BMC
}
