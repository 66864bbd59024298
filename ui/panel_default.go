//go:build !windows

package ui

import "github.com/culvert-vpn/culvert/assets"

// panelShade is which glyph fits the taskbar, where that can be known.
func panelShade() assets.Shade { return assets.Edged }
