package page

import (
	"embed"
	"fmt"
	"html/template"
	"io"
	"io/fs"
	"path"
	"strings"
)

//go:embed templates
var templateFiles embed.FS

// sheet is what a template is executed with.
type sheet struct {
	F Frame // what every page has around its content
	V any   // the page's own view
}

// pages are the parsed templates by language and name: a template cannot be
// handed its functions anew for every request, so each language has its own.
var pages = map[Lang]map[string]*template.Template{EN: parse(EN), JA: parse(JA)}

// parse reads templates/layout.html and parts, and with them each page. A page
// defines "content"; one that defines "bare" too stands without frame.
func parse(l Lang) map[string]*template.Template {
	base := template.Must(template.New("layout.html").Funcs(funcs(l)).Funcs(runFuncs(l)).ParseFS(templateFiles, "templates/layout.html", "templates/part-*.html"))
	files, err := fs.Glob(templateFiles, "templates/*.html")
	if err != nil {
		panic(err)
	}
	out := map[string]*template.Template{}
	for _, f := range files {
		name := strings.TrimSuffix(path.Base(f), ".html")
		if name == "layout" || strings.HasPrefix(name, "part-") {
			continue
		}
		out[name] = template.Must(template.Must(base.Clone()).ParseFS(templateFiles, f))
	}
	return out
}

// Render writes a page: the template templates/NAME.html with its view.
func Render(w io.Writer, name string, f Frame, view any) error {
	t, ok := pages[f.Lang][name]
	if !ok {
		return fmt.Errorf("there is no page %q in %q", name, f.Lang)
	}
	if err := t.Execute(w, sheet{F: f, V: view}); err != nil {
		return fmt.Errorf("draw the page %s: %w", name, err)
	}
	return nil
}
