package enginetest

import (
	"bytes"
	"fmt"
	"io"
	"reflect"
	"testing"
	"time"
)

func TestOrderOfEvents(t *testing.T) {
	s := New(1)
	start := s.Now()
	var got []string
	note := func(what string) func(time.Time) {
		return func(now time.Time) { got = append(got, fmt.Sprint(what, now.Sub(start))) }
	}
	s.After(2*time.Second, note("c"))
	s.After(time.Second, note("a"))
	s.After(time.Second, func(now time.Time) {
		note("b")(now)
		s.At(start, note("past")) // at once
		s.After(0, note("same"))
	})
	s.After(3*time.Second, note("d"))
	s.After(3*time.Second+1, note("late"))
	s.Run(start.Add(3 * time.Second))
	want := []string{"a1s", "b1s", "past1s", "same1s", "c2s", "d3s"}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("events = %v, want %v", got, want)
	}
	if s.Pending() != 1 || s.Now() != start.Add(3*time.Second) {
		t.Errorf("Pending() = %d, Now() = %v, want 1, %v", s.Pending(), s.Now(), start.Add(3*time.Second))
	}
	s.Run(start)
	if s.Now() != start.Add(3*time.Second) {
		t.Errorf("Run into the past moved the time to %v", s.Now())
	}
}

func TestRunUntil(t *testing.T) {
	s := New(1)
	start, n := s.Now(), 0
	for i := range 5 {
		s.After(time.Duration(i)*time.Second, func(time.Time) { n++ })
	}
	if !s.RunUntil(func() bool { return n == 3 }, start.Add(time.Minute)) || n != 3 || s.Now() != start.Add(2*time.Second) {
		t.Errorf("RunUntil stopped at %v after %d events, want 2s, 3", s.Now().Sub(start), n)
	}
	if !s.RunUntil(func() bool { return true }, start.Add(time.Minute)) || n != 3 {
		t.Errorf("RunUntil did something although it was done: %d events, want 3", n)
	}
	if s.RunUntil(func() bool { return n == 9 }, start.Add(time.Minute)) || n != 5 || s.Now() != start.Add(time.Minute) {
		t.Errorf("RunUntil gave up at %v after %d events, want 1m, 5", s.Now().Sub(start), n)
	}
}

func TestTimer(t *testing.T) {
	s := New(1)
	start := s.Now()
	var got []time.Duration
	var timer *Timer
	timer = s.Timer(func(now time.Time) {
		got = append(got, now.Sub(start))
		if len(got) == 1 {
			timer.Set(now.Add(5 * time.Second))
		}
	})
	timer.Set(time.Time{})
	timer.Set(start.Add(time.Hour))
	timer.Set(start.Add(time.Second)) // in place of the hour
	s.Run(start.Add(10 * time.Second))
	timer.Set(s.Now().Add(time.Second))
	timer.Set(time.Time{}) // off
	s.Run(start.Add(2 * time.Hour))
	if want := []time.Duration{time.Second, 6 * time.Second}; !reflect.DeepEqual(got, want) {
		t.Errorf("the timer fired at %v, want %v", got, want)
	}
	if s.Pending() != 0 {
		t.Errorf("Pending() = %d, want 0", s.Pending())
	}
}

func TestEndlessLoopPanics(t *testing.T) {
	defer func() {
		if recover() == nil {
			t.Error("a machine that stays at its deadline did not panic")
		}
	}()
	s := New(1)
	var timer *Timer
	timer = s.Timer(func(now time.Time) { timer.Set(now) })
	timer.Set(s.Now())
	s.Run(s.Now().Add(time.Second))
}

func TestRand(t *testing.T) {
	octets := func(r io.Reader) []byte {
		b := make([]byte, 32)
		if _, err := io.ReadFull(r, b); err != nil {
			t.Fatal(err)
		}
		return b
	}
	s := New(1)
	one, two := octets(s.Rand()), octets(s.Rand())
	if bytes.Equal(one, two) {
		t.Error("two readers of one simulation are the same")
	}
	if again := octets(New(1).Rand()); !bytes.Equal(again, one) {
		t.Errorf("Rand() = %x, want %x as before", again, one)
	}
	if other := octets(New(2).Rand()); bytes.Equal(other, one) {
		t.Error("another seed gives the same octets")
	}
}

func BenchmarkTimers(b *testing.B) {
	s := New(1)
	timers := make([]*Timer, 1000)
	for i := range timers {
		timers[i] = s.Timer(func(now time.Time) { timers[i].Set(now.Add(time.Duration(i+1) * time.Millisecond)) })
		timers[i].Set(s.Now())
	}
	n := 0
	s.RunUntil(func() bool { n++; return n > b.N }, s.Now().Add(1<<62))
}
