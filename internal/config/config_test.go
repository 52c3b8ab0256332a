package config_test

import (
	"errors"
	"log/slog"
	"net/netip"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"latchkey/internal/config"
)

// good is a full set of settings, which tests then spoil.
func good() config.Input {
	var in config.Input
	in.BaseURL = "https://ID.example.com:443/"
	in.DatabaseURL = "postgres://app:sesame@db:5432/latchkey"
	in.Keyset = `{"codes":{}}`
	in.RedisURL = "redis://:sesame@redis:6379/0"
	in.SMTPURL = "smtp://me:ses%40me@mail.example.com:2525?tls=implicit"
	in.MailFrom = "Example <no-reply@example.com>"
	return in
}

func TestGoodSettingsAreParsed(t *testing.T) {
	in := good()
	in.TrustedProxies = "10.1.2.3/8, 192.0.2.7 2001:db8::/32"
	in.CookieDomain = ".Example.com"
	in.SignUp = "open"
	in.MailRate = "2.5"
	in.LogLevel, in.LogFormat = "debug", "json"
	c, err := config.Load(in, config.Worker)
	if err != nil {
		t.Fatal(err)
	}
	if got := c.BaseURL.String(); got != "https://id.example.com" {
		t.Errorf("BaseURL = %s, want what browsers send as Origin", got)
	}
	if !c.Secure() || !slices.Equal(c.Hosts(), []string{"id.example.com"}) {
		t.Errorf("Secure = %v, Hosts = %v", c.Secure(), c.Hosts())
	}
	want := []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("192.0.2.7/32"), netip.MustParsePrefix("2001:db8::/32")}
	if !slices.Equal(c.TrustedProxies, want) {
		t.Errorf("TrustedProxies = %v", c.TrustedProxies)
	}
	s := c.SMTP
	if s.Host != "mail.example.com" || s.Port != 2525 || s.User != "me" || s.Password.Reveal() != "ses@me" || s.TLS != config.ImplicitTLS {
		t.Errorf("SMTP = %+v", s)
	}
	if c.MailFrom.Address != "no-reply@example.com" || c.MailFrom.Name != "Example" || c.MailRate != 2.5 {
		t.Errorf("MailFrom = %v, MailRate = %v", c.MailFrom, c.MailRate)
	}
	if c.CookieDomain != "example.com" || !c.SignUpOpen || !c.IPLimits || c.Listen != ":8080" || c.MetricsListen != "" {
		t.Errorf("config = %+v", c)
	}
	if c.Log.Level != slog.LevelDebug || !c.Log.JSON || c.Brand.Name != "Latchkey" || c.DKIM != nil {
		t.Errorf("config = %+v", c)
	}
}

func TestSignUpIsClosedUnlessSaid(t *testing.T) {
	c, err := config.Load(good(), config.Serve)
	if err != nil || c.SignUpOpen {
		t.Fatalf("SignUpOpen = %v, err = %v", c.SignUpOpen, err)
	}
}

func TestTracesGoWhereOpenTelemetrySays(t *testing.T) {
	for _, c := range []struct{ name, all, traces, exporter, disabled, want string }{
		{"off", "", "", "", "", ""},
		{"all signals", "http://c:4318/", "", "", "", "http://c:4318/v1/traces"},
		{"behind a path", "https://c/otlp", "", "otlp", "false", "https://c/otlp/v1/traces"},
		{"traces alone", "http://c:4318", "http://d:1/x", "", "", "http://d:1/x"},
		{"no exporter", "http://c:4318", "", "none", "", ""},
		{"disabled", "http://c:4318", "", "", "TRUE", ""},
	} {
		in := good()
		in.OTELEndpoint, in.OTELTracesEndpoint, in.OTELTraces, in.OTELDisabled = c.all, c.traces, c.exporter, c.disabled
		got, err := config.Load(in, config.Serve)
		if err != nil || got.TraceEndpoint != c.want {
			t.Errorf("%s: %q (%v), want %q", c.name, got.TraceEndpoint, err, c.want)
		}
	}
}

