package web

import (
	"bytes"
	"embed"
	"html/template"

	"github.com/gin-gonic/gin"
	"golang.org/x/text/language"

	"sandai/inventory"
	"sandai/web/auth"
)

//go:embed access/*.html
var accessFiles embed.FS

// accessView is what the pages around sign-in show.
type accessView struct {
	Next, Name, Code string
	Problem          string
	Wrong            bool // name or password
	Min              int  // characters of a password
}

var accessPages = map[string]*template.Template{"en": parseAccess("en"), "ja": parseAccess("ja")}

func parseAccess(lang string) *template.Template {
	return template.Must(template.New("").Funcs(template.FuncMap{
		"lang": func() string { return lang },
		"t": func(en, ja string) string {
			if lang == "ja" {
				return ja
			}
			return en
		},
	}).ParseFS(accessFiles, "access/*.html"))
}

var pageLanguages = language.NewMatcher([]language.Tag{language.English, language.Japanese})

func drawAccess(c *gin.Context, status int, name string, v accessView) {
	lang := "en"
	if tags, _, err := language.ParseAcceptLanguage(c.GetHeader("Accept-Language")); err == nil {
		if _, i, _ := pageLanguages.Match(tags...); i == 1 {
			lang = "ja"
		}
	}
	v.Min = auth.MinPassword
	var b bytes.Buffer
	if err := accessPages[lang].ExecuteTemplate(&b, name+".html", v); err != nil {
		fail(c, inventory.Errorf(inventory.Internal, "draw the page: %w", err))
		return
	}
	c.Data(status, "text/html; charset=utf-8", b.Bytes())
}
