package esp

import "encoding/binary"

// Class is what a datagram on UDP port 4500 holds (RFC 3948, 2).
type Class uint8

// The classes.
const (
	ClassInvalid   Class = iota // too short for any of the others
	ClassKeepalive              // a single octet 0xff (RFC 3948, 2.3)
	ClassIKE                    // behind four zero octets, the non-ESP marker (2.2)
	ClassESP                    // ESP from the first octet on (2.1)
)

// String is the class in lower case, for logs.
func (c Class) String() string {
	switch c {
	case ClassKeepalive:
		return "keepalive"
	case ClassIKE:
		return "ike"
	case ClassESP:
		return "esp"
	}
	return "invalid"
}

// Classify says what a datagram on UDP port 4500 holds, and for ESP the SPI. A
// buffer that the kernel has merged several datagrams into is to be split first.
func Classify(datagram []byte) (class Class, spi uint32) {
	if len(datagram) == 1 && datagram[0] == 0xff {
		return ClassKeepalive, 0
	}
	if len(datagram) < 4 {
		return ClassInvalid, 0
	}
	spi = binary.BigEndian.Uint32(datagram)
	switch {
	case spi == 0:
		return ClassIKE, 0
	case len(datagram) < headerLen:
		return ClassInvalid, 0
	}
	return ClassESP, spi
}
