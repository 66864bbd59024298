package widgets

import (
	"strings"
	"unicode"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/canvas"
	fynetheme "fyne.io/fyne/v2/theme"
	"fyne.io/fyne/v2/widget"

	"github.com/culvert-vpn/culvert/ui/theme"
)

// The styles of type. There is no other weight, and no italics.
var (
	regular = fyne.TextStyle{}
	bold    = fyne.TextStyle{Bold: true}
	mono    = fyne.TextStyle{Monospace: true}
)

// The sizes of type by name.
const (
	caption = fynetheme.SizeNameCaptionText
	body    = fynetheme.SizeNameText
	sub     = fynetheme.SizeNameSubHeadingText
	heading = fynetheme.SizeNameHeadingText
)

// line is one line of text, cut with "…" where it has no room.
type line struct {
	*canvas.Text
	full  string
	size  fyne.ThemeSizeName
	color fyne.ThemeColorName
}

func newLine(size fyne.ThemeSizeName, style fyne.TextStyle, color fyne.ThemeColorName) *line {
	t := canvas.NewText("", nil)
	t.TextStyle = style
	return &line{Text: t, size: size, color: color}
}

// update takes text, colour and size of type.
func (l *line) update(w themed, text string) {
	l.full = text
	l.Color, l.TextSize = paint(w, l.color), size(w, l.size)
}

// measure is the room that the whole text needs.
func (l *line) measure() fyne.Size { return fyne.MeasureText(l.full, l.TextSize, l.TextStyle) }

// height is that of the line, also when it is empty.
func (l *line) height() float32 { return lineHeight(l.TextSize, l.TextStyle) }

// place puts the line into a width, and its middle onto y.
func (l *line) place(x, middle, width float32) {
	text := cut(l.full, width, l.TextSize, l.TextStyle)
	if l.Text.Text != text {
		l.Text.Text = text
	}
	h := l.height()
	put(l.Text, x, middle-h/2, width, h)
}

func lineHeight(size float32, style fyne.TextStyle) float32 {
	return fyne.MeasureText("M", size, style).Height
}

// cut shortens a text to a width, the last of it replaced by "…".
func cut(text string, width, size float32, style fyne.TextStyle) string {
	fits := func(s string) bool { return fyne.MeasureText(s, size, style).Width <= width+0.5 }
	if text == "" || fits(text) {
		return text
	}
	runes := []rune(text)
	low, high := 0, len(runes)
	for low < high {
		mid := (low + high + 1) / 2
		if fits(strings.TrimRight(string(runes[:mid]), " ") + "…") {
			low = mid
		} else {
			high = mid - 1
		}
	}
	return strings.TrimRight(string(runes[:low]), " ") + "…"
}

// wrap breaks a text into lines of a width: between words, between the signs of
// scripts that have no blanks, and inside of words that are longer than a line.
func wrap(text string, width, size float32, style fyne.TextStyle) []string {
	measure := func(s string) float32 { return fyne.MeasureText(s, size, style).Width }
	width = max(width, 1)
	var lines []string
	for _, paragraph := range strings.Split(text, "\n") {
		line := ""
		for _, piece := range pieces(paragraph) {
			if measure(strings.TrimRight(line+piece, " ")) <= width {
				line += piece
				continue
			}
			if line != "" {
				lines = append(lines, strings.TrimRight(line, " "))
			}
			for piece = strings.TrimLeft(piece, " "); measure(strings.TrimRight(piece, " ")) > width && len([]rune(piece)) > 1; {
				n := fitting([]rune(piece), width, measure)
				lines = append(lines, string([]rune(piece)[:n]))
				piece = string([]rune(piece)[n:])
			}
			line = piece
		}
		lines = append(lines, strings.TrimRight(line, " "))
	}
	return lines
}

// fitting is how many runes fit, one at least.
func fitting(runes []rune, width float32, measure func(string) float32) int {
	n := 1
	for n < len(runes) && measure(string(runes[:n+1])) <= width {
		n++
	}
	return n
}

