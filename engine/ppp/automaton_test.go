package ppp

import (
	"math/rand"
	"strings"
	"testing"
	"time"
)

// The table as RFC 1661 prints it, page 12 and 13.
const rfc1661Table = `
      |    0         1         2         3         4         5
 Up   |    2     irc,scr/6     -         -         -         -
 Down |    -         -         0       tls/1       0         1
 Open |  tls/1       1     irc,scr/6     3r        5r        5r
 Close|    0       tlf/0       2         2         4         4
  TO+ |    -         -         -         -       str/4     str/5
  TO- |    -         -         -         -       tlf/2     tlf/3
 RCR+ |    -         -       sta/2 irc,scr,sca/8   4         5
 RCR- |    -         -       sta/2 irc,scr,scn/6   4         5
 RCA  |    -         -       sta/2     sta/3       4         5
 RCN  |    -         -       sta/2     sta/3       4         5
 RTR  |    -         -       sta/2     sta/3     sta/4     sta/5
 RTA  |    -         -         2         3       tlf/2     tlf/3
 RUC  |    -         -       scj/2     scj/3     scj/4     scj/5
 RXJ+ |    -         -         2         3         4         5
 RXJ- |    -         -       tlf/2     tlf/3     tlf/2     tlf/3
 RXR  |    -         -         2         3         4         5
      |    6         7         8           9
 Up   |    -         -         -           -
 Down |    1         1         1         tld/1
 Open |    6         7         8           9r
 Close|irc,str/4 irc,str/4 irc,str/4 tld,irc,str/4
  TO+ |  scr/6     scr/6     scr/8         -
  TO- |  tlf/3p    tlf/3p    tlf/3p        -
 RCR+ |  sca/8   sca,tlu/9   sca/8   tld,scr,sca/8
 RCR- |  scn/6     scn/7     scn/6   tld,scr,scn/6
 RCA  |  irc/7     scr/6x  irc,tlu/9   tld,scr/6x
 RCN  |irc,scr/6   scr/6x  irc,scr/8   tld,scr/6x
 RTR  |  sta/6     sta/6     sta/6   tld,zrc,sta/5
 RTA  |    6         6         8       tld,scr/6
 RUC  |  scj/6     scj/7     scj/8       scj/9
 RXJ+ |    6         6         8           9
 RXJ- |  tlf/3     tlf/3     tlf/3   tld,irc,str/5
 RXR  |    6         7         8         ser/9
`

var actionNames = map[action]string{tlu: "tlu", tld: "tld", tls: "tls", tlf: "tlf", irc: "irc", zrc: "zrc", scr: "scr", sca: "sca", scn: "scn", str: "str", sta: "sta", scj: "scj", ser: "ser"}

// printed is a cell as the RFC prints it, without its footnotes.
func (c cell) printed() string {
	if !c.legal {
		return "-"
	}
	var names []string
	for _, a := range c.actions {
		names = append(names, actionNames[a])
	}
	next := string('0' + byte(c.next))
	if len(names) == 0 {
		return next
	}
	return strings.Join(names, ",") + "/" + next
}

func TestTransitionsAreRFC1661(t *testing.T) {
	var columns []State
	cells := 0
	for _, line := range strings.Split(strings.TrimSpace(rfc1661Table), "\n") {
		event, row, _ := strings.Cut(line, "|")
		event = strings.TrimSpace(event)
		fields := strings.Fields(row)
		if event == "" {
			columns = columns[:0]
			for _, f := range fields {
				columns = append(columns, State(f[0]-'0'))
			}
			continue
		}
		on := Trigger(255)
		for i, n := range triggerNames {
			if n == event {
				on = Trigger(i)
			}
		}
		if int(on) >= len(transitions) || len(fields) != len(columns) {
			t.Fatalf("row %q does not fit", line)
		}
		for i, state := range columns {
			want := strings.TrimRight(fields[i], "prx")
			if got := transitions[on][state].printed(); got != want {
				t.Errorf("%v in %v: %s, want %s", on, state, got, want)
			}
			cells++
		}
	}
	if cells != len(transitions)*len(transitions[0]) {
		t.Errorf("%d cells compared, want %d", cells, len(transitions)*len(transitions[0]))
	}
}

