package cli

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/culvert-vpn/culvert/app/api"
	"github.com/culvert-vpn/culvert/app/client"
	"github.com/culvert-vpn/culvert/app/diagnosis"
	"github.com/culvert-vpn/culvert/app/profile"
)

// profile is the one that a person means: by its name, its id, or as a file. The
// Path of a file that is none of the store's profiles is ReadOnly: only its person
// knows what it is for.
func (a *around) profile(ref string) (profile.Entry, error) {
	_, noFile := os.Stat(ref)
	if !isPath(ref) || noFile != nil {
		e, err := a.store.Find(ref)
		var none *profile.NotFoundError
		if !errors.As(err, &none) || noFile != nil && !isPath(ref) {
			return e, err
		}
	}
	if e, ok := a.stored(ref); ok {
		return e, e.Err
	}
	p, err := profile.Load(ref)
	return profile.Entry{Profile: p, Path: ref, ReadOnly: true, Err: err}, err
}

// isPath says that ref looks like a file.
func isPath(ref string) bool {
	return strings.ContainsRune(ref, filepath.Separator) || strings.ContainsRune(ref, '/') || strings.EqualFold(filepath.Ext(ref), ".toml")
}

// stored is the profile of the store that has this file.
func (a *around) stored(path string) (profile.Entry, bool) {
	info, err := os.Stat(path)
	if err != nil {
		return profile.Entry{}, false
	}
	list, _ := a.store.List() // those that can be read
	for _, e := range list {
		if own, err := os.Stat(e.Path); err == nil && os.SameFile(info, own) {
			return e, true
		}
	}
	return profile.Entry{}, false
}

// noProfile says why there is no such profile, and gives the exit status.
func (c *call) noProfile(err error) int {
	var faulty *profile.Error
	var none *profile.NotFoundError
	var many *profile.AmbiguousError
	switch {
	case errors.As(err, &faulty):
		printInvalid(c.Err, err)
	case errors.As(err, &none) && len(none.Names) == 0:
		c.say("there is no profile %q, nor any other: culvert profiles add makes one", none.Ref)
	case errors.As(err, &none):
		c.say("there is no profile %q; there is: %s", none.Ref, strings.Join(none.Names, ", "))
	case errors.As(err, &many):
		c.say("%q may be any of %s: use the id, or more of the name", many.Ref, strings.Join(many.Paths, ", "))
	default:
		c.say("%v", err)
	}
	return exitUsage
}

// The codes that the helper has of its own.
const (
	helperConnected api.Code = "helper.connected"
	helperEnding    api.Code = "helper.ending"
	helperBusy      api.Code = "helper.busy"
)

// helperStatuses are the exit statuses of what the helper says no with.
var helperStatuses = map[api.Code]int{
	api.HelperNotRunning: exitNoHelper, api.HelperNotAllowed: exitNoHelper,
	api.ProfileInvalid: exitUsage, api.SecretMissing: exitUsage,
	helperConnected: exitNotConnected, client.NotAsked: exitNotConnected, helperEnding: exitNoHelper, helperBusy: exitNoHelper,
}

// noHelper says what the helper or the way to it has against a request, and gives
// the exit status. With --json it is a failure event.
func (c *call) noHelper(err error) int {
	var e *client.Error
	if !errors.As(err, &e) {
		c.say("%v", err)
		return exitInternal
	}
	status, ok := helperStatuses[e.Code]
	if !ok {
		status = exitInternal
	}
	words, known := diagnosis.Known(e.Code)
	if !known {
		words.Title = strings.TrimSuffix(e.Message, ".")
	}
	evidence := []string{}
	if e.Code != api.HelperNotAllowed && known {
		evidence = append(evidence, strings.Split(e.Message, "\n")...)
	}
	for _, name := range e.Missing {
		evidence = append(evidence, string(name))
	}
	if c.on(jsonOption.name) {
		newPrinter(c.Streams, true).print(time.Now(), api.FailureEvent{Code: e.Code, Title: words.Title, Advice: words.Advice, Evidence: evidence})
		return status
	}
	c.say("%s", strings.TrimSpace(words.Title+". "+words.Advice))
	for _, line := range evidence {
		fmt.Fprintf(c.Err, "  %s\n", clean(line))
	}
	return status
}
