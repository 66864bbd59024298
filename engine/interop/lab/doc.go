// Package lab is the test bed: it starts gateways that nobody here wrote, each
// in network namespaces of its own, runs programs next to them, and looks at
// what is left on both sides afterwards. It needs root, User-Mode Linux and
// SoftEther; packaging/linux/need interop installs what is missing. The scripts
// under scripts and the configurations under conf do the work and can be used
// by hand.
package lab