// Every cell is fired: the state is the table's, what is illegal is dropped,
// and the Restart timer runs where RFC 1661, 4.2 has it run.
func TestFire(t *testing.T) {
	for on := range transitions {
		for state := range transitions[on] {
			c := New(clientConfig(1))
			c.phase = PhaseNetwork
			a := &c.ipv6cp.automaton
			c.ipv6cp.local[0] = 1
			a.state = State(state)
			a.in, a.answer = packet{code: configureRequest}, packet{code: configureAck}
			if a.state >= Closing && a.state < Opened {
				a.restartAt = epoch
			}
			var out Output
			a.fire(epoch, Trigger(on), &out)
			want := transitions[on][state]
			if !want.legal {
				if a.state != State(state) || len(out.Frames) > 0 || len(out.Events) != 1 {
					t.Errorf("%v in %v did something: %+v", Trigger(on), State(state), out)
				}
				continue
			}
			if a.state != want.next {
				t.Errorf("%v in %v leads to %v, want %v", Trigger(on), State(state), a.state, want.next)
			}
			runs := want.next == Closing || want.next == Stopping || want.next >= ReqSent && want.next < Opened
			if runs == a.restartAt.IsZero() && State(state) != Opened && Trigger(on) != onOpen {
				t.Errorf("%v in %v: the Restart timer is at %v", Trigger(on), State(state), a.restartAt)
			}
			frames := 0
			for _, do := range want.actions {
				switch do {
				case scr, sca, scn, str, sta, scj:
					frames++
				}
			}
			if len(out.Frames) != frames {
				t.Errorf("%v in %v sends %d frames, want %d", Trigger(on), State(state), len(out.Frames), frames)
			}
		}
	}
}

// pppd starts all over when a copy of our request follows our Ack: the next
// one waits for a round trip, as far as that is known.
func TestRepeatsWaitForARoundTrip(t *testing.T) {
	s := newScript(t, clientConfig(1))
	s.frames = nil
	s.recv(protocolLCP, configureRequest, 1)
	s.expect(protocolLCP, configureRequest)
	s.expect(protocolLCP, configureAck)
	s.pass(settleTime - time.Millisecond)
	s.quiet()
	s.pass(time.Millisecond)
	p := s.expect(protocolLCP, configureRequest)
	s.pass(100 * time.Millisecond)
	s.recv(protocolLCP, configureAck, p.id, p.data...)
	s.expect(protocolIPCP, configureRequest)
	s.pass(2*(settleTime+100*time.Millisecond) - time.Millisecond)
	s.quiet()
	s.pass(time.Millisecond)
	s.expect(protocolIPCP, configureRequest)
}

// SoftEther gets our address by DHCP first: copies of our request that come
// meanwhile cost it up to 300 ms each.
func TestPatienceForAnAddress(t *testing.T) {
	s := newScript(t, clientConfig(1))
	ours := s.expect(protocolLCP, configureRequest)
	s.recv(protocolLCP, configureAck, ours.id, ours.data...)
	s.recv(protocolLCP, configureRequest, 1)
	s.expect(protocolLCP, configureAck)
	first := s.expect(protocolIPCP, configureRequest)
	s.pass(time.Second - time.Millisecond)
	s.quiet()
	s.pass(time.Millisecond)
	if p := s.expect(protocolIPCP, configureRequest); p.id != first.id {
		t.Errorf("the repeat has identifier %d, want %d", p.id, first.id)
	}
}

// However often the peer asks, ours is repeated every 50 ms at most.
func TestRepeatsAtOnceAreBounded(t *testing.T) {
	s := newScript(t, clientConfig(1))
	s.frames = nil
	for i := range 100 {
		s.recv(protocolLCP, configureRequest, uint8(i))
		s.pass(time.Millisecond)
	}
	ours := 0
	for len(s.frames) > 0 {
		if _, p := s.next(); p.code == configureRequest {
			ours++
		}
	}
	if ours != 2 {
		t.Errorf("ours went out %d times in 100 ms, want 2", ours)
	}
}

