// Package whole tests the helper as a whole: the program culvertd, asked over its
// socket, in network namespaces of its own, against gateways that are killed and
// restarted while an application keeps sending. It holds nothing but tests.
package whole
