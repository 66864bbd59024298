//go:build ci

package main

import "fyne.io/fyne/v2"

// minimise is for Fyne without OpenGL, which has no windows.
func minimise(fyne.Window) {}

func nameWindows(string) {}
