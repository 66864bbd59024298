package dns

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"

	"golang.org/x/sys/windows"
	"golang.org/x/sys/windows/registry"
	"golang.zx2c4.com/wireguard/windows/tunnel/winipcfg"
)

func supported() error { return nil }

// detect: Windows has one resolver.
func detect(_ context.Context, _ Options, _ Config) ([]part, string, error) {
	return []part{&nrptPart{system: windowsSystem{}}}, "Windows has no other resolver", nil
}

func newPart(kind string, _ Options) (part, error) {
	if kind != kindNRPT {
		return nil, fmt.Errorf("no such backend: %q", kind)
	}
	return &nrptPart{system: windowsSystem{}}, nil
}

// windowsSystem is this machine.
type windowsSystem struct{}

func (windowsSystem) policyTable() (bool, error) {
	k, err := registry.OpenKey(registry.LOCAL_MACHINE, string(policyTable), registry.QUERY_VALUE)
	if errors.Is(err, registry.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("registry %s: %w", policyTable, err)
	}
	return true, k.Close()
}

// From MS-GPNRPT, 2.2.2: what a rule with servers of its own has.
const (
	nrptVersion       = 2
	nrptConfigOptions = 8 // the generic servers are given
)

func (windowsSystem) putRule(t nrptTable, id string, r nrptRule) error {
	path := string(t) + `\` + id
	k, _, err := registry.CreateKey(registry.LOCAL_MACHINE, path, registry.SET_VALUE)
	if err != nil {
		return fmt.Errorf("registry %s: %w", path, err)
	}
	err = errors.Join(
		k.SetDWordValue("Version", nrptVersion),
		k.SetStringsValue("Name", r.Names),
		k.SetStringValue("GenericDNSServers", r.Servers),
		k.SetDWordValue("ConfigOptions", nrptConfigOptions),
		k.SetStringValue("IPSECCARestriction", ""),
		k.SetStringValue("DisplayName", "Culvert"),
		k.SetStringValue("Comment", "Made for a VPN tunnel of Culvert and removed with it"),
		k.Close())
	if err != nil {
		return fmt.Errorf("registry %s: %w", path, err)
	}
	return nil
}

func (windowsSystem) rule(t nrptTable, id string) (r nrptRule, ok bool, err error) {
	path := string(t) + `\` + id
	k, err := registry.OpenKey(registry.LOCAL_MACHINE, path, registry.QUERY_VALUE)
	if errors.Is(err, registry.ErrNotExist) {
		return r, false, nil
	}
	if err != nil {
		return r, false, fmt.Errorf("registry %s: %w", path, err)
	}
	defer k.Close()
	names, _, err := k.GetStringsValue("Name")
	if err != nil {
		return r, false, fmt.Errorf("registry %s: %w", path, err)
	}
	servers, _, err := k.GetStringValue("GenericDNSServers")
	if err != nil {
		return r, false, fmt.Errorf("registry %s: %w", path, err)
	}
	return nrptRule{names, servers}, true, nil
}

func (windowsSystem) deleteRule(t nrptTable, id string) error {
	path := string(t) + `\` + id
	err := registry.DeleteKey(registry.LOCAL_MACHINE, path)
	if err != nil && !errors.Is(err, registry.ErrNotExist) && !errors.Is(err, windows.ERROR_PATH_NOT_FOUND) {
		return fmt.Errorf("registry %s: %w", path, err)
	}
	return nil
}

// luid finds the interface of a name.
func luid(name string) (winipcfg.LUID, error) {
	i, err := net.InterfaceByName(name)
	if err != nil {
		return 0, fmt.Errorf("%w: %q: %w", errNoInterface, name, err)
	}
	return winipcfg.LUIDFromIndex(uint32(i.Index))
}

func (windowsSystem) setInterface(name string, servers []netip.Addr, search []string) error {
	l, err := luid(name)
	if err != nil {
		return err
	}
	var four, six []netip.Addr
	for _, a := range servers {
		if a.Is4() {
			four = append(four, a)
		} else {
			six = append(six, a)
		}
	}
	if err := l.SetDNS(windows.AF_INET, four, search); err != nil {
		return fmt.Errorf("servers of %q: %w", name, err)
	}
	// IPv6 may be switched off, and then has no servers to lose.
	if err := l.SetDNS(windows.AF_INET6, six, search); err != nil && len(six) != 0 {
		return fmt.Errorf("IPv6 servers of %q: %w", name, err)
	}
	return nil
}

func (windowsSystem) interfaceServers(name string) ([]netip.Addr, error) {
	l, err := luid(name)
	if err != nil {
		return nil, err
	}
	servers, err := l.DNS()
	if err != nil {
		return nil, fmt.Errorf("servers of %q: %w", name, err)
	}
	return servers, nil
}

var (
	refreshPolicyEx       = windows.NewLazySystemDLL("userenv.dll").NewProc("RefreshPolicyEx")
	flushResolverCache    = windows.NewLazySystemDLL("dnsapi.dll").NewProc("DnsFlushResolverCache")
	refreshForce          = uintptr(1) // RP_FORCE
	machinePolicy         = uintptr(1)
	errFlushResolverCache = errors.New("DnsFlushResolverCache reports an error")
)

func (windowsSystem) reload(policy bool) error {
	if err := paramChange("Dnscache"); err != nil {
		return fmt.Errorf("tell the DNS client: %w", err)
	}
	if policy {
		// Without, Group Policy's table is read about every 90 minutes.
		if ok, _, err := refreshPolicyEx.Call(machinePolicy, refreshForce); ok == 0 {
			return fmt.Errorf("refresh Group Policy: %w", err)
		}
	}
	if err := flushResolverCache.Find(); err != nil {
		return err
	}
	if ok, _, _ := flushResolverCache.Call(); ok == 0 {
		return errFlushResolverCache
	}
	return nil
}

// paramChange tells a service to read its settings again.
func paramChange(name string) error {
	scm, err := windows.OpenSCManager(nil, nil, windows.SC_MANAGER_CONNECT)
	if err != nil {
		return err
	}
	defer windows.CloseServiceHandle(scm)
	text, err := windows.UTF16PtrFromString(name)
	if err != nil {
		return err
	}
	service, err := windows.OpenService(scm, text, windows.SERVICE_PAUSE_CONTINUE)
	if err != nil {
		return err
	}
	defer windows.CloseServiceHandle(service)
	var status windows.SERVICE_STATUS
	err = windows.ControlService(service, windows.SERVICE_CONTROL_PARAMCHANGE, &status)
	if errors.Is(err, windows.ERROR_SERVICE_NOT_ACTIVE) {
		return nil // reads them when it starts
	}
	return err
}
