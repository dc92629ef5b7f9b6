// Package docs has the pages of the checks and of the causes, as they stand in
// this folder. It does not know how they are shown, and imports nothing of the
// project.
package docs

import (
	"embed"
	"path"
	"strings"
)

//go:embed OPT_*.md causes/*.md
var pages embed.FS //nolint:gochecknoglobals // what is embedded can't be changed

// Page is the page of a check, such as OPT_BALANCE_006, or of a cause, such as
// single-url, in markdown. Upper and lower case are the same.
func Page(code string) (string, bool) {
	for _, file := range files() {
		if strings.EqualFold(codeOf(file), code) {
			page, err := pages.ReadFile(file)
			return string(page), err == nil
		}
	}
	return "", false
}

// Codes are what there is a page of: the checks, then the causes, both sorted.
func Codes() []string {
	var out []string
	for _, file := range files() {
		out = append(out, codeOf(file))
	}
	return out
}

func files() []string {
	var out []string
	for _, folder := range []string{".", "causes"} {
		entries, err := pages.ReadDir(folder) // sorted
		if err != nil {
			return nil // not with what is embedded above
		}
		for _, e := range entries {
			if !e.IsDir() {
				out = append(out, path.Join(folder, e.Name()))
			}
		}
	}
	return out
}

func codeOf(file string) string { return strings.TrimSuffix(path.Base(file), ".md") }
