package viewmodel

import (
	"time"

	"github.com/culvert-vpn/culvert/app/profile"
)

// Item is a profile as the list has it.
type Item struct {
	Entry    profile.Entry
	LastUsed time.Time // connected, or tried; zero: never
}

// Row is a profile in the list.
type Row struct {
	Key    string // tells rows apart: the profile's id, or the path of a file with faults
	Mark   Kind
	Name   string
	Server string
	Right  string // "1 h 24 min", "7 of 9", "72 s", "Managed", or ""
	Chosen bool
}

// UndoBar is the bar that a deleted profile leaves for ten seconds.
type UndoBar struct {
	Text, Undo string
	Left       time.Duration
}

// Switch asks before one profile takes another one's place.
type Switch struct{ Question, Yes, No string }
