// Package testnet gives a test a network of its own, where a system has such a
// thing.
package testnet
