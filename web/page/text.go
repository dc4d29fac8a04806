package page

import (
	"fmt"

	"golang.org/x/text/language"
)

// Lang is a language of the page.
type Lang string

// The languages of the page.
const (
	EN Lang = "en"
	JA Lang = "ja"
)

// Text is a text in each language, written in both and not translated word for word.
type Text struct{ EN, JA string }

// In returns the text in a language.
func (t Text) In(l Lang) string {
	if l == JA && t.JA != "" {
		return t.JA
	}
	return t.EN
}

// Both returns a text that is the same in each language: a name, a reason.
func Both(s string) Text { return Text{EN: s, JA: s} }

// Textf fills a text in, in each language with the same values.
func Textf(t Text, a ...any) Text {
	return Text{EN: fmt.Sprintf(t.EN, a...), JA: fmt.Sprintf(t.JA, a...)}
}

var known = language.NewMatcher([]language.Tag{language.English, language.Japanese})

// LangOf chooses the page's language: what a person chose goes before what the
// browser prefers (the header Accept-Language, RFC 9110 §12.5.4).
func LangOf(chosen, acceptLanguage string) Lang {
	switch l := Lang(chosen); l {
	case EN, JA:
		return l
	}
	tags, _, err := language.ParseAcceptLanguage(acceptLanguage)
	if err != nil {
		return EN
	}
	if _, i, _ := known.Match(tags...); i == 1 {
		return JA
	}
	return EN
}
