package helper

import (
	"bytes"
	"testing"
	"time"

	"github.com/culvert-vpn/culvert/app/api"
	"github.com/culvert-vpn/culvert/engine/failure"
)

// TestJoin: whoever begins to listen at any moment knows as much as who was there
// from the start.
func TestJoin(t *testing.T) {
	ms := int64(7)
	events := []api.Event{
		api.Status{State: api.Connecting, Attempt: 1},
		api.StageEvent{Stage: failure.Resolve, State: api.Started}, api.StageEvent{Stage: failure.Resolve, State: api.Done, MS: &ms},
		api.StageEvent{Stage: failure.Phase1, State: api.Started}, api.StageEvent{Stage: failure.Phase1, State: api.Done, MS: &ms, Detail: map[string]string{"nat": "both"}},
		api.StageEvent{Stage: failure.Phase2, State: api.Started}, api.StageEvent{Stage: failure.Phase1, State: api.Started}, // otherwise
		api.StageEvent{Stage: failure.Phase1, State: api.Done, MS: &ms},
		api.FailureEvent{Stage: failure.Phase2, Code: failure.IPsecNoAnswer, Evidence: []string{"seen"}},
	}
	var want api.Status
	for i, e := range events {
		want.Hear(time.Unix(int64(i), 0), e)
	}
	if len(want.Stages) != 2 || want.Stages[1].State != api.Done || !want.Stages[1].Started.Equal(time.Unix(6, 0)) || want.Failure == nil {
		t.Fatalf("the whole is %+v", want)
	}
	for joined := range len(events) + 1 {
		h := newHub()
		h.set(api.Status{})
		for i, e := range events[:joined] {
			h.publish(time.Unix(int64(i), 0), e)
		}
		w := h.watch()
		for i, e := range events[joined:] {
			h.publish(time.Unix(int64(joined+i), 0), e)
		}
		h.leave(w)
		var got api.Status
		for range len(events) - joined + 1 {
			at, e, err := api.Decode(<-w.lines)
			if err != nil {
				t.Fatal(err)
			}
			got.Hear(at, e)
		}
		for i := range got.Stages {
			got.Stages[i].Started = want.Stages[i].Started // told to the millisecond, and in another zone
		}
		if got, want := line(time.Time{}, got), line(time.Time{}, want); !bytes.Equal(got, want) {
			t.Errorf("joined after %d events: %s\nwant %s", joined, got, want)
		}
	}
}
