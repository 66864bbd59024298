//go:build unix && !darwin

package profile

// userFolder is below $XDG_CONFIG_HOME, which is ~/.config.
const userFolder = "culvert"

// machineFolder is for everybody: only root writes to it.
func machineFolder() string { return "/etc/culvert/profiles.d" }
