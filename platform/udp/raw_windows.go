package udp

// Windows hands IP protocol 50 to its own IPsec only.
const rawESP = false
