package multibuffer

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/subtle"
	"fmt"
)

// CBC is AES in CBC mode (NIST SP 800-38A, 6.2) under one key. It allocates
// nothing after NewCBC. It is not safe for concurrent use.
type CBC struct {
	level    *level
	rounds   int
	encKeys  [240]byte
	decKeys  [240]byte
	iv       [aes.BlockSize]byte
	order    order
	ptrs     [maxLanes]*byte
	chain    [maxLanes][aes.BlockSize]byte
	rest     [maxLanes][]byte // what each lane has left; empty: it is idle
	enc, dec cipher.BlockMode // of the generic level: they encrypt and decrypt
	encChain [aes.BlockSize]byte
	decChain [aes.BlockSize]byte
}

// CBCJob is a packet to encrypt or decrypt in place.
type CBCJob struct {
	IV   []byte // 16 octets; may be those in front of Data
	Data []byte // whole blocks of 16 octets, or none
}

// NewCBC takes a key of 16, 24 or 32 octets and keeps what it expands to.
func NewCBC(key []byte) (*CBC, error) {
	switch len(key) {
	case 16, 24, 32:
	default:
		return nil, fmt.Errorf("multibuffer: AES key of %d octets, want 16, 24 or 32", len(key))
	}
	c := &CBC{level: current.Load()}
	if c.level.encrypt != nil {
		c.rounds = expandKey(key, &c.encKeys, &c.decKeys)
		return c, nil
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, fmt.Errorf("multibuffer: %w", err)
	}
	c.enc = cipher.NewCBCEncrypter(block, c.encChain[:])
	c.dec = cipher.NewCBCDecrypter(block, c.decChain[:])
	return c, nil
}

// check panics like cipher.BlockMode: such a job is a mistake in the program.
func (j *CBCJob) check() {
	if len(j.IV) != aes.BlockSize {
		panic("multibuffer: IV is not a block")
	}
	if len(j.Data)%aes.BlockSize != 0 {
		panic("multibuffer: data is not whole blocks")
	}
}

// Encrypt encrypts all jobs in place, any number of them. Their data must not
// overlap, nor may the IV of one be in the data of another. It panics unless
// IVs and data have the right lengths.
func (c *CBC) Encrypt(jobs []CBCJob) {
	for i := range jobs {
		jobs[i].check()
	}
	if c.level.encrypt == nil {
		for i := range jobs {
			c.encryptOne(&jobs[i])
		}
		return
	}
	for len(jobs) > 0 {
		n := min(len(jobs), groupLen)
		c.encryptGroup(jobs[:n])
		jobs = jobs[n:]
	}
}

// Decrypt undoes Encrypt.
func (c *CBC) Decrypt(jobs []CBCJob) {
	for i := range jobs {
		jobs[i].check()
	}
	for i := range jobs {
		j := &jobs[i]
		switch {
		case len(j.Data) == 0:
		case c.level.decrypt == nil:
			c.decryptOne(j)
		default:
			copy(c.iv[:], j.IV)
			c.level.decrypt(&c.decKeys, c.rounds, &c.iv, &j.Data[0], len(j.Data)/aes.BlockSize)
		}
	}
}

func (c *CBC) encryptGroup(jobs []CBCJob) {
	c.order.n = 0
	for i := range jobs {
		if n := len(jobs[i].Data); n > 0 {
			c.order.add(i, n/aes.BlockSize)
		}
	}
	c.order.sort()
	first := 0
	if wide := c.level.encrypt; wide.narrow != nil {
		first = c.order.split(&wide.shape, &wide.narrow.shape, c.order.n)
		c.run(wide.narrow, jobs, 0, first)
	}
	c.run(c.level.encrypt, jobs, first, c.order.n)
	// Do not hold on to the caller's memory.
	clear(c.ptrs[:])
	clear(c.rest[:])
}

// run encrypts the jobs from next to before last, in order.
func (c *CBC) run(kernel *encryptKernel, jobs []CBCJob, next, last int) {
	for blocks := 0; ; {
		least, busy, idlers := 0, -1, 0
		for l := range kernel.lanes {
			if len(c.rest[l]) > 0 {
				c.rest[l] = c.rest[l][blocks*aes.BlockSize:]
			}
			if len(c.rest[l]) == 0 {
				if next == last {
					idlers++
					continue
				}
				j := &jobs[c.order.index(next)]
				next++
				c.rest[l], c.chain[l] = j.Data, [aes.BlockSize]byte(j.IV)
			}
			c.ptrs[l] = &c.rest[l][0]
			if n := len(c.rest[l]) / aes.BlockSize; busy < 0 || n < least {
				least = n
			}
			busy = l
		}
		if busy < 0 {
			return
		}
		if idlers > 0 {
			c.join(kernel.lanes, busy)
		}
		kernel.run(&c.encKeys, c.rounds, &c.ptrs, &c.chain, least)
		blocks = least
	}
}

// join points idle lanes to the packet of a busy one.
func (c *CBC) join(lanes, busy int) {
	for l := range lanes {
		if len(c.rest[l]) == 0 {
			c.ptrs[l], c.chain[l] = c.ptrs[busy], c.chain[busy]
		}
	}
}

// encryptOne encrypts a packet with the standard library. enc goes on from
// packet to packet as if they were one message, so that none needs an object of
// its own: it XORs the last block of ciphertext, which encChain has, into the
// first block, where the IV belongs.
func (c *CBC) encryptOne(j *CBCJob) {
	if len(j.Data) == 0 {
		return
	}
	first := j.Data[:aes.BlockSize]
	subtle.XORBytes(first, first, j.IV)
	subtle.XORBytes(first, first, c.encChain[:])
	c.enc.CryptBlocks(j.Data, j.Data)
	copy(c.encChain[:], j.Data[len(j.Data)-aes.BlockSize:])
}

// decryptOne undoes encryptOne.
func (c *CBC) decryptOne(j *CBCJob) {
	copy(c.iv[:], j.Data[len(j.Data)-aes.BlockSize:])
	c.dec.CryptBlocks(j.Data, j.Data)
	first := j.Data[:aes.BlockSize]
	subtle.XORBytes(first, first, j.IV)
	subtle.XORBytes(first, first, c.decChain[:])
	c.decChain = c.iv
}
