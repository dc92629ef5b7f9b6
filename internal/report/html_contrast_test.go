package report

import (
	"math"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// TestHTMLContrast holds that text of every theme has a contrast of 4.5 to 1 with what
// is behind it, which WCAG 2 asks for.
func TestHTMLContrast(t *testing.T) {
	t.Parallel()
	css, err := pageFiles.ReadFile("page/page.css")
	if err != nil {
		t.Fatal(err)
	}
	themes := regexp.MustCompile(`(?s):root \{(.*?)\}`).FindAllStringSubmatch(string(css), -1)
	if len(themes) != 3 {
		t.Fatalf("%d themes, want light, dark and print", len(themes))
	}
	for i, theme := range themes {
		colors := map[string]float64{}
		for _, c := range regexp.MustCompile(`--(\w+): #([0-9a-f]{6});`).FindAllStringSubmatch(theme[1], -1) {
			colors[c[1]] = luminance(t, c[2])
		}
		for _, pair := range []string{"ink paper", "ink panel", "ink line", "quiet paper", "quiet panel", "link paper", "good panel", "warn paper", "warn panel", "bad paper", "bad panel",
			"open paper", "open panel", "on1 h1", "on1 h2", "on1 h3", "on4 h4", "on4 h5"} {
			text, behind, _ := strings.Cut(pair, " ")
			a, known := colors[text]
			b, both := colors[behind]
			if !known || !both {
				t.Fatalf("theme %d has no %s", i, pair)
			}
			if ratio := (max(a, b) + .05) / (min(a, b) + .05); ratio < 4.5 {
				t.Errorf("theme %d: the contrast of %s on %s is %.1f", i, text, behind, ratio)
			}
		}
	}
}

// luminance is how light a colour is, from 0 to 1.
func luminance(t *testing.T, hex string) float64 {
	t.Helper()
	var sum float64
	for i, weight := range []float64{.2126, .7152, .0722} {
		n, err := strconv.ParseUint(hex[2*i:2*i+2], 16, 8)
		if err != nil {
			t.Fatal(err)
		}
		c := float64(n) / 255
		if c <= .04045 {
			c /= 12.92
		} else {
			c = math.Pow((c+.055)/1.055, 2.4)
		}
		sum += weight * c
	}
	return sum
}
