// Package config turns settings, from environment variables and flags of the
// same name, into one validated struct.
//
// It imports nothing of ours and keeps nothing in globals: a command reads its
// Input, calls Load once and hands the Config on.
package config

import (
	"log/slog"
	"net/mail"
	"net/netip"
	"net/url"
)

// Config is what the settings say, parsed and judged.
type Config struct {
	BaseURL        *url.URL // scheme and host only, no path
	Listen         string   // host:port
	MetricsListen  string   // host:port, empty: off
	TrustedProxies []netip.Prefix
	CookieDomain   string    // without a leading dot, empty: none
	AppRules       []AppRule // of forward-auth; none: nobody gets anywhere
	SSO            []SSOProvider
	SignUpOpen     bool // fills the first policy version only
	IPLimits       bool
	IPLimitsExempt []netip.Prefix
	Brand          Brand

	WebhookAllowPrivate []netip.Prefix // addresses that are no one else's, which webhooks may reach

	DatabaseURL Secret // holds a password
	RedisURL    Secret
	Keyset      Secret // JSON: purpose → Tink keyset

	SMTP         SMTP
	MailFrom     mail.Address
	MailRate     float64 // mails per second and worker, 0: no limit
	MailOTPToken bool
	DKIM         *DKIM // nil: mails are not signed here

	TraceEndpoint string // URL that takes traces, empty: off

	Log Log
}

// Brand is what a deployment puts in place of our name and colours.
type Brand struct {
	Name         string
	LogoFile     string // empty: none
	Color        string // #rrggbb, empty: the stylesheet's own
	SupportEmail string // empty: none
}

// Log is how the process tells what it does.
type Log struct {
	Level slog.Level
	JSON  bool
}

// Need names what a command can't do without; it is a set of bits. What is
// not needed may be missing, but what is given is judged all the same.
type Need int

const (
	Web      Need = 1 << iota // BASE_URL
	Database                  // DATABASE_URL
	Keys                      // KEYSET
	Redis                     // REDIS_URL
	SMTPMail                  // SMTP_URL, MAIL_FROM

	// Serve and Worker are what the two long-running processes need. The
	// server queues mails in Postgres, so it knows neither Redis nor SMTP.
	Serve  = Web | Database | Keys
	Worker = Web | Database | Keys | Redis | SMTPMail
)

// Load judges the settings. Its error is Faults, which names every bad
// setting; the Config beside it then holds what could be read, so that a
// caller may go on and find faults of its own (is the keyset a real one?).
func Load(in Input, need Need) (*Config, error) {
	l := &loader{need: need, cfg: &Config{}}
	l.site(in.SiteInput)
	l.web(in.WebInput)
	l.cfg.SignUpOpen = l.choice("SIGN_UP", in.SignUp, "open", "closed", false)
	l.services(in)
	l.mail(in.MailInput)
	l.traces(in.TraceInput)
	l.log(in.LogInput)
	return l.cfg, l.faults.Or()
}

// loader collects faults while the parts of a Config are read.
type loader struct {
	cfg    *Config
	need   Need
	faults Faults
}

// needs reports whether the command can't do without any of these.
func (l *loader) needs(n Need) bool { return l.need&n != 0 }

func (l *loader) log(in LogInput) {
	switch in.LogLevel {
	case "", "info":
		l.cfg.Log.Level = slog.LevelInfo
	case "debug":
		l.cfg.Log.Level = slog.LevelDebug
	case "warn":
		l.cfg.Log.Level = slog.LevelWarn
	case "error":
		l.cfg.Log.Level = slog.LevelError
	default:
		l.faults.Add("LOG_LEVEL", "is %q: choose debug, info, warn or error", in.LogLevel)
	}
	l.cfg.Log.JSON = l.choice("LOG_FORMAT", in.LogFormat, "json", "text", false)
}

// choice reads a setting of two words; the empty one means the default.
func (l *loader) choice(setting, value, yes, no string, unset bool) bool {
	switch value {
	case "":
		return unset
	case yes:
		return true
	case no:
		return false
	}
	l.faults.Add(setting, "is %q: choose %s or %s", value, yes, no)
	return unset
}

// onOff also takes the words that other tools use for the same thing.
func (l *loader) onOff(setting, value string, unset bool) bool {
	switch value {
	case "true", "yes", "1":
		value = "on"
	case "false", "no", "0":
		value = "off"
	}
	return l.choice(setting, value, "on", "off", unset)
}
