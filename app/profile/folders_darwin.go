package profile

// userFolder is below ~/Library/Application Support.
const userFolder = "Culvert"

// machineFolder is for everybody: only administrators write to it.
func machineFolder() string { return "/Library/Application Support/Culvert/profiles" }
