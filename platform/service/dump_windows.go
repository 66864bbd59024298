package service

// noDumps has nothing to do: programs in Go keep away from Windows Error
// Reporting by themselves.
func noDumps() error { return nil }
