package multibuffer_test

import (
	"bytes"
	"crypto/hmac"
	"fmt"

	"github.com/culvert-vpn/culvert/engine/esp/multibuffer"
)

// A batch is sealed with jobs that are kept from batch to batch, and opened the
// same way round: authenticated first, decrypted then.
func Example() {
	cbc, err := multibuffer.NewCBC([]byte("sixteen octets!!"))
	if err != nil {
		fmt.Println(err)
		return
	}
	mac := multibuffer.NewHMACSHA1([]byte("twenty octets of key"))

	const header, iv, icv = 8, 16, 12
	ciphers, macs := make([]multibuffer.CBCJob, 3), make([]multibuffer.MACJob, 3)
	packets := make([][]byte, 3)
	for i := range packets {
		p := make([]byte, header+iv+16*(i+1)+icv)
		copy(p[header+iv:], "payload")
		packets[i] = p
		ciphers[i] = multibuffer.CBCJob{IV: p[header : header+iv], Data: p[header+iv : len(p)-icv]}
		macs[i].Data = p[:len(p)-icv]
	}
	cbc.Encrypt(ciphers)
	mac.Sum(macs)
	for i, p := range packets {
		copy(p[len(p)-icv:], macs[i].Sum[:])
	}

	mac.Sum(macs)
	cbc.Decrypt(ciphers)
	for i, p := range packets {
		good := hmac.Equal(macs[i].Sum[:icv], p[len(p)-icv:])
		fmt.Println(len(p), good, string(bytes.TrimRight(ciphers[i].Data, "\x00")))
	}
	// Output:
	// 52 true payload
	// 68 true payload
	// 84 true payload
}

// A packet of ESP (RFC 4106) is the nonce's last 8 octets behind SPI and sequence
// number, the data, and the tag.
func ExampleGCM() {
	gcm, err := multibuffer.NewGCM([]byte("sixteen octets!!"))
	if err != nil {
		fmt.Println(err)
		return
	}
	const header, iv = 8, 8
	packet := make([]byte, header+iv, header+iv+7+multibuffer.GCMOverhead)
	packet = append(packet, "payload"...)
	packet = packet[:cap(packet)]
	jobs := []multibuffer.GCMJob{{AAD: packet[:header], Data: packet[header+iv:]}}
	copy(jobs[0].Nonce[:4], "salt")
	copy(jobs[0].Nonce[4:], packet[header:header+iv])

	gcm.Seal(jobs)
	gcm.Open(jobs)
	fmt.Printf("%v %q\n", jobs[0].Good, packet[header+iv:header+iv+7])

	gcm.Seal(jobs)
	packet[0] ^= 1
	gcm.Open(jobs)
	fmt.Printf("%v %q\n", jobs[0].Good, packet[header+iv:header+iv+7])
	// Output:
	// true "payload"
	// false "\x00\x00\x00\x00\x00\x00\x00"
}
