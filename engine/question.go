package engine

import (
	"github.com/culvert-vpn/culvert/engine/secret"
	"github.com/culvert-vpn/culvert/engine/stack"
)

// Question is what the gateway asks a person.
type Question struct {
	stack.Question
	// Answer gives the gateway what it asks for, and overwrites code. Any goroutine
	// may call it, and waits for the session to take it; what comes too late, or to
	// a question that another one took the place of, is lost.
	Answer func(code secret.Secret)
}

// ask makes the number-th question of a session.
func (s *Session) ask(q stack.Question, number int) *Question {
	return &Question{q, func(code secret.Secret) { s.answer(message{code: code, asked: number}) }}
}

func (s *Session) answer(m message) {
	select {
	case s.control <- m:
	case <-s.ended:
		m.discard()
		return
	}
	select {
	case <-s.ended: // perhaps it was before
		s.drain()
	default:
	}
}
