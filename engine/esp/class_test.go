package esp

import "testing"

func TestClassify(t *testing.T) {
	for _, tt := range []struct {
		name     string
		datagram []byte
		class    Class
		spi      uint32
	}{
		{"nothing", nil, ClassInvalid, 0},
		{"keepalive", []byte{0xff}, ClassKeepalive, 0},
		{"another single octet", []byte{0xfe}, ClassInvalid, 0},
		{"two keepalives", []byte{0xff, 0xff}, ClassInvalid, 0},
		{"three zeros", []byte{0, 0, 0}, ClassInvalid, 0},
		{"the marker alone", []byte{0, 0, 0, 0}, ClassIKE, 0},
		{"IKE", []byte{0, 0, 0, 0, 1, 2, 3, 4, 5}, ClassIKE, 0},
		{"an SPI alone", []byte{0, 0, 1, 0}, ClassInvalid, 0},
		{"seven octets", []byte{1, 2, 3, 4, 0, 0, 0}, ClassInvalid, 0},
		{"a header", []byte{1, 2, 3, 4, 0, 0, 0, 1}, ClassESP, 0x01020304},
		{"ESP that begins as a keepalive does", []byte{0xff, 2, 3, 4, 0, 0, 0, 1, 0}, ClassESP, 0xff020304},
		{"the smallest SPI", []byte{0, 0, 0, 1, 0, 0, 0, 1}, ClassESP, 1},
	} {
		if class, spi := Classify(tt.datagram); class != tt.class || spi != tt.spi {
			t.Errorf("%s: Classify(%x) = %v, %#x, want %v, %#x", tt.name, tt.datagram, class, spi, tt.class, tt.spi)
		}
	}
}

func TestClassNames(t *testing.T) {
	for c, want := range map[Class]string{ClassInvalid: "invalid", ClassKeepalive: "keepalive", ClassIKE: "ike", ClassESP: "esp", 9: "invalid"} {
		if got := c.String(); got != want {
			t.Errorf("Class(%d).String() = %q, want %q", c, got, want)
		}
	}
}
