package engine

import (
	"github.com/culvert-vpn/culvert/engine/secret"
	"github.com/culvert-vpn/culvert/engine/stack"
)

// Question is what the gateway asks a person.
type Question struct {
	stack.Question
	session *Session
	number  int // counts from 1
}

// Answer gives the gateway what it asks for, and overwrites code. Any goroutine may
// call it; what comes too late, or to a question that another one took the place
// of, is lost.
func (q *Question) Answer(code secret.Secret) {
	m := message{code: code, asked: q.number}
	select {
	case q.session.control <- m:
	case <-q.session.ended:
		m.discard()
		return
	}
	select {
	case <-q.session.ended: // perhaps it was before
		q.session.drain()
	default:
	}
}
