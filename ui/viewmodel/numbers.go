package viewmodel

import (
	"math"
	"strconv"
	"strings"
	"time"
)

// whole is a whole number, its thousands apart.
func (w *Words) whole(n int64) string {
	digits := strconv.FormatInt(n, 10)
	sign := ""
	if n < 0 {
		sign, digits = "−", digits[1:]
	}
	if w.group == "" || len(digits) < 5 { // 1400, but 14,000
		return sign + digits
	}
	var b strings.Builder
	for i, d := range digits {
		if i > 0 && (len(digits)-i)%3 == 0 {
			b.WriteString(w.group)
		}
		b.WriteRune(d)
	}
	return sign + b.String()
}

// three is x from 0 to 999.9 with three digits that say something: 1.24, 87.3, 512.
func (w *Words) three(x float64) string {
	places := 0
	switch {
	case x < 9.995:
		places = 2
	case x < 99.95:
		places = 1
	}
	return strings.Replace(strconv.FormatFloat(x, 'f', places, 64), ".", w.decimal, 1)
}

// scaled is x in the unit that leaves it below 1000; units is from the smallest.
func scaled(x float64, units []string) (float64, string) {
	i := 0
	for x >= 999.5 && i < len(units)-1 {
		x /= 1000
		i++
	}
	return x, units[i]
}

var byteUnits = []string{"unit.b", "unit.kb", "unit.mb", "unit.gb", "unit.tb"}

// Bytes is an amount, base 1000: "87.3 MB".
func (w *Words) Bytes(n uint64) string {
	if n < 1000 {
		return w.with(byteUnits[0], "N", strconv.FormatUint(n, 10))
	}
	x, unit := scaled(float64(n), byteUnits)
	return w.with(unit, "N", w.three(x))
}

var rateUnits = []string{"unit.kbit", "unit.mbit", "unit.gbit"}

// Rate is bits a second, base 1000, with one digit behind the point where there is
// room: "21.4 Mbit/s", "640 kbit/s".
func (w *Words) Rate(bits float64) string {
	x, unit := scaled(bits/1000, rateUnits)
	places := 0
	if x < 99.95 && x >= 0.05 && (unit != rateUnits[0] || x < 9.95) {
		places = 1
	}
	return w.with(unit, "N", strings.Replace(strconv.FormatFloat(x, 'f', places, 64), ".", w.decimal, 1))
}

// Took is how long something took: "12 ms", from a second on "2.4 s".
func (w *Words) Took(d time.Duration) string {
	d = max(d, 0)
	if d < time.Second {
		return w.with("unit.ms", "N", strconv.FormatInt(d.Milliseconds(), 10))
	}
	tenths := int64(math.Floor(d.Seconds() * 10))
	if tenths >= 1000 {
		return w.with("unit.s", "N", w.whole(tenths/10))
	}
	return w.with("unit.s", "N", strconv.FormatInt(tenths/10, 10)+w.decimal+strconv.FormatInt(tenths%10, 10))
}

// Seconds is "72 s".
func (w *Words) Seconds(n int) string { return w.with("unit.s", "N", w.whole(int64(n))) }

// Lasted is how long something is: "45 s", "12 min", "1 h 24 min", "3 d 4 h".
func (w *Words) Lasted(d time.Duration) string {
	d = max(d, 0)
	itoa := func(n time.Duration) string { return strconv.FormatInt(int64(n), 10) }
	switch {
	case d < time.Minute:
		return w.Seconds(int(d / time.Second))
	case d < time.Hour:
		return w.with("lasted.min", "M", itoa(d/time.Minute))
	case d < 24*time.Hour:
		return w.args("lasted.h", Args{"H": itoa(d / time.Hour), "M": itoa(d % time.Hour / time.Minute)})
	}
	return w.args("lasted.d", Args{"D": w.whole(int64(d / (24 * time.Hour))), "H": itoa(d % (24 * time.Hour) / time.Hour)})
}

// Clock is the time of day.
func (w *Words) Clock(t time.Time) string { return t.Format(w.clock) }

// day is the part of a key that says which day t is, seen from now, in whose
// place on earth it is looked at.
func day(t, now time.Time) string {
	t = t.In(now.Location())
	midnight := func(t time.Time) time.Time {
		y, m, d := t.Date()
		return time.Date(y, m, d, 12, 0, 0, 0, time.UTC) // noon: no day of 23 hours
	}
	switch midnight(now).Sub(midnight(t)) / (24 * time.Hour) {
	case 0:
		return "today"
	case 1:
		return "yesterday"
	}
	return "date"
}

// LastConnected is the sentence of when a profile was connected last.
func (w *Words) LastConnected(t, now time.Time) string {
	t = t.In(now.Location())
	return w.args("panel.last."+day(t, now), Args{"Date": t.Format(w.date), "Time": w.Clock(t)})
}
