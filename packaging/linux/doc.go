// Package linux is what makes programs a service of a Linux system: units of
// systemd, the group, and what installs them. It holds no code. Its tests boot a
// systemd in a room of its own and use the helper there as its users do.
package linux