func TestOnLoopbackEveryNameOfThisMachineIsOurs(t *testing.T) {
	in := good()
	in.BaseURL = "http://localhost:8080"
	c, err := config.Load(in, config.Serve)
	if err != nil {
		t.Fatal(err)
	}
	if got := c.Hosts(); !slices.Equal(got, []string{"localhost:8080", "127.0.0.1:8080", "[::1]:8080"}) || c.Secure() {
		t.Errorf("Hosts = %v, Secure = %v", got, c.Secure())
	}
}

// Each line spoils one setting; what is said must name the setting and, by a
// word, the way out.
func TestBadSettingIsNamedWithAWayOut(t *testing.T) {
	dir := t.TempDir()
	empty := filepath.Join(dir, "empty")
	if err := os.WriteFile(empty, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name, setting, says string
		spoil               func(*config.Input)
	}{
		{"no base url", "BASE_URL", "not set", func(in *config.Input) { in.BaseURL = "" }},
		{"http in public", "BASE_URL", "https://id.example.com", func(in *config.Input) { in.BaseURL = "http://id.example.com" }},
		{"host only", "BASE_URL", "https://", func(in *config.Input) { in.BaseURL = "id.example.com" }},
		{"path", "BASE_URL", "host alone", func(in *config.Input) { in.BaseURL = "https://id.example.com/sso" }},
		{"query", "BASE_URL", "host alone", func(in *config.Input) { in.BaseURL = "https://id.example.com?a=b" }},
		{"port", "BASE_URL", "65535", func(in *config.Input) { in.BaseURL = "https://id.example.com:70000" }},
		{"listen", "LISTEN", "host:port", func(in *config.Input) { in.Listen = "8080" }},
		{"listen port", "LISTEN", "number", func(in *config.Input) { in.Listen = ":http" }},
		{"listen host", "LISTEN", "IP address", func(in *config.Input) { in.Listen = "id.example.com:80" }},
		{"metrics", "METRICS_LISTEN", "host:port", func(in *config.Input) { in.MetricsListen = "x" }},
		{"proxies", "TRUSTED_PROXIES", `"traefik"`, func(in *config.Input) { in.TrustedProxies = "10.0.0.0/8,traefik" }},
		{"all proxies", "TRUSTED_PROXIES", "your proxies only", func(in *config.Input) { in.TrustedProxies = "0.0.0.0/0" }},
		{"cookie domain", "COOKIE_DOMAIN", "two parts", func(in *config.Input) { in.CookieDomain = "com" }},
		{"foreign cookie domain", "COOKIE_DOMAIN", "parent domain", func(in *config.Input) { in.CookieDomain = "le.com" }},
		{"sign-up", "SIGN_UP", "open or closed", func(in *config.Input) { in.SignUp = "yes" }},
		{"limits", "IP_LIMITS", "on or off", func(in *config.Input) { in.IPLimits = "maybe" }},
		{"exempt", "IP_LIMITS_EXEMPT", "no network", func(in *config.Input) { in.IPLimitsExempt = "10.0.0.0/33" }},
		{"private", "WEBHOOK_ALLOW_PRIVATE", "no network", func(in *config.Input) { in.WebhookAllow = "intranet" }},
		{"everything", "WEBHOOK_ALLOW_PRIVATE", "your receivers only", func(in *config.Input) { in.WebhookAllow = "10.0.0.0/8,::/0" }},
		{"brand name", "BRAND_NAME", "colon", func(in *config.Input) { in.BrandName = "A:B" }},
		{"colour", "BRAND_COLOR", "#1a56db", func(in *config.Input) { in.BrandColor = "blue" }},
		{"logo", "BRAND_LOGO_FILE", ".svg", func(in *config.Input) { in.BrandLogoFile = "logo.exe" }},
		{"absent logo", "BRAND_LOGO_FILE", "can't be read", func(in *config.Input) { in.BrandLogoFile = filepath.Join(dir, "a.svg") }},
		{"support", "SUPPORT_EMAIL", "plain address", func(in *config.Input) { in.SupportEmail = `"a b"@example.com` }},
		{"no database", "DATABASE_URL", "not set", func(in *config.Input) { in.DatabaseURL = "" }},
		{"mysql", "DATABASE_URL", "postgres://", func(in *config.Input) { in.DatabaseURL = "mysql://h/d" }},
		{"no host", "DATABASE_URL", "no host", func(in *config.Input) { in.DatabaseURL = "postgres:///d" }},
		{"no name", "DATABASE_URL", "no database", func(in *config.Input) { in.DatabaseURL = "postgres://h" }},
		{"unescaped", "DATABASE_URL", "escapes", func(in *config.Input) { in.DatabaseURL = "postgres://u:ses%ame@h/d" }},
		{"no keyset", "KEYSET", "keys generate", func(in *config.Input) { in.Keyset = "" }},
		{"keyset text", "KEYSET", "no JSON", func(in *config.Input) { in.Keyset = "sesame" }},
		{"keyset name", "KEYSET", "KEYSET_FILE", func(in *config.Input) { in.Keyset = empty }},
		{"keyset twice", "KEYSET", "keep one", func(in *config.Input) { in.KeysetFile = empty }},
		{"keyset absent", "KEYSET_FILE", "can't be read", func(in *config.Input) { in.Keyset, in.KeysetFile = "", filepath.Join(dir, "no") }},
		{"keyset folder", "KEYSET_FILE", "folder", func(in *config.Input) { in.Keyset, in.KeysetFile = "", dir }},
		{"keyset empty", "KEYSET_FILE", "empty", func(in *config.Input) { in.Keyset, in.KeysetFile = "", empty }},
		{"no redis", "REDIS_URL", "not set", func(in *config.Input) { in.RedisURL = "" }},
		{"redis scheme", "REDIS_URL", "redis://", func(in *config.Input) { in.RedisURL = "http://h" }},
		{"redis unescaped", "REDIS_URL", "escapes", func(in *config.Input) { in.RedisURL = "redis://:ses%ame@h" }},
		{"no smtp", "SMTP_URL", "not set", func(in *config.Input) { in.SMTPURL = "" }},
		{"smtps", "SMTP_URL", "tls=implicit", func(in *config.Input) { in.SMTPURL = "smtps://h" }},
		{"tls", "SMTP_URL", "starttls", func(in *config.Input) { in.SMTPURL = "smtp://h?tls=maybe" }},
		{"option", "SMTP_URL", "only one is tls", func(in *config.Input) { in.SMTPURL = "smtp://h?auth=plain" }},
		{"clear password", "SMTP_URL", "in the clear", func(in *config.Input) { in.SMTPURL = "smtp://u:sesame@h?tls=none" }},
		{"smtp unescaped", "SMTP_URL", "escapes", func(in *config.Input) { in.SMTPURL = "smtp://u:ses%ame@h" }},
		{"no sender", "MAIL_FROM", "not set", func(in *config.Input) { in.MailFrom = "" }},
		{"sender", "MAIL_FROM", "one address", func(in *config.Input) { in.MailFrom = "a@b.example, c@d.example" }},
		{"rate", "MAIL_RATE", "above 0", func(in *config.Input) { in.MailRate = "0" }},
		{"rate word", "MAIL_RATE", "above 0", func(in *config.Input) { in.MailRate = "NaN" }},
		{"otp token", "MAIL_OTP_TOKEN", "on or off", func(in *config.Input) { in.MailOTPToken = "x" }},
		{"half dkim", "DKIM_SELECTOR", "together", func(in *config.Input) { in.DKIMDomain, in.DKIMKey = "example.com", "x" }},
		{"dkim key", "DKIM_KEY", "PEM", func(in *config.Input) { in.DKIMDomain, in.DKIMSelector, in.DKIMKey = "example.com", "s", "sesame" }},
		{"collector", "OTEL_EXPORTER_OTLP_ENDPOINT", "http://host:4318", func(in *config.Input) { in.OTELEndpoint = "localhost:4318" }},
		{"traces by grpc", "OTEL_EXPORTER_OTLP_PROTOCOL", "4318", func(in *config.Input) { in.OTELProtocol = "grpc" }},
		{"traces elsewhere", "OTEL_TRACES_EXPORTER", "otlp or none", func(in *config.Input) { in.OTELTraces = "zipkin" }},
		{"level", "LOG_LEVEL", "debug, info, warn or error", func(in *config.Input) { in.LogLevel = "loud" }},
		{"format", "LOG_FORMAT", "json or text", func(in *config.Input) { in.LogFormat = "xml" }},
	} {
		t.Run(c.name, func(t *testing.T) {
			in := good()
			c.spoil(&in)
			_, err := config.Load(in, config.Worker)
			var faults config.Faults
			if !errors.As(err, &faults) {
				t.Fatalf("Load = %v, want faults", err)
			}
			i := slices.IndexFunc(faults, func(f config.Fault) bool { return f.Setting == c.setting && strings.Contains(f.Says, c.says) })
			if i < 0 {
				t.Fatalf("faults:\n%v\nwant %s to say %q", err, c.setting, c.says)
			}
			if strings.Count(faults[i].Error(), "\n") > 0 {
				t.Errorf("not one line: %q", faults[i].Error())
			}
			if strings.Contains(err.Error(), "sesame") || strings.Contains(err.Error(), "ses%ame") {
				t.Errorf("a secret is quoted: %v", err)
			}
		})
	}
}

