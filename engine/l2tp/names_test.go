package l2tp

import (
	"fmt"
	"testing"
)

func TestNames(t *testing.T) {
	tests := []struct {
		got  fmt.Stringer
		want string
	}{
		{LAC, "LAC"}, {LNS, "LNS"}, {Role(0), "none"},
		{SLI, "SLI"}, {MessageType(0), "none"}, {MessageType(5), "message type 5"},
		{AVPTxConnectSpeed, "(Tx) Connect Speed"}, {AVPType(20), "attribute 20"},
		{TunnelWaitCtlReply, "wait-ctl-reply"}, {TunnelClosed, "closed"}, {TunnelState(0), "none"}, {TunnelState(99), "none"},
		{SessionWaitConnect, "wait-connect"}, {SessionEstablished, "established"}, {SessionState(0), "none"}, {SessionState(99), "none"},
		{DropMalformed, "malformed"}, {DropNotOpen, "not open"}, {DropReason(0), "none"}, {DropReason(99), "none"},
		{NoAnswer, "no answer"}, {Internal, "no randomness"}, {Reason(0), "none"}, {Reason(99), "none"},
	}
	for _, tt := range tests {
		if got := tt.got.String(); got != tt.want {
			t.Errorf("%T.String() = %s, want %s", tt.got, got, tt.want)
		}
	}
}
