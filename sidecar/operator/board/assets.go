package board

import (
	"embed"
	"html"
	"mime"
	"net/http"
	"path"
	"strconv"
	"strings"
)

// What is under assets/vendor comes from npm as it is; a test holds it to the
// package that scripts/package.json names.
//
//go:embed assets
var embedded embed.FS

// assetPath is where the assets are served.
const assetPath = "/board/"

// asset is a file of the page's.
type asset struct {
	kind string
	body []byte
	open bool // anybody may have it
}

// The pages. The door's two have gaps for what there is to say; html/template
// would fill them, and would have the linker keep 8 MB of methods that nobody
// calls.
var (
	indexPage  = read("index.html")
	doorPage   = string(read("door.html"))
	closedPage = string(read("closed.html"))
)

// assets are the files, by their names.
var assets = func() map[string]asset {
	all := map[string]asset{}
	for _, name := range []string{"style.css", "board.js", "dom.js", "now.js", "lesson.js", "why.js", "dead.js", "history.js", "icon.svg",
		"vendor/uPlot.iife.min.js", "vendor/uPlot.min.css"} {
		all[path.Base(name)] = asset{mime.TypeByExtension(path.Ext(name)), read(name), name == "style.css" || name == "icon.svg"}
	}
	return all
}()

func read(name string) []byte {
	body, err := embedded.ReadFile("assets/" + name)
	if err != nil {
		panic(err) // it is embedded
	}
	return body
}

func (a asset) serve(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", a.kind)
	_, _ = w.Write(a.body)
}

func (b *Board) index(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	_, _ = w.Write(indexPage)
}

// Open says of a path that anybody may have it.
func (b *Board) Open(path string) bool {
	name, ours := strings.CutPrefix(path, assetPath)
	return ours && assets[name].open
}

// Door shows whoever has not come in what there is to say and, if that may help,
// a form that posts "token" to /sign-in.
func (b *Board) Door(w http.ResponseWriter, status int, says string, form bool) {
	protect(w)
	page := closedPage
	if form {
		page = doorPage
	}
	fill := strings.NewReplacer("{{says}}", html.EscapeString(says), "{{wrong}}", strconv.FormatBool(says != ""))
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.WriteHeader(status)
	_, _ = fill.WriteString(w, page)
}