// pieces are where a line may be broken: after blanks, and around ideographs.
func pieces(text string) []string {
	var out []string
	var b strings.Builder
	flush := func() {
		if b.Len() > 0 {
			out = append(out, b.String())
			b.Reset()
		}
	}
	for _, r := range text {
		wide := unicode.In(r, unicode.Han, unicode.Hiragana, unicode.Katakana)
		if wide {
			flush()
		}
		b.WriteRune(r)
		if r == ' ' || wide {
			flush()
		}
	}
	flush()
	return out
}

// Paragraph is text that is wrapped by word. Its height follows from its width.
type Paragraph struct {
	widget.BaseWidget
	text   string
	size   fyne.ThemeSizeName
	style  fyne.TextStyle
	color  fyne.ThemeColorName
	center bool

	wrapped []string
	key     paragraphKey // what wrapped was made of
}

type paragraphKey struct {
	text        string
	width, size float32
}

func newParagraph(size fyne.ThemeSizeName, style fyne.TextStyle, color fyne.ThemeColorName) *Paragraph {
	p := &Paragraph{size: size, style: style, color: color}
	p.ExtendBaseWidget(p)
	return p
}

// NewSentence is a sentence in the colour of labels and help.
func NewSentence(text string) *Paragraph { return newParagraph(body, regular, theme.Text2).with(text) }

// NewText is text to be read.
func NewText(text string) *Paragraph { return newParagraph(body, regular, theme.Text).with(text) }

// NewHelp is small text beside a control.
func NewHelp(text string) *Paragraph { return newParagraph(caption, regular, theme.Text2).with(text) }

// NewHeading is the one heading of a page.
func NewHeading(text string) *Paragraph { return newParagraph(heading, bold, theme.Text).with(text) }

// NewSubHeading is the heading of a part.
func NewSubHeading(text string) *Paragraph { return newParagraph(sub, bold, theme.Text).with(text) }

// NewBold is a name or a label.
func NewBold(text string) *Paragraph { return newParagraph(body, bold, theme.Text).with(text) }

func (p *Paragraph) with(text string) *Paragraph {
	p.text = text
	return p
}

// Centered puts the lines into the middle.
func (p *Paragraph) Centered() *Paragraph {
	p.center = true
	return p
}

// SetText changes what it says.
func (p *Paragraph) SetText(text string) {
	if p.text != text {
		p.text = text
		p.Refresh()
	}
}

// Text is what it says.
func (p *Paragraph) Text() string { return p.text }

func (p *Paragraph) setColor(c fyne.ThemeColorName) {
	if p.color != c {
		p.color = c
		p.Refresh()
	}
}

func (p *Paragraph) lines(width float32) []string {
	key := paragraphKey{p.text, width, size(p, p.size)}
	if p.wrapped == nil || p.key != key {
		p.wrapped, p.key = wrap(p.text, width, key.size, p.style), key
	}
	return p.wrapped
}

// HeightFor is the height in a width.
func (p *Paragraph) HeightFor(width float32) float32 {
	if p.text == "" {
		return 0
	}
	return float32(len(p.lines(width))) * lineHeight(size(p, p.size), p.style)
}

// natural is the width of the text in one line.
func (p *Paragraph) natural() float32 {
	return fyne.MeasureText(p.text, size(p, p.size), p.style).Width
}

// CreateRenderer is Fyne's.
func (p *Paragraph) CreateRenderer() fyne.WidgetRenderer {
	r := &parts{of: p}
	r.layout = func(s fyne.Size) {
		lines := p.lines(s.Width)
		if p.text == "" {
			lines = nil
		}
		for len(r.objects) < len(lines) {
			r.objects = append(r.objects, canvas.NewText("", nil))
		}
		r.objects = r.objects[:len(lines)]
		h := lineHeight(size(p, p.size), p.style)
		for i, text := range lines {
			t := r.objects[i].(*canvas.Text)
			t.Text, t.TextStyle, t.TextSize, t.Color = text, p.style, size(p, p.size), paint(p, p.color)
			t.Alignment = fyne.TextAlignLeading
			if p.center {
				t.Alignment = fyne.TextAlignCenter
			}
			put(t, 0, float32(i)*h, s.Width, h)
		}
	}
	r.min = func() fyne.Size {
		width := p.Size().Width
		if width == 0 {
			width = 200
		}
		return fyne.NewSize(40, p.HeightFor(width))
	}
	return render(r)
}
