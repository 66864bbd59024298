package e2e

import (
	"bufio"
	"bytes"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/culvert-vpn/culvert/engine/interop/lab"
)

// many has a person with a thousand profiles: found by typing, and by the wheel.
func many(t *testing.T, g *lab.SoftEther, p programs) {
	r := newRoom(t, g, "nated2")
	r.helper(p)
	s := newScreen(t, r, r.home, sight{name: "many", width: 1000, height: 760, scale: 1, language: "en_US", theme: "light"})
	session(t, s)
	var texts []string
	for i := range 1000 {
		texts = append(texts, fmt.Sprintf("version = 1\nid = \"00000000-0000-4000-8000-%012d\"\nname = \"Branch %04d\"\nservers = [\"vpn%d.example.com\"]\nuser = \"alice\"\n", i, i, i))
	}
	profiles(t, r.home, texts...)
	window := s.starts(r, p)
	s.find("Culvert")
	s.see("the toggle", edge, toggle, 100)
	s.shot("1-list")

	s.key("ctrl+f")
	var typing []time.Duration
	for _, letter := range "0777" {
		typing = append(typing, s.reacts("a letter", func() { s.hand("key", string(letter)) }))
	}
	s.shot("2-found")
	s.key("Escape")
	s.still()
	s.hand("mousemove", "--window", s.window, "130", "300")
	var wheel []time.Duration
	for range 8 {
		wheel = append(wheel, s.reacts("the wheel", func() { s.hand("click", "5") }))
	}
	s.shot("3-scrolled")
	t.Logf("a thousand profiles: a letter in the search is seen after %v (slowest %v), a turn of the wheel after %v (slowest %v); the tool's own %v is in it",
		median(typing), slices.Max(typing), median(wheel), slices.Max(wheel), s.handNeeds())
	t.Logf("memory at 100 %%: %s", memory(t, window.PID()))
}

// reacts is how long it takes until something changes in the window.
func (s *screen) reacts(what string, act func()) time.Duration {
	s.t.Helper()
	before := s.still()
	began := time.Now()
	act()
	eventually(s.t, what, func() bool { return !bytes.Equal(s.look().Pix, before.Pix) })
	return time.Since(began).Round(time.Millisecond)
}

// handNeeds is how long the tool takes that moves mouse and keys.
func (s *screen) handNeeds() time.Duration {
	began := time.Now()
	s.hand("getmouselocation")
	return time.Since(began).Round(time.Millisecond)
}

func median(d []time.Duration) time.Duration {
	d = slices.Sorted(slices.Values(d))
	return d[len(d)/2]
}

// memory is what a process has of it, by what it is for (proc_pid_smaps(5)).
func memory(t *testing.T, pid int) string {
	t.Helper()
	f, err := os.Open(fmt.Sprintf("/proc/%d/smaps", pid))
	must(t, err)
	defer f.Close()
	kinds := []string{"Go's heap and stacks", "the program's file", "Mesa and LLVM, their files", "C's heap and what OpenGL in software has drawn and compiled", "other libraries"}
	var kb [5]int
	kind := 0
	for in := bufio.NewScanner(f); in.Scan(); {
		fields := strings.Fields(in.Text())
		switch {
		case len(fields) >= 5 && strings.Contains(fields[0], "-"):
			kind = kindOf(fields)
		case fields[0] == "Rss:":
			n, err := strconv.Atoi(fields[1])
			must(t, err)
			kb[kind] += n
		}
	}
	var parts []string
	total := 0
	for i, n := range kb {
		total += n
		parts = append(parts, fmt.Sprintf("%s %d MB", kinds[i], n>>10))
	}
	return fmt.Sprintf("%d MB resident: %s", total>>10, strings.Join(parts, ", "))
}

// kindOf says what a mapping is for.
func kindOf(mapping []string) int {
	file := ""
	if len(mapping) > 5 {
		file = mapping[5]
	}
	switch {
	case file == "" && !strings.HasPrefix(mapping[0], "7"): // C maps from the top of the addresses down
		return 0
	case strings.HasSuffix(file, "/culvert-desktop"):
		return 1
	case strings.Contains(file, "LLVM"), strings.Contains(file, "gallium"), strings.Contains(file, "_dri"), strings.Contains(file, "libGL"), strings.Contains(file, "swrast"):
		return 2
	case file == "", file == "[heap]", strings.HasPrefix(file, "/memfd:"), strings.HasPrefix(file, "/SYSV"):
		return 3
	}
	return 4
}
