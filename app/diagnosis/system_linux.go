package diagnosis

// What to do about the service on this system.
const (
	startService = "Start it: sudo systemctl start culvertd.socket."
	joinUsers    = "Join the group culvert: sudo usermod -aG culvert $USER, then sign out and in again."
)
