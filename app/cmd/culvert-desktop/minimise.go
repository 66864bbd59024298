//go:build !ci

package main

import (
	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/driver"
	"github.com/go-gl/glfw/v3.4/glfw"
)

// minimise makes the window small, which Fyne has no word for.
func minimise(w fyne.Window) {
	if n, ok := w.(driver.NativeWindow); ok {
		n.RunNative(func(any) {
			if current := glfw.GetCurrentContext(); current != nil {
				current.Iconify()
			}
		})
	}
}
