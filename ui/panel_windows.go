package ui

import (
	"golang.org/x/sys/windows/registry"

	"github.com/culvert-vpn/culvert/assets"
)

// panelShade is which glyph fits the taskbar: it has its own theme, beside that of
// windows.
func panelShade() assets.Shade {
	k, err := registry.OpenKey(registry.CURRENT_USER, `Software\Microsoft\Windows\CurrentVersion\Themes\Personalize`, registry.QUERY_VALUE)
	if err != nil {
		return assets.Edged
	}
	defer k.Close()
	light, _, err := k.GetIntegerValue("SystemUsesLightTheme")
	switch {
	case err != nil:
		return assets.Edged
	case light != 0:
		return assets.Dark
	}
	return assets.Light
}
