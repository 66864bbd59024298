package doctor

import (
	"bufio"
	"cmp"
	"context"
	"fmt"
	"os"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/culvert-vpn/culvert/app/diagnosis"
	"github.com/culvert-vpn/culvert/platform/dns"
)

const tunDevice = "/dev/net/tun"

// programs are other VPN programs by the names of their processes, which Linux
// cuts to 15 octets.
var programs = map[string]string{
	"charon": "strongSwan", "charon-systemd": "strongSwan", "charon-nm": "strongSwan for NetworkManager", "pluto": "Libreswan", "racoon": "racoon", "iked": "iked",
	"xl2tpd": "xl2tpd", "nm-l2tp-service": "NetworkManager-l2tp", "openvpn": "OpenVPN", "openconnect": "OpenConnect", "vpnc": "vpnc",
	"tailscaled": "Tailscale", "wireguard-go": "WireGuard", "mullvad-daemon": "Mullvad", "nordvpnd": "NordVPN", "warp-svc": "Cloudflare WARP", "zerotier-one": "ZeroTier",
}

// Machine looks at this computer.
func Machine(ctx context.Context, wanted bool) []Check {
	return []Check{tun(tunDevice), resolver(ctx, dns.Options{}), ports("/proc", wanted), others("/proc")}
}

// tun looks whether the device is there. Opening it takes no privilege, and makes
// no interface.
func tun(path string) Check {
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	switch {
	case os.IsPermission(err): // the helper may
		return found(Tun, Good, diagnosis.TunThere, path)
	case err != nil:
		return found(Tun, Bad, diagnosis.TunMissing, path, reason(err))
	}
	f.Close()
	return found(Tun, Good, diagnosis.TunThere, path)
}

func reason(err error) error {
	if p, ok := err.(*os.PathError); ok { //nolint:errorlint // as os gives it
		return p.Err
	}
	return err
}

func resolver(ctx context.Context, opts dns.Options) Check {
	name, why, err := dns.Detect(ctx, opts)
	if err != nil {
		return found(Resolver, Note, diagnosis.ResolverUnknown, err)
	}
	return found(Resolver, Good, diagnosis.ResolverKnown, name, why)
}

// ports looks who has the ports of IPsec (proc_net_udp(5)).
func ports(proc string, wanted bool) Check {
	held := map[string]string{} // port by inode
	for _, file := range []string{"udp", "udp6"} {
		f, err := os.Open(filepath.Join(proc, "net", file))
		if err != nil {
			continue
		}
		for lines := bufio.NewScanner(f); lines.Scan(); {
			words := strings.Fields(lines.Text())
			if len(words) < 10 {
				continue
			}
			_, port, _ := strings.Cut(words[1], ":")
			if n, err := strconv.ParseUint(port, 16, 16); err == nil && (n == portIKE || n == portNATT) {
				held[words[9]] = strconv.FormatUint(n, 10)
			}
		}
		f.Close()
	}
	if len(held) == 0 {
		return found(Ports, Good, diagnosis.PortsFree)
	}
	who := holders(proc, held)
	var list []string
	for _, port := range held {
		list = append(list, port)
	}
	slices.SortFunc(list, func(a, b string) int { return cmp.Or(cmp.Compare(len(a), len(b)), cmp.Compare(a, b)) })
	text := strings.Join(slices.Compact(list), " and ")
	if wanted {
		return found(Ports, Bad, diagnosis.PortsWanted, text, who)
	}
	return found(Ports, Note, diagnosis.PortsHeld, text, who)
}

// holders names the processes with these sockets, as far as this user may see
// them.
func holders(proc string, inodes map[string]string) string {
	var names []string
	links, _ := filepath.Glob(filepath.Join(proc, "[0-9]*", "fd", "*"))
	for _, link := range links {
		to, err := os.Readlink(link)
		if err != nil {
			continue
		}
		inode := strings.TrimSuffix(strings.TrimPrefix(to, "socket:["), "]")
		if _, ok := inodes[inode]; !ok || inode == to {
			continue
		}
		dir := filepath.Dir(filepath.Dir(link))
		if name := comm(dir); name != "" {
			names = append(names, fmt.Sprintf("%s, process %s", name, filepath.Base(dir)))
		}
	}
	slices.Sort(names)
	if len(names) == 0 {
		return "only root may see which"
	}
	return strings.Join(slices.Compact(names), "; ")
}

// others looks for other VPN programs.
func others(proc string) Check {
	var names []string
	dirs, _ := filepath.Glob(filepath.Join(proc, "[0-9]*"))
	for _, dir := range dirs {
		if name, ok := programs[comm(dir)]; ok {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	if len(names) == 0 {
		return found(Others, Good, diagnosis.OthersNone)
	}
	return found(Others, Note, diagnosis.OthersRun, strings.Join(slices.Compact(names), ", "))
}

// comm is the name of a process.
func comm(dir string) string {
	text, err := os.ReadFile(filepath.Join(dir, "comm"))
	if err != nil {
		return "" // it has ended
	}
	return strings.TrimSpace(string(text))
}

// Member says whether this user is in the group of those who may use the helper,
// as the system has it now: this session may have begun before.
func Member(group string) bool {
	u, err := user.Current()
	if err != nil {
		return false
	}
	g, err := user.LookupGroup(group)
	if err != nil {
		return false
	}
	ids, err := u.GroupIds()
	return err == nil && slices.Contains(ids, g.Gid)
}
