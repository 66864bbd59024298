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

// nameWindows has windows say of which program they are, as its desktop entry does,
// by which panels find the icon. It is called before there is a window.
func nameWindows(id string) {
	glfw.WindowHintString(glfw.X11ClassName, id)
	glfw.WindowHintString(glfw.X11InstanceName, "culvert-desktop")
	glfw.WindowHintString(glfw.WaylandAppID, id)
}
