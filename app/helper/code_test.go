package helper

import (
	"slices"
	"strings"
	"testing"

	"github.com/culvert-vpn/culvert/engine/failure"
)

// TestCodes has a gateway ask for codes: the questions are told, the answers come
// to the engine, and nothing of them is kept or said.
func TestCodes(t *testing.T) {
	b := newBench(t, t.TempDir())
	b.sys.prompts = []string{"Token code:", "Next code:"}
	events := b.watch()
	post := func(path, body string, want int) {
		t.Helper()
		if status, said := b.call("POST", path, body); status != want {
			t.Fatalf("%s: %d %s, want %d", path, status, said, want)
		}
	}
	asks := func(prompt string) {
		t.Helper()
		if line := until(t, events, `"state":"waiting"`); !strings.Contains(line, `"seconds_left":60,"ask":["otp"],"prompt":"`+prompt+`"`) {
			t.Errorf("waiting: %s", line)
		}
	}
	post("/v1/connect", connectBody(t, profileText), 200)
	asks("Token code:")
	post("/v1/answer", `{"password":"hush"}`, 422)
	post("/v1/answer", `{"otp":""}`, 422)
	post("/v1/answer", `{"otp":"424242"}`, 200)
	asks("Next code:")
	post("/v1/answer", `{"otp":"424242"}`, 200)
	until(t, events, `"state":"connected"`)
	post("/v1/answer", `{"otp":"424242"}`, 409)

	// Lost: nobody has the next code but a person, and one question is not the other.
	b.sys.mu.Lock()
	session := b.sys.session
	b.sys.prompts = b.sys.prompts[:1]
	b.sys.mu.Unlock()
	session.end(&failure.Failure{Stage: failure.Connected, Code: failure.PathDead})
	until(t, events, `"state":"disconnected"`)
	if _, body := b.call("GET", "/v1/state", ""); !strings.Contains(body, `"ask":["otp"]`) {
		t.Errorf("lost: %s", body)
	}
	post("/v1/answer", `{"otp":"424242"}`, 200) // it goes to the question that comes
	until(t, events, `"state":"connected"`)
	post("/v1/disconnect", "", 200)
	until(t, events, `"state":"disconnected"`)

	// A wrong one, which nobody is asked for again.
	post("/v1/connect", strings.Replace(connectBody(t, profileText), `"secrets":{`, `"secrets":{"otp":"000000",`, 1), 200)
	until(t, events, `"code":"ppp.bad-credentials"`)
	until(t, events, `"state":"disconnected"`)
	if _, body := b.call("GET", "/v1/state", ""); strings.Contains(body, `"ask"`) {
		t.Errorf("refused: %s", body)
	}

	// It may come with a request that joins in, too.
	const known = "id = \"6f1c2a34-5b6d-4e7f-8a9b-0c1d2e3f4a5b\"\n" + profileText
	post("/v1/connect", connectBody(t, known), 200)
	asks("Token code:")
	post("/v1/connect", strings.Replace(connectBody(t, known), `"secrets":{`, `"secrets":{"otp":"424242",`, 1), 200)
	until(t, events, `"state":"connected"`)
	post("/v1/disconnect", "", 200)
	until(t, events, `"state":"disconnected"`)

	// A wish to end wins over a question.
	post("/v1/connect", connectBody(t, profileText), 200)
	asks("Token code:")
	post("/v1/disconnect", "", 200)
	until(t, events, `"state":"disconnected"`)
	b.stop()
	if got := b.sys.codes; !slices.Equal(got, []string{"424242", "424242", "424242", "000000", "424242"}) {
		t.Errorf("the gateway was told %q", got)
	}
	if strings.Contains(b.log.String(), "424242") || strings.Contains(b.log.String(), "000000") {
		t.Error("a code is in the log")
	}
}
