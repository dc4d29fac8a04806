package guide

import (
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"github.com/goccy/go-yaml"

	"sandai/installer/guide/kind"
	"sandai/inventory"
)

// words are the few sentences around the guide's own, in each language.
var words = map[string]Text{
	"title":   {EN: "OpenStack %s, installed by hand", JA: "OpenStack %s 手動インストール手順"},
	"intro":   {EN: "What Sandai does, to be followed by hand. `${…}` stands for a value of your rack, `${secret:NAME}` for a password of your own making.", JA: "Sandai が行う手順を手作業で辿れるようにしたものです。`${…}` はラックごとの値、`${secret:NAME}` はご自身で決めるパスワードに読み替えてください。"},
	"source":  {EN: "Source: %s", JA: "出典：%s"},
	"where":   {EN: "On: %s", JA: "対象：%s"},
	"after":   {EN: "After: %s", JA: "先に済ませること：%s"},
	"write":   {EN: "Write `%s` (%s):", JA: "`%s` を書きます（%s）："},
	"link":    {EN: "Link `%s` to `%s`.", JA: "`%s` を `%s` へのリンクにします。"},
	"absent":  {EN: "Remove `%s` if it is there.", JA: "`%s` があれば削除します。"},
	"dir":     {EN: "Make the directory `%s` (%s).", JA: "ディレクトリ `%s` を作ります（%s）。"},
	"unless":  {EN: "Skip this if the following succeeds:", JA: "次が成功するなら不要です："},
	"creates": {EN: "Skip this if `%s` exists.", JA: "`%s` があれば不要です。"},
	"input":   {EN: "Its input is:", JA: "標準入力："},
	"wait":    {EN: "Wait until this succeeds:", JA: "次が成功するまで待ちます："},
	"api":     {EN: "Through the cloud's API (or Horizon, or the `openstack` command), make sure of:", JA: "クラウドの API（または Horizon、`openstack` コマンド）で次を用意します："},
	"image":   {EN: "already in the image", JA: "イメージに組み込み済み"},
	"restart": {EN: "If this changed anything, restart: %s", JA: "変更があれば再起動：%s"},
}

// markdown writes the document; the first failed write ends it.
type markdown struct {
	w    io.Writer
	lang string
	err  error
}

func (m *markdown) f(format string, a ...any) {
	if m.err == nil {
		_, m.err = fmt.Fprintf(m.w, format, a...)
	}
}

// say writes one of the words as a paragraph.
func (m *markdown) say(key string, a ...any) { m.f(words[key].In(m.lang)+"\n\n", a...) }

// block writes a fenced block; the fence is longer than any inside.
func (m *markdown) block(language, text string) {
	fence := "```"
	for strings.Contains(text, fence) {
		fence += "`"
	}
	m.f("%s%s\n%s\n%s\n\n", fence, language, strings.TrimRight(text, "\n"), fence)
}

// Render writes the guide as Markdown to be followed by hand, in "en" or "ja".
// With a role only that role's steps are in it (the rack's go with the controller); "" means
// all.
func (g *Guide) Render(w io.Writer, role inventory.Role, lang string) error {
	m := &markdown{w: w, lang: lang}
	m.f("# "+words["title"].In(lang)+"\n\n", g.Release)
	m.say("intro")
	for i := range g.Chapters {
		c := &g.Chapters[i]
		steps := slices.DeleteFunc(slices.Clone(c.Steps), func(s Step) bool { return role != "" && !s.For(role) && !(s.OnRack() && role == inventory.Controller) })
		if len(steps) == 0 {
			continue
		}
		m.f("## %s\n\n%s\n\n", c.Title.In(lang), c.Why.In(lang))
		m.f("_"+words["source"].In(lang)+"_\n\n", c.Source)
		for j := range steps {
			m.step(&steps[j])
		}
	}
	return m.err
}

func (m *markdown) step(s *Step) {
	m.f("### %s\n\n%s\n\n", s.Title.In(m.lang), s.Why.In(m.lang))
	notes := []string{fmt.Sprintf(words["where"].In(m.lang), strings.Join(s.Roles, ", "))}
	if s.Bake != NotBaked {
		notes = append(notes, words["image"].In(m.lang))
	}
	if len(s.Needs) > 0 {
		notes = append(notes, fmt.Sprintf(words["after"].In(m.lang), strings.Join(s.Needs, ", ")))
	}
	m.f("_%s · %s_\n\n", s.ID, strings.Join(notes, " · "))
	m.what(s)
	if len(s.Notify) > 0 {
		m.say("restart", "`"+strings.Join(s.Notify, "` `")+"`")
	}
}

