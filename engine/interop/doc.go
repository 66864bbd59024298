// Package interop holds the tests against real gateways: SoftEther, strongSwan
// and Libreswan as Debian packages them. Two copies of one misunderstanding
// agree, so only these prove that Culvert speaks the protocols; see package lab
// for the bed they run in.
package interop