// Of one that has answered already, no copy is sent along with our answer to
// its own: SoftEther took another 300 ms for that.
func TestNoRepeatForWhoHears(t *testing.T) {
	s := newScript(t, clientConfig(1))
	first := s.expect(protocolLCP, configureRequest)
	s.pass(time.Millisecond)
	s.recv(protocolLCP, configureNak, first.id, 1, 4, 5, 0)
	s.expect(protocolLCP, configureRequest)
	s.recv(protocolLCP, configureRequest, 1)
	s.expect(protocolLCP, configureAck)
	s.quiet()
}

func TestSplitFrame(t *testing.T) {
	for _, tt := range []struct {
		name, frame string
		protocol    uint16
		info        string
		ok          bool
	}{
		{"full", "ff03c02101", protocolLCP, "01", true},
		{"no address and control", "c02101", protocolLCP, "01", true},
		{"short protocol", "ff032145", ProtocolIPv4, "45", true},
		{"both compressed", "2145", ProtocolIPv4, "45", true},
		{"long IPv4", "ff03002145", ProtocolIPv4, "45", true},
		{"IPv6", "5760", ProtocolIPv6, "60", true},
		{"no information", "ff03c021", protocolLCP, "", true},
		{"empty", "", 0, "", false},
		{"address and control alone", "ff03", 0, "", false},
		{"half a protocol", "ff03c0", 0, "", false},
		{"even protocol", "ff03c02000", 0, "", false},
		{"address alone", "ff", 0, "", false},
		{"address as a protocol", "ff05", 0, "", false},
	} {
		protocol, info, ok := SplitFrame(unhex(t, tt.frame))
		if ok != tt.ok || ok && (protocol != tt.protocol || string(info) != string(unhex(t, tt.info))) {
			t.Errorf("%s: SplitFrame(%s) = %04x %x %v, want %04x %s %v", tt.name, tt.frame, protocol, info, ok, tt.protocol, tt.info, tt.ok)
		}
	}
	frame := unhex(t, "ff03002145000000")
	if n := testing.AllocsPerRun(100, func() { _, _, _ = SplitFrame(frame) }); n != 0 {
		t.Errorf("SplitFrame allocates %v times", n)
	}
}

func TestParsePacket(t *testing.T) {
	for _, tt := range []struct {
		name, in, data string
		ok             bool
	}{
		{"plain", "0101000401", "", true},
		{"data", "010100060102", "0102", true},
		{"padding", "01010005ff0000", "ff", true},
		{"length beyond the end", "0101000801", "", false},
		{"length below the header", "01010003", "", false},
		{"no length", "0101", "", false},
		{"empty", "", "", false},
	} {
		p, err := parsePacket(unhex(t, tt.in))
		if (err == nil) != tt.ok || string(p.data) != string(unhex(t, tt.data)) {
			t.Errorf("%s: parsePacket(%s) = %+v %v, want data %s", tt.name, tt.in, p, err, tt.data)
		}
	}
}

func TestParseOptions(t *testing.T) {
	for _, tt := range []struct {
		name, in string
		n        int
		ok       bool
	}{
		{"none", "", 0, true},
		{"two", "010405780702", 2, true},
		{"length zero", "0100", 0, false},
		{"length one", "0101", 0, false},
		{"too long", "01040578 0705", 0, false},
		{"half", "07", 0, false},
	} {
		opts, err := parseOptions(unhex(t, tt.in))
		if (err == nil) != tt.ok || len(opts) != tt.n {
			t.Errorf("%s: parseOptions(%s) = %v %v, want %d options", tt.name, tt.in, opts, err, tt.n)
		}
	}
}

