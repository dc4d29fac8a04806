package page

import (
	"sandai/inventory"
)

// SettingsData is what the settings' pages are drawn from.
type SettingsData struct {
	Tab      string // "account", "users", "audit", "appliance"
	Role     string // of who looks
	Name     string // who looks
	User     bool   // who looks is a user with a password, no program
	Done     string // what was just done
	Min      int    // characters of a password
	Tokens   []inventory.Token
	Made     *inventory.Token // just made
	MadeText string           // its text, shown this once
	Users    []inventory.User
	Audit    []inventory.AuditEntry // newest first
	Who      string                 // whose entries; "-" nobody's
	Before   uint
	More     bool // there are older ones
	About    About
	Racks    []string
	Copies   inventory.Copies
}

// About is what the settings' page says of the appliance itself.
type About struct {
	Version     string // of the program
	State       string // directory of the database and its key
	Cache       string // directory of images and what builds keep
	Fingerprint string // SHA-256 of the CA's certificate, as browsers print it: "AB:CD:…"
}

// SettingsView is a settings' page.
type SettingsView struct {
	SettingsData
	Tabs  []Tab
	Said  Text // what was just done
	Roles []RoleWord
	Older uint
	Rows  []AuditRow
}

// RoleWord explains a role of users.
type RoleWord struct {
	Role inventory.UserRole
	Text Text
	Can  bool // who looks may give it
}

// AuditRow is one entry of the audit log.
type AuditRow struct {
	inventory.AuditEntry
	Lamp Lamp
}

var settingsTabs = []Tab{{"account", Text{"Account and tokens", "アカウントとトークン"}}, {"users", Text{"Users", "ユーザー"}}, {"audit", Text{"Audit log", "監査ログ"}}, {"appliance", Text{"Appliance", "アプライアンス"}}}

var userRoles = []RoleWord{
	{inventory.Viewer, Text{"sees everything but secrets, and changes nothing", "秘密情報以外をすべて閲覧でき、変更はできません"}, false},
	{inventory.Operator, Text{"installs racks, switches power, types in consoles and restarts services", "ラックのインストール、電源操作、コンソール入力、サービスの再起動ができます"}, false},
	{inventory.Admin, Text{"manages users, shows the cloud's passwords and reads the audit log too", "さらにユーザー管理、クラウドのパスワード表示、監査ログの閲覧ができます"}, false},
}

var settingsDone = map[string]Text{
	"password": {"Your password is changed; your sessions in other browsers have ended.", "パスワードを変更しました。ほかのブラウザーのセッションは終了しました。"},
	"removed":  {"The token is removed; it lets nobody in any more.", "トークンを削除しました。以後は使えません。"},
	"added":    {"The user is added. Hand the password over in person; the user can change it here.", "ユーザーを追加しました。パスワードは直接伝えてください。本人がここで変更できます。"},
	"changed":  {"The user is changed.", "ユーザーを変更しました。"},
	"deleted":  {"The user is removed, with sessions and tokens.", "ユーザーを、セッションとトークンごと削除しました。"},
}

// SettingsPage makes the view. It is pure.
func SettingsPage(d SettingsData) SettingsView {
	v := SettingsView{SettingsData: d, Said: settingsDone[d.Done]}
	admin := d.Role == string(inventory.Admin)
	for _, t := range settingsTabs {
		if admin || t.Key != "users" && t.Key != "audit" {
			v.Tabs = append(v.Tabs, t)
		}
	}
	for _, r := range userRoles {
		r.Can = inventory.UserRole(d.Role).May(r.Role)
		v.Roles = append(v.Roles, r)
	}
	for _, e := range d.Audit {
		v.Rows = append(v.Rows, AuditRow{e, auditLamp(e.Status)})
	}
	if n := len(d.Audit); d.More && n > 0 {
		v.Older = d.Audit[n-1].ID
	}
	return v
}

func auditLamp(status int) Lamp {
	switch {
	case status == 0:
		return Lamp{"?", Text{"did not end", "未完了"}, "wait"}
	case status == 401 || status == 403 || status == 429:
		return Lamp{"✋", Text{"refused", "拒否"}, "wait"}
	case status >= 400:
		return Lamp{"✕", Text{"failed", "失敗"}, "bad"}
	}
	return Lamp{"●", Text{"done", "実行"}, "good"}
}
