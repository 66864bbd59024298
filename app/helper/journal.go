package helper

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
)

// Journal is the file that says what has to be undone: a record for each part
// of the machine, written before the part is changed.
type Journal struct {
	path string

	mu      sync.Mutex // guards records, and the file
	records map[string]json.RawMessage
}

// journalOf is the journal that is kept in the directory.
func journalOf(stateDir string) (*Journal, error) {
	return OpenJournal(filepath.Join(stateDir, "journal.json"))
}

// OpenJournal reads the journal at path, which need not exist. One that cannot be
// read as such is an error: what it said has to be found out by a person.
func OpenJournal(path string) (*Journal, error) {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return nil, fmt.Errorf("helper: journal: %w", err)
	}
	if err := removeTorn(filepath.Dir(path)); err != nil {
		return nil, fmt.Errorf("helper: journal: %w", err)
	}
	j := &Journal{path: path, records: map[string]json.RawMessage{}}
	data, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return j, nil
	}
	if err == nil {
		err = json.Unmarshal(data, &j.records)
	}
	if err != nil {
		return nil, fmt.Errorf("helper: journal %s: %w", path, err)
	}
	return j, nil
}

// Part is the journal of one part, in the form that the platform packages take:
// nil says that nothing is left to undo.
func (j *Journal) Part(name string) func(record []byte) error {
	return func(record []byte) error {
		j.mu.Lock()
		defer j.mu.Unlock()
		before, had := j.records[name]
		if record == nil {
			delete(j.records, name)
		} else {
			j.records[name] = append(json.RawMessage(nil), record...)
		}
		err := j.write()
		if err != nil { // the file says what it said
			delete(j.records, name)
			if had {
				j.records[name] = before
			}
		}
		return err
	}
}

// Record is what has to be undone of a part; nil: nothing.
func (j *Journal) Record(name string) []byte {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.records[name]
}

func (j *Journal) write() error {
	data, err := json.Marshal(j.records)
	if err == nil {
		err = writeFile(j.path, data)
	}
	if err != nil {
		return fmt.Errorf("helper: journal: %w", err)
	}
	return nil
}

// tornFiles are the names of files that are being written.
const tornFiles = ".new-*"

// removeTorn removes what a helper that was killed was writing.
func removeTorn(dir string) error {
	torn, err := filepath.Glob(filepath.Join(dir, tornFiles))
	for _, f := range torn {
		err = errors.Join(err, os.Remove(f))
	}
	return err
}

// writeFile replaces a file so that after a power cut the old or the new one is
// there, whole.
func writeFile(path string, data []byte) error {
	f, err := os.CreateTemp(filepath.Dir(path), tornFiles)
	if err != nil {
		return err
	}
	defer os.Remove(f.Name()) // fails once it has its name
	_, err = f.Write(data)
	if err == nil {
		err = f.Sync()
	}
	if cerr := f.Close(); err == nil {
		err = cerr
	}
	if err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		return err
	}
	return syncDir(filepath.Dir(path))
}
