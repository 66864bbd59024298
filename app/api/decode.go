package api

import (
	"encoding/json"
	"fmt"
	"time"
)

// kinds are the events by the names that Encode writes. The helper's "state" is a
// Status, which has every field of a StateEvent.
var kinds = map[string]func([]byte) (Event, error){
	"stage":   decodeAs[StageEvent],
	"state":   decodeAs[Status],
	"failure": decodeAs[FailureEvent],
	"stats":   decodeAs[StatsEvent],
	"log":     decodeAs[LogEvent],
	"summary": decodeAs[SummaryEvent],
}

func decodeAs[E Event](line []byte) (Event, error) {
	var e E
	err := json.Unmarshal(line, &e)
	return e, err
}

// Decode reads one line of a stream of events. A kind of a later version is nil,
// without an error: whoever reads steps over it.
func Decode(line []byte) (at time.Time, e Event, err error) {
	var h head
	if err := json.Unmarshal(line, &h); err != nil {
		return time.Time{}, nil, fmt.Errorf("api: %w", err)
	}
	decode := kinds[h.Type]
	if decode == nil {
		return h.Time, nil, nil
	}
	if e, err = decode(line); err != nil {
		return h.Time, nil, fmt.Errorf("api: %s event: %w", h.Type, err)
	}
	return h.Time, e, nil
}