func TestEveryFaultIsNamedAtOnce(t *testing.T) {
	var in config.Input
	in.Listen, in.SignUp, in.LogLevel = "x", "x", "x"
	_, err := config.Load(in, config.Worker)
	var faults config.Faults
	if !errors.As(err, &faults) {
		t.Fatalf("Load = %v", err)
	}
	var named []string
	for _, f := range faults {
		named = append(named, f.Setting)
	}
	slices.Sort(named)
	want := []string{"BASE_URL", "DATABASE_URL", "KEYSET", "LISTEN", "LOG_LEVEL", "MAIL_FROM", "REDIS_URL", "SIGN_UP", "SMTP_URL"}
	if !slices.Equal(named, want) {
		t.Errorf("named %v, want %v", named, want)
	}
}

func TestACommandAsksOnlyForWhatItNeeds(t *testing.T) {
	in := config.Input{DatabaseInput: config.DatabaseInput{DatabaseURL: "postgres://h/d"}}
	if _, err := config.Load(in, config.Database); err != nil {
		t.Error(err)
	}
}

func TestSecretIsReadFromAFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "url")
	if err := os.WriteFile(path, []byte("postgres://u:p@h/d\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	in := good()
	in.DatabaseURL, in.DatabaseURLFile = "", path
	c, err := config.Load(in, config.Serve)
	if err != nil || c.DatabaseURL.Reveal() != "postgres://u:p@h/d" {
		t.Fatalf("DatabaseURL = %q, err = %v", c.DatabaseURL.Reveal(), err)
	}
}

// A setting is found under one name: BASE_URL is --base-url.
func TestFlagsAndEnvironmentAgree(t *testing.T) {
	var walk func(reflect.Type)
	walk = func(typ reflect.Type) {
		for f := range typ.Fields() {
			if f.Anonymous {
				walk(f.Type)
				continue
			}
			if f.Tag.Get("kong") == "-" { // no setting
				continue
			}
			env, name := f.Tag.Get("env"), f.Tag.Get("name")
			if want := strings.ReplaceAll(strings.ToLower(env), "_", "-"); name != want || f.Tag.Get("help") == "" {
				t.Errorf("%s: flag --%s, environment %s, help %q", f.Name, name, env, f.Tag.Get("help"))
			}
		}
	}
	walk(reflect.TypeFor[config.Input]())
}
