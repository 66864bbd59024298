package assets

import (
	"bytes"
	"compress/gzip"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
)

// packaging/licences/make collects them.
//
//go:embed licences.json.gz
var licences []byte

// Licence is under what terms a module is, which the programs contain.
type Licence struct {
	Path    string // of the module; "Go": its standard library
	Version string // "": any
	Text    string // of all its licences
}

// Licences is all of them, in the order of their paths. The error is a program
// that was built wrongly.
func Licences() ([]Licence, error) {
	var all []Licence
	z, err := gzip.NewReader(bytes.NewReader(licences))
	if err == nil {
		err = errors.Join(json.NewDecoder(z).Decode(&all), z.Close())
	}
	if err != nil {
		return nil, fmt.Errorf("assets: licences: %w", err)
	}
	return all, nil
}
