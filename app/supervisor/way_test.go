package supervisor

import (
	"fmt"
	"testing"
	"time"

	"github.com/culvert-vpn/culvert/app/api"
	"github.com/culvert-vpn/culvert/engine/failure"
)

// Without a default route a way is asked for before the wait begins, and a try
// begins where there is one.
func TestWayWithoutADefaultRoute(t *testing.T) {
	b := newBench(t).in(Start{}, Route{Online: false}, Connect{office()}).did("wish Office ks=false orderly=false", "find a way").state(api.Connecting)
	b.in(Route{Online: false}).did().in(Route{true, "eth0 192.0.2.10"}).did("start #1 Office")
	b.in(Server{1, server, "eth1 10.0.0.5"}).did()
	b.in(Route{true, "eth1 10.0.0.5"}).did() // its way is not the one that the try began with
	b.in(Route{true, "eth1 10.0.0.6"}).did("stop #1 at once").down("").did("start #2 Office")
}

func TestGateway(t *testing.T) {
	p := office()
	p.Servers = []string{"gw.example", "192.0.2.7", "2001:db8::7"}
	b := newBench(t)
	want := func(when, want string) {
		t.Helper()
		known, names := b.m.Gateway()
		if got := fmt.Sprint(known, " ", names); got != want {
			t.Errorf("%s: %s, want %s", when, got, want)
		}
	}
	want("nothing was ever connected", "[] false")
	b.in(Start{}, Route{true, "wlan0"}, Connect{p})
	want("no address is used yet", "[192.0.2.7 2001:db8::7] true")
	b.in(Server{1, server, ""})
	want("one is", "[198.51.100.1] false")
	b.online().after(time.Hour).down(failure.PathDead)
	want("the one that worked is tried", "[198.51.100.1] false")
	b.down(failure.IKENoAnswer)
	want("between tries", "[198.51.100.1 192.0.2.7 2001:db8::7] false")
}

// What another gateway has taught is not the way to this one.
func TestOtherServers(t *testing.T) {
	p := office()
	p.Servers = []string{"198.51.100.9"}
	newBench(t).connected(office()).in(Disconnect{}).down("").in(Connect{p}).did("wish Office ks=false orderly=false", "start #2 Office")
}
