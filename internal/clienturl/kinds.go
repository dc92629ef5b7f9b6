package clienturl

import (
	"path/filepath"
	"strings"
)

// wantsFile reports whether a file, by its path in the folder, can have a client's
// configuration. Code of tests is left out: its URLs are of no deployment.
func wantsFile(path string) bool {
	name := filepath.Base(path)
	lower := strings.ToLower(name)
	if strings.HasPrefix(lower, ".env") || lower == "dockerfile" || strings.HasPrefix(lower, "dockerfile.") || lower == "procfile" {
		return true
	}
	ext := filepath.Ext(lower)
	switch ext {
	case ".yaml", ".yml", ".json", ".toml", ".ini", ".conf", ".cfg", ".properties", ".xml", ".env",
		".tf", ".tfvars", ".tpl", ".sh", ".bash", ".service", ".hcl", ".dockerfile":
		return true
	}
	return isCode(ext) && !isTest(path)
}

// isCode reports whether an extension, in lower case, is one of source code.
func isCode(ext string) bool {
	switch ext {
	case ".go", ".py", ".java", ".kt", ".kts", ".scala", ".js", ".mjs", ".cjs", ".jsx", ".ts", ".tsx", ".cs",
		".rs", ".c", ".h", ".cc", ".cpp", ".hpp", ".rb", ".php", ".ex", ".exs", ".swift":
		return true
	}
	return false
}

// isTest reports whether source code is a test by the custom of its language. A
// configuration in a folder of that name may be of an environment for tests.
func isTest(path string) bool {
	for folder := range strings.SplitSeq(filepath.ToSlash(filepath.Dir(path)), "/") {
		switch folder {
		case "test", "tests", "__tests__":
			return true
		}
	}
	name := strings.TrimSuffix(filepath.Base(path), filepath.Ext(path))
	lower := strings.ToLower(name)
	for _, suffix := range []string{"_test", ".test", ".spec", "_spec"} {
		if strings.HasSuffix(lower, suffix) {
			return true
		}
	}
	return strings.HasPrefix(lower, "test_") || strings.HasSuffix(name, "Test") || strings.HasSuffix(name, "Tests")
}
