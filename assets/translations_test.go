package assets

import (
	"encoding/json"
	"strings"
	"testing"

	"fyne.io/fyne/v2/lang"
)

// Fyne's own lang reads every file, and finds the texts, the plural forms and the
// places of each language.
func TestFyneReadsTheTranslations(t *testing.T) {
	for _, c := range []struct{ locale, file, connect, one, many, named string }{
		{"en_US", "en", "Connect", "1 profile", "3 profiles", "Connected to Büro <&> {{.X}}"},
		{"de_DE", "de", "Verbinden", "1 Profil", "3 Profile", "Verbunden mit Büro <&> {{.X}}"},
		{"fr_CA", "fr", "Connecter", "1 profil", "3 profils", "Connecté à Büro <&> {{.X}}"},
		{"es_MX", "es", "Conectar", "1 perfil", "3 perfiles", "Conectado con Büro <&> {{.X}}"},
		{"ja_JP", "ja", "接続", "プロファイル 1 個", "プロファイル 3 個", "Büro <&> {{.X}} に接続済み"},
		{"zh_CN", "zh-Hans", "连接", "1 个配置", "3 个配置", "已连接 Büro <&> {{.X}}"},
		{"vi_VN", "vi", "Kết nối", "1 hồ sơ", "3 hồ sơ", "Đã kết nối Büro <&> {{.X}}"},
		{"pl_PL", "en", "Connect", "1 profile", "3 profiles", "Connected to Büro <&> {{.X}}"},
	} {
		t.Run(c.locale, func(t *testing.T) {
			t.Setenv("LANGUAGE", "")
			t.Setenv("LC_ALL", c.locale+".UTF-8")
			t.Setenv("LANG", c.locale+".UTF-8")
			if err := lang.AddTranslationsFS(Translations, "translations"); err != nil {
				t.Fatal(err)
			}
			name := map[string]string{"Name": "Büro <&> {{.X}}"} // a name is no template
			for _, x := range []struct{ got, want string }{
				{lang.X("verb.connect", "verb.connect"), c.connect},
				{lang.XN("check.profiles", "check.profiles", 1, map[string]string{"N": "1"}), c.one},
				{lang.XN("check.profiles", "check.profiles", 3, map[string]string{"N": "3"}), c.many},
				{lang.X("tray.status.connected", "tray.status.connected", name), c.named},
			} {
				if x.got != x.want {
					t.Errorf("%q, want %q", x.got, x.want)
				}
			}
			everyText(t, c.file)
		})
	}
}

// everyText asks for all texts of a file: none comes back as its key.
func everyText(t *testing.T, file string) {
	t.Helper()
	data, err := Translations.ReadFile("translations/" + file + ".json")
	if err != nil {
		t.Fatal(err)
	}
	var texts map[string]any
	if err := json.Unmarshal(data, &texts); err != nil {
		t.Fatal(err)
	}
	args := map[string]string{}
	for _, name := range strings.Fields("Ago All Code D Date Field From H Helper ID Left M N Name Prompt Received Sample Sent Server Text Time Title To Try User What Why Window Windows") {
		args[name] = "7"
	}
	for key, want := range texts {
		got := lang.X(key, key, args)
		if _, plural := want.(map[string]any); plural {
			got = lang.XN(key, key, 7, args)
		}
		if got == key || strings.Contains(got, "no value") {
			t.Errorf("%s: %q", key, got)
		}
	}
}