// what shows what a step does as a person would do it.
func (m *markdown) what(s *Step) {
	if s.Kind == "api" {
		m.api(s.Spec)
		return
	}
	k, err := kind.Parse(s.Kind, s.Spec)
	if err != nil { // Load has parsed it already
		m.err = err
		return
	}
	switch k := k.(type) {
	case *kind.Package:
		text := "apt-get install --no-install-recommends " + strings.Join(k.Names, " ")
		if len(k.Debconf) > 0 {
			text = "debconf-set-selections <<'END'\n" + strings.Join(k.Debconf, "\n") + "\nEND\n" + text
		}
		m.block("sh", text)
	case *kind.INI:
		m.say("write", k.Path, attributes(k.Owner, k.Group, k.Mode, "0644"))
		m.block("ini", string(k.Render()))
	case *kind.File:
		m.file(k)
	case *kind.SQL:
		m.block("sql", k.ByHand())
	case *kind.Command:
		m.command(k)
	case *kind.Service:
		m.block("sh", serviceByHand(k))
	case *kind.Wait:
		m.say("wait")
		m.block("sh", waitByHand(k))
	}
}

func attributes(owner, group, mode, def string) string {
	or := func(s, d string) string {
		if s == "" {
			return d
		}
		return s
	}
	return fmt.Sprintf("%s:%s %s", or(owner, "root"), or(group, "root"), or(mode, def))
}

func (m *markdown) file(k *kind.File) {
	switch {
	case k.Absent:
		m.say("absent", k.Path)
	case k.Link != "":
		m.say("link", k.Path, k.Link)
	case k.Directory:
		m.say("dir", k.Path, attributes(k.Owner, k.Group, k.Mode, "0755"))
	default:
		m.say("write", k.Path, attributes(k.Owner, k.Group, k.Mode, "0644"))
		m.block("", k.Content)
	}
}

func (m *markdown) command(k *kind.Command) {
	if k.Creates != "" {
		m.say("creates", k.Creates)
	} else {
		m.say("unless")
		m.block("sh", shell(k.Unless))
	}
	text := shell(k.Run)
	for _, name := range slices.Sorted(maps.Keys(k.Env)) {
		text = name + "=" + quote(k.Env[name]) + " " + text
	}
	if k.As != "" {
		text = "sudo -u " + k.As + " env " + text
	}
	m.block("sh", text)
	if k.Stdin != "" {
		m.say("input")
		m.block("", k.Stdin)
	}
}

func (m *markdown) api(spec json.RawMessage) {
	m.say("api")
	text, err := yaml.JSONToYAML(spec)
	if err != nil {
		m.err = err
		return
	}
	m.block("yaml", string(text))
}

func serviceByHand(k *kind.Service) string {
	var lines []string
	add := func(verb string) { lines = append(lines, "systemctl "+verb+" "+strings.Join(k.Names, " ")) }
	if k.Masked != nil {
		add(pick(*k.Masked, "mask", "unmask"))
	}
	if k.Enabled != nil {
		add(pick(*k.Enabled, "enable", "disable"))
	}
	if verb, ok := map[string]string{"started": "start", "restarted": "restart", "stopped": "stop"}[k.State]; ok {
		add(verb)
	}
	return strings.Join(lines, "\n")
}

func waitByHand(k *kind.Wait) string {
	switch {
	case k.HTTP != "":
		return "curl -fsS -o /dev/null " + quote(k.HTTP)
	case k.TCP != "":
		host, port, _ := strings.Cut(k.TCP, ":")
		return fmt.Sprintf("bash -c '</dev/tcp/%s/%s'", host, port)
	case k.Unit != "":
		return "systemctl is-active " + k.Unit
	default:
		return "test -e " + quote(k.Path)
	}
}

// shell writes a command so that a shell understands it as it is.
func shell(args []string) string {
	out := make([]string, len(args))
	for i, a := range args {
		out[i] = quote(a)
	}
	return strings.Join(out, " ")
}

func quote(s string) string {
	plain := func(r rune) bool {
		return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("-_./:=@%,+", r)
	}
	if s != "" && strings.IndexFunc(s, func(r rune) bool { return !plain(r) }) < 0 {
		return s
	}
	return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
}
