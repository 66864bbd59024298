package ui

import (
	"bufio"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"time"

	"github.com/culvert-vpn/culvert/app/profile"
	"github.com/culvert-vpn/culvert/engine/secret"
	"github.com/culvert-vpn/culvert/ui/viewmodel"
)

// demoID is the id of the profile of the practice gateway: by it the gateway is
// started when somebody connects.
const demoID = "00000000-0000-4000-8000-00000c01be17"

// practice is the gateway of the demonstration: culvert gateway on this computer's
// loopback, with secrets that are made up each time and kept in its file alone.
type practice struct {
	psk, password string
	conf          string
	gone          chan struct{} // closed when it has ended
}

// running says whether the gateway is there.
func (p *practice) running() bool {
	if p == nil {
		return false
	}
	select {
	case <-p.gone:
		return false
	default:
		return true
	}
}

// demo makes the profile of the practice gateway, if there is none, and connects.
func (d *Desktop) demo() {
	d.addDemo(func() {
		d.list.Choose(demoID)
		d.goHome()
		d.withItem(demoID, d.connect)
	})
}

// addDemo makes the profile of the practice gateway, if there is none.
func (d *Desktop) addDemo(then func()) {
	if _, ok := d.itemOf(demoID); ok {
		then()
		return
	}
	p, err := profile.New("127.0.0.1", "demo")
	if err != nil {
		d.tell(err.Error())
		return
	}
	p.ID, p.Name = demoID, d.words.DemoName()
	p.Routing.Mode, p.DNS.Mode = "split", "off"                               // everything else goes where it went
	p.Routing.Include = []netip.Prefix{netip.MustParsePrefix("10.99.0.0/24")} // culvert gateway's
	d.write(func() error {
		_, err := d.create(p)
		return err
	}, func(err error) {
		if err != nil {
			d.tell(err.Error())
			return
		}
		d.reloadAnd(demoID)
		d.write(func() error { return nil }, func(error) { then() })
	})
}

// demoWanted starts the gateway first, if it has to be, and connects with its
// secrets.
func (d *Desktop) demoWanted(w wanted) {
	d.model.Want(time.Now(), viewmodel.WantConnected, w.item.Name())
	d.refresh()
	if d.practice.running() {
		d.demoGather(w)
		return
	}
	d.start(func(ctx context.Context) {
		p, err := d.startPractice(ctx)
		d.do(func() {
			if err != nil {
				d.noPractice(p, err)
				return
			}
			d.practice = p
			d.demoGather(w)
		})
	})
}

func (d *Desktop) demoGather(w wanted) {
	w.typed.PSK, w.typed.Password = secret.Secret(d.practice.psk), secret.Secret(d.practice.password)
	d.gather(w)
}

// noPractice says why there is no gateway to practise with.
func (d *Desktop) noPractice(p *practice, err error) {
	d.model.Refused("")
	d.refresh()
	if p != nil && errors.Is(err, errPorts) {
		d.showLine(quoted("sudo", d.program("culvert"), "gateway", "--config", p.conf), "")
		return
	}
	d.tell(err.Error())
}

// errPorts is a gateway that did not get its ports.
var errPorts = errors.New("ui: the practice gateway did not start")

// program is the path of a program that is installed with this one.
func (d *Desktop) program(name string) string {
	if runtime.GOOS == "windows" {
		name += ".exe"
	}
	if path := filepath.Join(d.cfg.Programs, name); d.cfg.Programs != "" {
		if _, err := os.Stat(path); err == nil {
			return path
		}
	}
	return name
}

// startPractice runs beside Fyne. The gateway ends with this program.
func (d *Desktop) startPractice(ctx context.Context) (*practice, error) {
	p := &practice{psk: rand.Text(), password: rand.Text(), gone: make(chan struct{})}
	dir := filepath.Join(d.cfg.App.Storage().RootURI().Path(), "demo")
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	p.conf = filepath.Join(dir, "gateway.toml")
	text := fmt.Sprintf("listen = \"127.0.0.1\"\npsk = %q\n[users]\ndemo = %q\n", p.psk, p.password)
	if err := os.WriteFile(p.conf, []byte(text), 0o600); err != nil {
		return nil, err
	}
	culvert := d.program("culvert")
	err := p.run(ctx, d, culvert, "gateway", "--config", p.conf)
	if err == nil || runtime.GOOS != "linux" {
		return p, err
	}
	if _, missing := exec.LookPath("pkexec"); missing != nil {
		return p, err
	}
	// As root it cannot be ended by us: it ends with its input.
	p.gone = make(chan struct{})
	return p, p.run(ctx, d, "pkexec", "sh", "-c", `"$0" gateway --config "$1" & p=$!; cat >/dev/null; kill $p; wait $p`, culvert, p.conf)
}

// run starts the gateway and returns when it serves.
func (p *practice) run(ctx context.Context, d *Desktop, name string, args ...string) error {
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
	cmd.WaitDelay = keyTime
	diesWithUs(cmd)
	in, err := cmd.StdinPipe()
	if err != nil {
		return err
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return err
	}
	if err := cmd.Start(); err != nil {
		return errors.Join(errPorts, err)
	}
	lines := bufio.NewReader(out)
	_, err = lines.ReadString('\n') // it serves, or it has ended
	gone := p.gone
	d.start(func(context.Context) {
		_, _ = io.Copy(io.Discard, lines) // what its clients do
		_ = cmd.Wait()                    // how it ended tells nobody anything
		_ = in.Close()
		close(gone)
	})
	if err != nil {
		return errPorts
	}
	return nil
}
