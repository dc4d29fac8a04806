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

// changeTexts are titles and reasons in Japanese of what a change of an installed rack
// does beside the guide, by chapter; the steps have them in English.
var changeTexts = map[string]struct{ title, why string }{
	chapterDrain:      {"クラウドからノードを外す", "Nova は新しいサーバーを置かなくなり、動いているサーバーは順に停止します。"},
	chapterReturn:     {"ノードをクラウドに戻す", "Nova が再び使います。ディスクを失ったサーバーは作り直し、動いていたものは起動し直します。"},
	chapterSave:       {"クラウドの記録を保存", "サービスを止めて変更が起きないようにし、データベースとイメージを暗号化してアプライアンスに渡します。コンピュートノード上のサーバーは動き続けます。"},
	chapterRestore:    {"クラウドの記録を戻す", "使われ始める前に、新しいシステムが元のデータベースとイメージを受け取ります。クラウドの内容は以前と同じです。"},
	chapterFence:      {"電源を切る", "ほかのノードがサーバーを引き継ぐためです。同じサーバーが 2 台のノードで動くと、両方が同じボリュームに書き込みます。"},
	chapterEvacuate:   {"ほかのノードがサーバーを引き継ぐ", "Nova が別のコンピュートノードに、同じ ID とアドレスで作り直します。動いていたものは起動し直します。"},
	chapterLeave:      {"クラウドからノードの登録を消す", "Nova、Placement、Neutron に残る登録は、いつまでもノードを待ち続けます。"},
	chapterReschedule: {"ルーターと DHCP をほかのノードに移す", "Neutron がほかのネットワークノードのエージェントに割り当て直します。フローティング IP が止まるのは移る間だけです。"},
	chapterForget:     {"ロールまたはノードをインベントリから外す", "別のロールを付けられるようになるか、名前・アドレス・BMC のパスワードまで消えます。"},
	chapterRescue:     {"シェルを開く", "コンソールと、ラックの鍵による ssh で使えます。ディスクのマウントも書き込みもしません。"},
	chapterRotate:     {"新しいパスワードを作る", "この時点ではどこにも伝わっていません。続く手順がクラウドとサービスに反映します。"},
	phaseOff:          {"電源を切る", "このあと起動するものはありません。"},
}

// PhaseText says what a step that is not of the guide is for, by its key: a phase in
// both languages, another in Japanese, because its English is in the step. It is the
// zero value for a step of the guide.
func PhaseText(key string) inventory.StepText {
	parts := strings.Split(key, "/")
	last := len(parts) - 1
	if last < 1 || parts[last] != parts[last-1] {
		return inventory.StepText{}
	}
	if c, ok := changeTexts[parts[last]]; ok {
		return inventory.StepText{Title: inventory.Text{JA: c.title}, Why: inventory.Text{JA: c.why}}
	}
	for _, p := range phases {
		if p.name == parts[last] {
			ja := phaseTexts[p.name]
			return inventory.StepText{Title: inventory.Text{EN: p.title, JA: ja.title}, Why: inventory.Text{EN: p.why, JA: ja.why}, Chapter: phaseChapter}
		}
	}
	return inventory.StepText{}
}
