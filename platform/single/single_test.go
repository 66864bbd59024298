package single

import (
	"os"
	"path/filepath"
	"testing"
)

func TestOneInstance(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "r")
	one, first, err := claim(dir, "test")
	if err != nil || !first {
		t.Fatalf("claim = %v, %v", first, err)
	}
	if _, first, err := claim(dir, "test"); first || err != nil {
		t.Fatalf("a second one, before the first can show itself: %v, %v", first, err)
	}
	wanted := make(chan bool, 4)
	one.OnWanted(func() { wanted <- true })
	<-wanted // it was asked for before
	if _, first, err := claim(dir, "test"); first || err != nil {
		t.Fatalf("a second one: %v, %v", first, err)
	}
	<-wanted
	if _, first, err := claim(dir, "other"); !first || err != nil {
		t.Fatalf("another program: %v, %v", first, err)
	}
	if err := one.Close(); err != nil {
		t.Error(err)
	}
	again, first, err := claim(dir, "test")
	if err != nil || !first {
		t.Fatalf("after the first has gone: %v, %v", first, err)
	}
	if err := again.Close(); err != nil {
		t.Error(err)
	}
}

// TestLeftBehind is a first instance that was killed: its socket is still there.
func TestLeftBehind(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "test.sock"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	one, first, err := claim(dir, "test")
	if err != nil || !first {
		t.Fatalf("claim = %v, %v", first, err)
	}
	if err := one.Close(); err != nil {
		t.Error(err)
	}
}
