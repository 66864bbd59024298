package assets

import "embed"

// Translations are the words of the desktop, a file for each language, in the form
// that Fyne's lang reads: lang.AddTranslationsFS(assets.Translations, "translations").
//
//go:embed translations/*.json
var Translations embed.FS
