package cli

import "testing"

// Status names the name servers that are asked, whoever named them.
func TestStatusResolvers(t *testing.T) {
	d := newDesk(t)
	for _, c := range []struct{ name, dns, want string }{
		{"Gateway's", "", "  DNS       10.99.0.1\n"},
		{"Mine", "mode = \"manual\"\nservers = [\"10.0.0.53\", \"10.0.0.54\"]\n", "  DNS       10.0.0.53, 10.0.0.54\n"},
		{"None", "mode = \"off\"\n", "  DNS       as without the connection\n"},
	} {
		d.profile(c.name, "[dns]\n"+c.dns)
		d.expect(0, "Connected", "", "up", c.name)
		d.expect(0, c.want, "", "status")
		d.expect(0, "Disconnected", "", "down")
	}
}
