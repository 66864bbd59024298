// Package e2e uses the desktop as a person does: the program that is shipped, in a
// window on a screen, with the helper, a gateway, a keychain and a tray that are
// real, by mouse and keyboard. Its tests run on Linux, as root.
package e2e
