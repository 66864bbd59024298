package ipc

// From the specification (Windows access rights of a file, which a pipe is).
const (
	fileReadData        = 0x0001
	fileWriteData       = 0x0002
	fileCreateInstance  = 0x0004 // of a pipe; FILE_APPEND_DATA of a file
	fileReadEA          = 0x0008
	fileWriteEA         = 0x0010
	fileReadAttributes  = 0x0080
	fileWriteAttributes = 0x0100
	readControl         = 0x00020000
	synchronize         = 0x00100000
)

// pipeAccess is what a client asks of the pipe and what the DACL gives to it:
// reading and writing, and seeing the owner. GENERIC_WRITE would include the
// right to make another instance of the pipe, and answer in the helper's place.
const pipeAccess = fileReadData | fileWriteData | fileReadEA | fileWriteEA | fileReadAttributes | fileWriteAttributes | readControl | synchronize

// pipeSecurity is the security descriptor of the pipe, in SDDL: the
// administrators own it, which the system's account may say as well as an
// elevated user; nobody from the network; all to the system and the
// administrators; pipeAccess to whoever is logged on.
const pipeSecurity = "O:BAG:SYD:P(D;;GA;;;NU)(A;;GA;;;SY)(A;;GA;;;BA)(A;;0x12019b;;;IU)"

// From the specification (well-known SIDs).
const (
	sidSystem         = "S-1-5-18"
	sidAdministrators = "S-1-5-32-544"
)

// trustedOwner says whether a pipe with this owner is the helper's. Only the
// system and an elevated administrator can make either of them the owner.
func trustedOwner(sid string) bool { return sid == sidSystem || sid == sidAdministrators }
