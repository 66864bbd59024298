package single

import (
	"net"
	"os"
	"path/filepath"
	"slices"
	"testing"
)

func TestOneInstance(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "r")
	one, first, err := claim(dir, "test")
	if err != nil || !first {
		t.Fatalf("claim = %v, %v", first, err)
	}
	for _, words := range [][]string{nil, {"/files/of mine/Office \"1\".toml", "ü\n"}} {
		if _, first, err := claim(dir, "test", words...); first || err != nil {
			t.Fatalf("another one, before the first can show itself: %v, %v", first, err)
		}
	}
	wanted := make(chan []string, 4)
	one.OnWanted(func(words []string) { wanted <- words })
	for _, want := range [][]string{nil, {"/files/of mine/Office \"1\".toml", "ü\n"}} { // it was asked for before
		if got := <-wanted; !slices.Equal(got, want) {
			t.Errorf("the first is told %q, want %q", got, want)
		}
	}
	if _, first, err := claim(dir, "test", "/b"); first || err != nil {
		t.Fatalf("a second one: %v, %v", first, err)
	}
	if got := <-wanted; !slices.Equal(got, []string{"/b"}) {
		t.Errorf("the first is told %q", got)
	}
	if _, first, err := claim(dir, "other"); !first || err != nil {
		t.Fatalf("another program: %v, %v", first, err)
	}
	silent, err := net.Dial("unix", filepath.Join(dir, "test.sock"))
	if err != nil {
		t.Fatal(err)
	}
	defer silent.Close()
	if n, err := silent.Read(make([]byte, 1)); n != 1 || err != nil {
		t.Errorf("one that says nothing is answered %d octets, %v", n, err)
	}
	if got := <-wanted; got != nil {
		t.Errorf("nothing was said, and the first is told %q", got)
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
