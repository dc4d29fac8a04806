package installer

import (
	"strings"

	"sandai/inventory"
)

// phaseTexts are the phases' titles and reasons in Japanese; in English they are
// in phases, which the plan is made of.
var phaseTexts = map[string]struct{ title, why string }{
	phasePower:    {"ネットワークブートを指定して電源を入れる", "IPMI で BMC に指示し、電源の状態を読み返して確かめます。"},
	phaseFirmware: {"ファームウェアが起動しアドレスを要求", "最初の DHCP フレームで完了します。サーバーの自己診断には 3〜30 分かかります。"},
	phaseDHCP:     {"アドレスの合意", "DHCP（RFC 2131）。"},
	phaseLoader:   {"ブートローダーがスクリプトを取得", "iPXE が HTTP でブートの判断を尋ねます。"},
	phaseKernel:   {"カーネルと ramdisk を取得", "ramdisk の最後のバイトで完了します。"},
	phaseAgent:    {"ramdisk が起動しエージェントが身元を証明", "ブート用の使い捨ての値と引き換えに、クライアント証明書を受け取ります。"},
	phaseInspect:  {"ハードウェアの調査", "CPU、メモリ、ディスクとその内容、NIC を調べます。"},
	phaseWipe:     {"システムディスクの消去", "ディスクが空でなく、誰も確認していなければ拒否します。"},
	phaseWrite:    {"ロールのイメージを書き込む", "ディスクへ流し込みながら SHA-256 で検査します。"},
	phaseSeed:     {"ノード固有の情報を書き込む", "ホスト名、ネットワーク、鍵、エージェントとその証明書。"},
	phaseHandover: {"導入したカーネルへ引き継ぐ", "kexec を使い、できなければ再起動します。"},
	phaseBoot:     {"導入したシステムが起動し報告", "導入したシステムから使い捨ての値を読み戻せれば成功です。"},
}

var phaseChapter = inventory.Text{EN: "Deployment", JA: "OS の展開"}

// PhaseText says what a phase is for, by its step's key; the zero value for a
// step of the guide.
func PhaseText(key string) inventory.StepText {
	parts := strings.SplitN(key, "/", 3)
	if len(parts) < 3 || parts[1] != parts[2] {
		return inventory.StepText{}
	}
	for _, p := range phases {
		if p.name == parts[1] {
			ja := phaseTexts[p.name]
			return inventory.StepText{Title: inventory.Text{EN: p.title, JA: ja.title}, Why: inventory.Text{EN: p.why, JA: ja.why}, Chapter: phaseChapter}
		}
	}
	return inventory.StepText{}
}
