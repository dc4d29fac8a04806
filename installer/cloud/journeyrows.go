package cloud

import "sandai/inventory"

// row is one step, and what it is seen by.
type row struct {
	number int // the book's; 0 for what has joined since
	who    string
	what   inventory.Text
	note   inventory.Text // where today differs from the book
	unseen inventory.Text // in place of note, when it was not seen
	find   func(*evidence) sight
}

func text(en, ja string) inventory.Text { return inventory.Text{EN: en, JA: ja} }

// Notes that several rows share.
var (
	cached = text("Not seen. A service asks Keystone only about tokens that are not in its cache (5 minutes).",
		"観測されませんでした。サービスは、キャッシュ（5 分間）にないトークンだけを Keystone に問い合わせます。")
	inMessage = text("Not logged. Today the message to nova-compute brings instance and flavor along; it still reaches the database only through nova-conductor.",
		"ログに残りません。現在は nova-compute へのメッセージにインスタンスとフレーバーが含まれます。データベースには今も nova-conductor 経由でのみ届きます。")
	notThere = text("Not seen: none of the logs that were searched speaks of it.", "観測されませんでした。調べたログに記録がありません。")
	noVolume = text("Does not happen here: this server boots from its image. The proof attaches a volume later.",
		"ここでは起こりません。このサーバーはイメージから起動し、ボリュームは後の確認で接続します。")
)

