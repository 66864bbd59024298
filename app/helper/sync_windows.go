package helper

// syncDir has nothing to do: NTFS writes names down itself.
func syncDir(string) error { return nil }
