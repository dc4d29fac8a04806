package page

import (
	"bytes"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"io/fs"
	"net/http"
	"path"
	"strings"
	"time"
)

// The style sheets, our own scripts, and vendor/, which make assets fills with
// what comes from npm.
//
//go:embed assets
var assetFiles embed.FS

// asset is a file as browsers get it.
type asset struct {
	url  string // "/assets/app-1f2e3d4c.css"; changes with the content, so that it may be kept for ever
	body []byte
}

// assets by name ("app.css", "live.js", "htmx.min.js"), and names by URL.
var assets, assetNames = loadAssets()

func loadAssets() (map[string]asset, map[string]string) {
	byName, byURL := map[string]asset{}, map[string]string{}
	var css bytes.Buffer
	err := fs.WalkDir(assetFiles, "assets", func(p string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || strings.HasPrefix(d.Name(), ".") {
			return err
		}
		b, err := assetFiles.ReadFile(p)
		if err != nil {
			return err
		}
		if strings.HasPrefix(p, "assets/css/") { // one sheet: in the order of their names
			css.Write(b)
			return nil
		}
		byName[d.Name()] = asset{body: b}
		return nil
	})
	if err != nil {
		panic("the page's embedded files cannot be read: " + err.Error())
	}
	byName["app.css"] = asset{body: css.Bytes()}
	for name, a := range byName {
		sum := sha256.Sum256(a.body)
		ext := path.Ext(name)
		a.url = "/assets/" + strings.TrimSuffix(name, ext) + "-" + hex.EncodeToString(sum[:4]) + ext
		byName[name], byURL[a.url] = a, name
	}
	return byName, byURL
}

// AssetURL returns the URL of an asset by its name, "" where there is none.
func AssetURL(name string) string { return assets[name].url }

// ServeAsset answers a GET of an asset's URL.
func ServeAsset(w http.ResponseWriter, r *http.Request) {
	name, ok := assetNames[r.URL.Path]
	if !ok {
		http.NotFound(w, r) // an old page asks for an old content: its reload gets the new one
		return
	}
	w.Header().Set("Cache-Control", "public, max-age=31536000, immutable")
	http.ServeContent(w, r, name, time.Time{}, bytes.NewReader(assets[name].body))
}
