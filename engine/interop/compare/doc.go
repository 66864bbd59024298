// Command compare measures the data path against others on this machine: the
// culvert program and its gateway, wireguard-go, OpenVPN, and a tunnel without
// any cryptography on our own TUN and sockets, which is the ceiling. It needs
// root, iperf3 and openvpn; make bench installs them.
//
// Each measurement has two network namespaces to itself, joined by a cable (a
// veth pair):
//
//	    namespace near                            namespace far
//	iperf3 - TUN - client - 198.51.100.2 ==== 198.51.100.1 - server - TUN - iperf3
//	        10.99.0.x             veth, MTU 1500                  10.99.0.1
//
// The namespaces have no names and need no mounts: a process holds each, and
// they are gone with it. All processes end with this one, however it ends.
//
// Figures of one machine at different times are not comparable, so every round
// measures each variant once, the order changing, and what is compared are ratios
// within a round. CPU time per octet is steadier than octets per second.
package main
