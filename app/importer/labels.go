package importer

import (
	"net/netip"
	"regexp"
	"slices"
	"strings"
	"unicode"
)

// What people call things in mails and notes, in the languages that such mails
// came in. Longer ones come before those that they begin with.
var labels = []struct {
	field string
	words []string
}{
	{"psk", []string{"ipsec psk", "ipsec pre-shared key", "ipsec preshared key", "ipsec shared secret", "ipsec shared key", "ipsec secret", "ipsec key", "ipsec-schlüssel", "l2tp psk", "l2tp secret", "l2tp/ipsec psk", "secret key",
		"l2tp/ipsec pre-shared key", "pre-shared key (psk)", "pre-shared-key", "pre-shared key", "pre shared key", "preshared key", "preshared-key", "pre-shared secret", "presharedkey", "vorinstallierter schlüssel",
		"vorab geteilter schlüssel", "gemeinsamer schlüssel", "gemeinsames geheimnis", "clé pré-partagée", "clé partagée", "secret partagé", "clave precompartida", "clave compartida", "secreto compartido",
		"chiave precondivisa", "chiave condivisa", "chave pré-compartilhada", "gedeelde sleutel", "vooraf gedeelde sleutel", "klucz wstępny", "общий ключ", "предварительный ключ", "预共享密钥", "共享密钥", "事前共有鍵", "사전 공유 키",
		"shared secret", "shared key", "vpn psk", "vpn secret", "psk", "secret"}},
	{"password", []string{"vpn password", "ppp password", "l2tp password", "account password", "user password", "your password", "passwort", "kennwort", "mot de passe", "contraseña", "wachtwoord", "senha", "hasło", "пароль", "密码", "パスワード", "비밀번호",
		"password", "passwd", "pass", "pwd", "pw"}},
	{"user", []string{"vpn username", "vpn user name", "vpn user", "ppp username", "l2tp username", "l2tp user", "account name", "user account", "login name", "user name", "your username", "username", "user id", "userid", "benutzername", "benutzer", "anmeldename", "nom d'utilisateur", "nom d’utilisateur", "identifiant",
		"utilisateur", "nombre de usuario", "usuario", "nome utente", "utente", "nome de usuário", "usuário", "gebruikersnaam", "gebruiker", "nazwa użytkownika", "użytkownik", "имя пользователя", "пользователь", "логин", "用户名", "帐号", "账号", "ユーザー名", "사용자 이름",
		"login", "account", "user"}},
	{"domain", []string{"windows domain", "nt domain", "domäne", "domaine", "dominio", "domain"}},
	{"servers", []string{"l2tp server", "l2tp gateway", "l2tp host", "vpn server address", "vpn server ip", "vpn server name", "vpn-server", "vpn server", "vpn gateway", "vpn-gateway", "vpn host", "vpn address", "server ip address", "server ip", "server address", "server name or address",
		"server name", "serveradresse", "server hostname", "server host", "internet address", "remote server", "remote gateway", "remote address", "gateway address", "gateway ip", "host name", "hostname", "adresse du serveur", "serveur", "dirección del servidor",
		"servidor", "indirizzo server", "endereço do servidor", "serwer", "адрес сервера", "сервер", "服务器地址", "服务器", "サーバー", "서버", "server", "gateway", "host", "endpoint"}},
	{"ipsec.group", []string{"ipsec identifier", "ipsec id", "group name", "group id", "gruppenname"}},
	{"name", []string{"connection name", "vpn name", "profile name", "verbindungsname"}},
	{"kind", []string{"vpn type", "type of vpn", "vpn-typ", "protocol", "protokoll", "tunnel type", "type"}},
	{"methods", []string{"authentication method", "authentication", "auth method", "authentifizierung"}},
	{"dns.servers", []string{"dns server", "dns servers", "dns-server", "dns"}},
}

// fields is the field of every label.
var fields, labelPattern = func() (map[string]string, *regexp.Regexp) {
	of := map[string]string{}
	var all []string
	for _, l := range labels {
		for _, w := range l.words {
			of[w] = l.field
			all = append(all, regexp.QuoteMeta(w))
		}
	}
	slices.SortFunc(all, func(a, b string) int { return len(b) - len(a) })
	// A label is at the beginning of a line, perhaps behind the mark of a list or
	// of Markdown, or behind a comma; then a colon or an equals sign.
	p := `(?i)(?:^|[,;|(\t]|[ \t]{2,}|\. |\band )[ \t>]*(?:[-*•·–—#]+|\d{1,2}[.)])?[ \t]*[*_` + "`" + `"']{0,3}(?:(?:the|your|ihr|votre|su)[ \t]+)?(` +
		strings.Join(all, "|") + `)(?:[ \t]*\([^()\n]{0,40}\))?[ \t]*[*_` + "`" + `"']{0,3}[ \t]*(?::|=|：|[ \t]is[ \t]|[ \t]ist[ \t])[ \t]*[*_]{0,3}`
	return of, regexp.MustCompile(p)
}()