// journeyRows are the book's 28 steps in its order, with what has joined since in
// its place among them.
var journeyRows = []row{
	{number: 1, who: "client", what: text("Sends the user's credentials to Keystone", "利用者の資格情報を Keystone に送る"),
		find: func(e *evidence) sight { return e.marked(markLogin) }},
	{number: 2, who: "Keystone", what: text("Authenticates and returns a token", "認証してトークンを返す"),
		find: func(e *evidence) sight { return or(e.ended(e.token()), e.marked(markToken)) }},
	{number: 3, who: "client", what: text("Asks nova-api to launch an instance", "インスタンスの起動を nova-api に要求する"),
		find: func(e *evidence) sight { return or(e.marked(markAsk), e.began(e.launch())) }},
	{number: 4, who: "nova-api", what: text("Has Keystone validate the token", "トークンの検証を Keystone に依頼する"), unseen: cached,
		find: func(e *evidence) sight { return e.began(e.validation("nova", e.launch())) }},
	{number: 5, who: "Keystone", what: text("Answers with roles and permissions", "ロールと権限を返す"), unseen: cached,
		find: func(e *evidence) sight { return e.ended(e.validation("nova", e.launch())) }},
	{who: "nova-api", what: text("Asks Glance whether the image is there and fits", "イメージの存在と適合を Glance に確かめる"),
		find: func(e *evidence) sight { return e.began(e.checkedImage()) }},
	{number: 6, who: "nova-api", what: text("Opens a session with Nova's database", "Nova のデータベースとのセッションを開く"),
		note: text("Not logged: SQLAlchemy would have to log every statement of every service.", "ログに残りません。記録するには、全サービスの SQL 文をすべてログに出す必要があります。"),
		find: unlogged},
	{number: 7, who: "database", what: text("The instance's record is created", "インスタンスのレコードが作られる"),
		note: text("Today nova-api stores a build request, and nova-conductor the instance's record once a host is chosen; the API gives this time in whole seconds.",
			"現在は nova-api が作成要求を保存し、ホストの決定後に nova-conductor がレコードを作ります。API が示す時刻は秒単位です。"),
		find: func(e *evidence) sight { return api(e.created, "created") }},
	{who: "nova-api", what: text("Hands the request to nova-conductor and answers 202 Accepted", "要求を nova-conductor に渡し、202 Accepted を返す"),
		find: func(e *evidence) sight { return or(e.ended(e.launch()), e.marked(markAccepted)) }},
	{number: 8, who: "nova-conductor", what: text("Asks nova-scheduler for a host (RPC call)", "nova-scheduler にホストを求める（RPC 呼び出し）"),
		note: text("Not logged. In the book nova-api asked; today nova-conductor orchestrates.", "ログに残りません。原典では nova-api が呼び出しますが、現在は nova-conductor が統括します。"),
		find: unlogged},
	{number: 9, who: "nova-scheduler", what: text("Takes the request from the queue", "キューから要求を受け取る"),
		note: text("Seen by its first act, the question to Placement.", "最初の動作である Placement への問い合わせで観測します。"),
		find: func(e *evidence) sight {
			return or(e.began(e.candidates()), e.wrote(e.line("/nova-scheduler.log", e.request, "")))
		}},
	{who: "Placement", what: text("Lists the nodes that have room", "空きのあるノードを返す"),
		find: func(e *evidence) sight { return e.ended(e.candidates()) }},
	{number: 10, who: "nova-scheduler", what: text("Chooses a host by filters and weights", "フィルターと重みでホストを選ぶ"),
		find: func(e *evidence) sight { return e.wrote(e.line("/nova-scheduler.log", e.request, "host_manager")) }},
	{who: "Placement", what: text("Books CPU, memory and disk on that node", "選ばれたノードの CPU・メモリ・ディスクを確保する"),
		find: func(e *evidence) sight { return e.ended(e.claim()) }},
	{number: 11, who: "nova-scheduler", what: text("Returns the host", "ホストを返す"),
		note: text("Not logged at the level INFO; it follows the booking.", "INFO レベルではログに残りません。資源の確保の直後です。"),
		find: unlogged},
	{number: 12, who: "nova-conductor", what: text("Casts “build the instance” to that host's nova-compute", "そのホストの nova-compute に「インスタンスの構築」を送る"),
		note: text("In the book the scheduler does. Seen by the action that the conductor records right before.", "原典ではスケジューラーが送ります。コンダクターが直前に記録する操作履歴で観測します。"),
		find: func(e *evidence) sight { return api(e.action, "os-instance-actions, create") }},
	{number: 13, who: "nova-compute", what: text("Takes the request from the queue", "キューから要求を受け取る"),
		find: (*evidence).built},
	{number: 14, who: "nova-compute", what: text("Asks nova-conductor for instance and flavor (RPC call)", "インスタンスとフレーバーを nova-conductor に求める（RPC 呼び出し）"), note: inMessage, find: unlogged},
	{number: 15, who: "nova-conductor", what: text("Takes the request from the queue", "キューから要求を受け取る"), note: inMessage, find: unlogged},
	{number: 16, who: "nova-conductor", what: text("Opens a session with the database", "データベースとのセッションを開く"), note: inMessage, find: unlogged},
	{number: 17, who: "database", what: text("Returns the instance's data", "インスタンスのデータを返す"), note: inMessage, find: unlogged},
	{number: 18, who: "nova-compute", what: text("Has the instance's data and claims what it needs", "インスタンスのデータを得て、必要な資源を確保する"),
		find: func(e *evidence) sight { return e.wrote(e.line("/nova-compute.log", e.request, "Claim successful")) }},
	{number: 19, who: "nova-compute", what: text("Asks Glance for the image by its ID", "イメージを ID で Glance に求める"),
		find: func(e *evidence) sight { return e.began(e.metadata()) }},
	{number: 20, who: "Glance", what: text("Has Keystone validate the token", "トークンの検証を Keystone に依頼する"), unseen: cached,
		find: func(e *evidence) sight { return e.began(e.validation("glance", e.metadata())) }},
	{number: 21, who: "nova-compute", what: text("Gets the image's metadata", "イメージのメタデータを受け取る"),
		find: func(e *evidence) sight { return e.ended(e.metadata()) }},
	{who: "nova-compute", what: text("Has fetched the image's bytes", "イメージ本体を取得し終える"),
		unseen: text("Not seen: the image was in the node's cache.", "観測されませんでした。イメージはノードのキャッシュにありました。"),
		find:   func(e *evidence) sight { return e.ended(e.of("glance", "GET", "/v2/images/"+e.image+"/file")) }},
	{number: 22, who: "nova-compute", what: text("Asks Neutron to allocate and set up the network", "ネットワークの割り当てと設定を Neutron に求める"),
		find: func(e *evidence) sight { return e.began(e.network()) }},
	{number: 23, who: "Neutron", what: text("Has Keystone validate the token", "トークンの検証を Keystone に依頼する"), unseen: cached,
		find: func(e *evidence) sight { return e.began(e.validation("neutron", e.network())) }},
	{who: "Neutron", what: text("Has made the port with its address", "アドレス付きのポートを作る"),
		find: func(e *evidence) sight { return e.ended(e.port()) }},
	{number: 24, who: "nova-compute", what: text("Gets the network information, the port bound to its host", "ポートがホストに結び付けられ、ネットワーク情報を受け取る"),
		find: func(e *evidence) sight { return or(e.ended(e.bind()), e.ended(e.port())) }},
	{number: 25, who: "nova-compute", what: text("Asks Cinder to attach volumes", "ボリュームの接続を Cinder に求める"), unseen: noVolume,
		find: func(e *evidence) sight { return e.began(e.volumes()) }},
	{number: 26, who: "Cinder", what: text("Has Keystone validate the token", "トークンの検証を Keystone に依頼する"), unseen: noVolume,
		find: func(e *evidence) sight { return e.began(e.validation("cinder", e.volumes())) }},
	{number: 27, who: "nova-compute", what: text("Gets the block storage information", "ブロックストレージの情報を受け取る"), unseen: noVolume,
		find: func(e *evidence) sight { return e.ended(e.volumes()) }},
	{who: "nova-compute", what: text("Plugs the virtual NIC into Open vSwitch", "仮想 NIC を Open vSwitch に接続する"),
		find: func(e *evidence) sight {
			return e.wrote(e.line("/nova-compute.log", e.request, "Successfully plugged vif"))
		}},
	{who: "nova-compute", what: text("Writes the config drive", "コンフィグドライブを書く"),
		find: func(e *evidence) sight {
			return e.wrote(e.line("/nova-compute.log", e.request, "Creating config drive"))
		}},
	{number: 28, who: "libvirt", what: text("Starts the machine", "仮想マシンを起動する"),
		find: func(e *evidence) sight { return e.wrote(e.line("/libvirt/qemu/", "starting up libvirt", "")) }},
	{who: "Neutron", what: text("Tells nova-api that the port is wired", "ポートの配線完了を nova-api に知らせる"),
		find: func(e *evidence) sight {
			return e.wrote(e.line("/nova-api-wsgi.log", "Creating event network-vif-plugged", e.id))
		}},
	{who: "nova-compute", what: text("The instance runs", "インスタンスが動き出す"),
		find: func(e *evidence) sight {
			return e.wrote(e.line("/nova-compute.log", "[instance: "+e.id+"]", "Instance spawned successfully"))
		}},
	{who: "nova-compute", what: text("Has built the instance: ACTIVE", "インスタンスの構築を終える（ACTIVE）"),
		find: func(e *evidence) sight { return e.wrote(e.line("/nova-compute.log", e.request, "to build instance")) }},
}