func TestCleanText(t *testing.T) {
	for _, tt := range []struct{ name, in, want string }{
		{"plain", "Access denied", "Access denied"},
		{"newline and controls", " a\r\n\tb\x00\x1b[31mc\n", "a b [31mc"},
		{"UTF-8", "Доступ запрещён", "Доступ запрещён"},
		{"Latin-1", "Zugriff verweigert f\xfcr dich", "Zugriff verweigert für dich"},
		{"direction override", "a\u202eb", "a b"},
		{"long", strings.Repeat("x", 5000), strings.Repeat("x", maxText)},
		{"long, cut inside a rune", strings.Repeat("ж", 2000), strings.Repeat("ж", maxText/2)},
	} {
		if got := cleanText([]byte(tt.in)); got != tt.want {
			t.Errorf("%s: cleanText(%q) = %q, want %q", tt.name, tt.in, got, tt.want)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte{0xff, 0x03, 0xc0, 0x21, 1, 1, 0, 8, 1, 4, 5, 0x78})
	f.Add([]byte{0x21, 0x45})
	f.Fuzz(func(t *testing.T, b []byte) {
		_, info, ok := SplitFrame(b)
		if !ok {
			return
		}
		p, err := parsePacket(info)
		if err != nil {
			return
		}
		opts, err := parseOptions(p.data)
		if err == nil {
			var again []byte
			for _, o := range opts {
				again = o.append(again)
			}
			if string(again) != string(p.data) {
				t.Errorf("options %x come back as %x", p.data, again)
			}
		}
		if len(cleanText(p.data)) > maxText {
			t.Error("a text is too long")
		}
		_ = papMessage(p.data)
		_ = authName(p.data)
		_ = asksMPPE(info)
	})
}

// FuzzHandle throws a stream of frames at a machine in every role and phase.
// The first octet of each chunk is its length and how much time passes.
func FuzzHandle(f *testing.F) {
	f.Add(uint8(0), []byte{12, 0xff, 0x03, 0xc0, 0x21, 1, 1, 0, 8, 1, 4, 5, 0x78})
	f.Add(uint8(9), []byte{9, 0xff, 0x03, 0xc0, 0x21, 5, 1, 0, 4, 0})
	for i := range uint8(16) {
		f.Add(i, []byte("\x0e\xff\x03\xc2\x23\x03\x01\x00\x0aS=0000\x0d\x80\x21\x01\x09\x00\x0a\x03\x06\x00\x00\x00\x00"))
	}
	f.Fuzz(func(t *testing.T, start uint8, stream []byte) {
		c, now := inState(t, start)
		var out Output
		for len(stream) > 0 {
			n := min(int(stream[0]&63), len(stream)-1)
			c.Handle(now, stream[1:1+n], &out)
			if stream[0]&64 != 0 {
				now = now.Add(restartTimer)
				c.Advance(now, &out)
			}
			if len(out.Frames) > 8 || len(out.Events) > 24 {
				t.Fatalf("one frame calls forth %d frames and %d events", len(out.Frames), len(out.Events))
			}
			if len(c.lcp.demanded) > 2*maxNaks {
				t.Fatal("memory grows")
			}
			out.Reset()
			stream = stream[1+n:]
		}
		c.Close(now, &out)
		for i := 0; !c.Deadline().IsZero(); i++ {
			if i > 10 {
				t.Fatal("Close does not come to an end")
			}
			c.Advance(c.Deadline(), &out)
		}
		if c.Phase() != PhaseOver {
			t.Fatalf("closed, and in phase %v", c.Phase())
		}
	})
}

// inState brings a machine into one of its phases, as client or server.
func inState(t testing.TB, n uint8) (*Conn, time.Time) {
	cfg := clientConfig(int64(n), MSCHAPv2, CHAPMD5, PAP)
	cfg.EchoInterval, cfg.IPv6 = restartTimer, n&8 != 0
	if n&16 != 0 {
		cfg = serverConfig(int64(n), []AuthMethod{PAP, CHAPMD5, MSCHAPv2}[n%3])
	}
	demand := []string{askMSCHAPv2, askMD5, askPAP, ""}[n&3]
	switch {
	case n&4 != 0 && !cfg.Server:
		s := newScript(t, cfg)
		s.link(demand)
		return s.c, s.now
	case n&3 == 3 && !cfg.Server:
		cfg.IPv6 = false
		s := up(t, cfg)
		return s.c, s.now
	case n&4 != 0:
		s := newScript(t, cfg)
		s.link("")
		return s.c, s.now
	case n&32 != 0:
		s := newScript(t, cfg)
		s.recvHex(protocolLCP, configureRequest, 1, "")
		return s.c, s.now
	case n&64 != 0:
		cfg.Auth = nil
		s := network(t, cfg)
		return s.c, s.now
	}
	s := newScript(t, cfg)
	if rand.New(rand.NewSource(int64(n))).Intn(2) == 0 {
		s.c.Close(s.now, &s.out)
	}
	return s.c, s.now
}
