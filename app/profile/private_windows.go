package profile

import "io/fs"

// checkPrivate accepts every file: Windows keeps who may read it in the access
// list that a file inherits from its folder, and its mode says nothing.
func checkPrivate(string, fs.FileInfo) error { return nil }
