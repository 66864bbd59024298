package route

import (
	"fmt"
	"testing"
)

// The tunnel's own network and loopback are not among those that the machine is on.
func TestOnLink(t *testing.T) {
	inNamespace(t)
	all, err := OnLink("")
	if err != nil {
		t.Fatal(err)
	}
	got, err := OnLink("docker0")
	if err != nil {
		t.Fatal(err)
	}
	text := fmt.Sprint(all)
	if text != "[192.0.2.0/24 192.168.9.0/24 172.17.0.0/16]" || fmt.Sprint(got) != "[192.0.2.0/24 192.168.9.0/24]" {
		t.Errorf("OnLink = %s, without docker0 %v", text, got)
	}
}