// bare is a label with one word behind it and nothing between: "PSK hunter2".
var bare = func() *regexp.Regexp {
	var all []string
	for w, field := range fields {
		if field != "kind" && field != "methods" && field != "name" && w != "pass" && w != "account" && w != "secret" {
			all = append(all, regexp.QuoteMeta(w))
		}
	}
	slices.SortFunc(all, func(a, b string) int { return len(b) - len(a) })
	return regexp.MustCompile(`(?i)(?:^|[,;|])[ \t>]*(?:[-*•·–—]+[ \t]*)?(` + strings.Join(all, "|") + `)[ \t]+([^\s,;|:=]+)[ \t]*(?:$|[,;|])`)
}()

// other is a label that is not known.
var other = regexp.MustCompile(`^[ \t>*•·–—-]*([\p{L}][\p{L}\p{N} /()_-]{1,38}?)[ \t]*[:=][ \t]*(\S.*)$`)

// row is a line of a table with two columns.
var row = regexp.MustCompile(`^[ \t]*\|([^|]+)\|([^|]+)\|[ \t]*$`)

// found is a label with its value.
type found struct{ label, field, value string }

// findings is what a text says.
type findings struct {
	known   []found
	unknown []string // labels
}

// worth says that there is enough in a text to make something of.
func (f findings) worth() bool {
	has := map[string]bool{}
	for _, k := range f.known {
		has[k.field] = has[k.field] || k.field != "servers" || plausible(k.value)
	}
	if has["servers"] {
		return has["psk"] || has["user"] || has["password"]
	}
	return has["psk"] && has["user"]
}

// plausible says that a value may be a gateway: an address, or a name with a dot.
func plausible(value string) bool {
	host := cleanHost(value)
	if _, err := netip.ParseAddr(host); err == nil {
		return true
	}
	p := placeholder()
	p.Servers = []string{host}
	return strings.Contains(strings.Trim(host, "."), ".") && valid(p)
}

// Ours: what a person pastes is a page or two.
const (
	maxLines   = 2000
	maxLine    = 2000
	maxUnknown = 20
)

// findLabels looks for labels in every line, and for a label alone on a line whose
// value is on the next.
func findLabels(text string) findings {
	var f findings
	var waiting string // a label without a value yet
	lines := 0
	for line := range strings.Lines(text) {
		if lines++; lines > maxLines {
			break
		}
		line = strings.TrimRightFunc(line, unicode.IsSpace)
		if line == "" || len(line) > maxLine {
			continue
		}
		if m := row.FindStringSubmatch(line); m != nil && fields[strings.ToLower(strings.TrimSpace(m[1]))] != "" {
			line = strings.TrimSpace(m[1]) + ": " + strings.TrimSpace(m[2])
		}
		at := labelPattern.FindAllStringSubmatchIndex(line, -1)
		switch {
		case len(at) > 0:
			waiting = ""
			for i, m := range at {
				end := len(line)
				if i+1 < len(at) {
					end = at[i+1][0]
				}
				label, value := line[m[2]:m[3]], line[m[1]:end]
				// "Server: vpn.example.com, user alice, PSK …"
				if cut := bare.FindStringIndex(value); cut != nil && cut[0] > 0 {
					f.bare(value[cut[0]:])
					value = value[:cut[0]]
				}
				if value = cleanValue(value); value != "" {
					f.add(label, value)
				} else if i == len(at)-1 {
					waiting = label
				}
			}
			f.bare(line[:at[0][0]])
		case waiting != "":
			f.add(waiting, cleanValue(line))
			waiting = ""
		case f.bare(line):
		default:
			if m := other.FindStringSubmatch(line); m != nil && len(f.unknown) < maxUnknown && len(strings.Fields(m[1])) <= 3 && !strings.Contains(m[2], "//") {
				f.unknown = append(f.unknown, m[1])
			}
		}
	}
	return f
}

// bare finds labels without a colon; it says whether there was any.
func (f *findings) bare(text string) bool {
	any := false
	for len(text) > 0 {
		m := bare.FindStringSubmatchIndex(text)
		if m == nil {
			return any
		}
		label, value := text[m[2]:m[3]], cleanValue(text[m[4]:m[5]])
		if fields[strings.ToLower(label)] != "servers" || plausible(value) {
			f.add(label, value)
			any = true
		}
		text = text[m[5]:]
	}
	return any
}

func (f *findings) add(label, value string) {
	if value != "" {
		f.known = append(f.known, found{label, fields[strings.ToLower(label)], value})
	}
}

// cleanValue takes away what is around a value: spaces, and a pair of quotes or of
// Markdown's marks.
func cleanValue(s string) string {
	s = strings.TrimRight(strings.TrimSpace(s), ",;|")
	for _, pair := range [][2]string{{"**", "**"}, {"`", "`"}, {`"`, `"`}, {"“", "”"}, {"„", "“"}, {"‘", "’"}, {"«", "»"}, {"'", "'"}, {"<", ">"}} {
		if in, ok := strings.CutPrefix(s, pair[0]); ok {
			if in, ok = strings.CutSuffix(in, pair[1]); ok && in != "" {
				return strings.TrimSpace(in)
			}
		}
	}
	return strings.TrimSpace(s)
}
