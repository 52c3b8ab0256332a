package config

// Input holds the settings as they were written, before anything is judged.
// The tags are read by the command line: each setting is an environment
// variable and a flag of the same name, and a command embeds the groups that
// it uses. Everything is text here, so that one pass can name every fault.
type Input struct {
	SiteInput
	WebInput
	PolicyInput
	DatabaseInput
	KeysInput
	RedisInput
	MailInput
	TraceInput
	LogInput
}

// SiteInput is who we are, to people and to their mail.
type SiteInput struct {
	BaseURL       string `name:"base-url" env:"BASE_URL" group:"site" placeholder:"URL" help:"Address that people open, such as https://id.example.com."`
	MetricsListen string `name:"metrics-listen" env:"METRICS_LISTEN" group:"site" placeholder:"ADDR" help:"Address for Prometheus metrics (default: off)."`
	BrandName     string `name:"brand-name" env:"BRAND_NAME" group:"site" placeholder:"NAME" help:"Name shown on pages, in mails and in authenticator apps (default Latchkey)."`
	BrandLogoFile string `name:"brand-logo-file" env:"BRAND_LOGO_FILE" group:"site" placeholder:"FILE" help:"Logo for the pages: .svg, .png or .webp, at most 256 KiB."`
	BrandColor    string `name:"brand-color" env:"BRAND_COLOR" group:"site" placeholder:"#RRGGBB" help:"Colour of buttons and links."`
	WebhookAllow  string `name:"webhook-allow-private" env:"WEBHOOK_ALLOW_PRIVATE" group:"site" placeholder:"CIDRS" help:"Private networks that webhooks may reach, by http:// too, such as 10.1.2.0/24 (default: none)."`
	SupportEmail  string `name:"support-email" env:"SUPPORT_EMAIL" group:"site" placeholder:"EMAIL" help:"Address that pages and mails name when someone needs help."`
}

// WebInput is where the server listens, and whom it lets in.
type WebInput struct {
	Listen         string `name:"listen" env:"LISTEN" group:"web" placeholder:"ADDR" help:"Address to listen on (default :8080; dev: 127.0.0.1:8080)."`
	TrustedProxies string `name:"trusted-proxies" env:"TRUSTED_PROXIES" group:"web" placeholder:"CIDRS" help:"Networks of the proxies in front, such as 10.0.0.0/8. Only they may say which address a request came from."`
	CookieDomain   string `name:"cookie-domain" env:"COOKIE_DOMAIN" group:"web" placeholder:"DOMAIN" help:"Parent domain shared with apps behind forward-auth."`
	ForwardAuth    string `name:"forward-auth-rules" env:"FORWARD_AUTH_RULES" group:"web" placeholder:"FILE" help:"YAML file that says who gets to which app behind forward-auth (default: nobody)."`
	OIDCProviders  string `name:"oidc-providers" env:"OIDC_PROVIDERS" group:"web" placeholder:"NAMES" help:"OpenID Connect providers that people may sign in through, such as acme. Each has settings of its own in the environment: OIDC_ACME_ISSUER, OIDC_ACME_CLIENT_ID and so on."`
	IPLimits       string `name:"ip-limits" env:"IP_LIMITS" group:"web" placeholder:"on|off" help:"Limits per client address (default on)."`
	IPLimitsExempt string `name:"ip-limits-exempt" env:"IP_LIMITS_EXEMPT" group:"web" placeholder:"CIDRS" help:"Networks without limits per client address."`

	// Environ is where the settings of each provider stand, as os.Environ gives
	// them; nil: there.
	Environ []string `kong:"-"`
}

// PolicyInput fills the first policy, whichever command is the first to find
// none.
type PolicyInput struct {
	SignUp string `name:"sign-up" env:"SIGN_UP" group:"web" placeholder:"open|closed" help:"May anyone make an account (default closed)? Fills the first policy only; afterwards an admin decides."`
}

// DatabaseInput is where the data is.
type DatabaseInput struct {
	DatabaseURL     string `name:"database-url" env:"DATABASE_URL" group:"services" placeholder:"URL" help:"PostgreSQL 14 or later: postgres://user:password@host:5432/latchkey."`
	DatabaseURLFile string `name:"database-url-file" env:"DATABASE_URL_FILE" group:"services" placeholder:"FILE" help:"File that holds it instead."`
}

// KeysInput is what seals and digests secrets.
type KeysInput struct {
	Keyset     string `name:"keyset" env:"KEYSET" group:"services" placeholder:"JSON" help:"Keysets, as 'latchkey keys generate' prints them."`
	KeysetFile string `name:"keyset-file" env:"KEYSET_FILE" group:"services" placeholder:"FILE" help:"File that holds them instead."`
}

// RedisInput is where the worker keeps its queue of mail ids.
type RedisInput struct {
	RedisURL     string `name:"redis-url" env:"REDIS_URL" group:"services" placeholder:"URL" help:"Redis for the worker's queue: redis://host:6379/0."`
	RedisURLFile string `name:"redis-url-file" env:"REDIS_URL_FILE" group:"services" placeholder:"FILE" help:"File that holds it instead."`
}

// MailInput is how mails leave.
type MailInput struct {
	SMTPURL      string `name:"smtp-url" env:"SMTP_URL" group:"mail" placeholder:"URL" help:"Mail server: smtp://user:password@host:587?tls=starttls (or implicit, none)."`
	SMTPURLFile  string `name:"smtp-url-file" env:"SMTP_URL_FILE" group:"mail" placeholder:"FILE" help:"File that holds it instead."`
	MailFrom     string `name:"mail-from" env:"MAIL_FROM" group:"mail" placeholder:"ADDRESS" help:"Sender of all mails: Example <no-reply@example.com>."`
	MailRate     string `name:"mail-rate" env:"MAIL_RATE" group:"mail" placeholder:"N" help:"Mails that one worker sends per second at most (default: no limit)."`
	MailOTPToken string `name:"mail-otp-token" env:"MAIL_OTP_TOKEN" group:"mail" placeholder:"on|off" help:"Add the OTP-Token header to mails with a code (default off)."`
	DKIMDomain   string `name:"dkim-domain" env:"DKIM_DOMAIN" group:"mail" placeholder:"DOMAIN" help:"Domain to sign mails for."`
	DKIMSelector string `name:"dkim-selector" env:"DKIM_SELECTOR" group:"mail" placeholder:"NAME" help:"Selector of the key in DNS."`
	DKIMKey      string `name:"dkim-key" env:"DKIM_KEY" group:"mail" placeholder:"PEM" help:"Private key, RSA of 2048 bits or more, or Ed25519."`
	DKIMKeyFile  string `name:"dkim-key-file" env:"DKIM_KEY_FILE" group:"mail" placeholder:"FILE" help:"File that holds it instead."`
}

// TraceInput is where traces go, under OpenTelemetry's own names. Its library
// reads the other OTEL_* variables itself.
type TraceInput struct {
	OTELEndpoint       string `name:"otel-exporter-otlp-endpoint" env:"OTEL_EXPORTER_OTLP_ENDPOINT" group:"log" placeholder:"URL" help:"Collector that takes traces by OTLP over HTTP, such as http://localhost:4318 (default: off). Other OTEL_* variables hold too."`
	OTELTracesEndpoint string `name:"otel-exporter-otlp-traces-endpoint" env:"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT" group:"log" placeholder:"URL" help:"The same for traces alone, with its path."`
	OTELProtocol       string `name:"otel-exporter-otlp-protocol" env:"OTEL_EXPORTER_OTLP_PROTOCOL" group:"log" hidden:"" help:"http/protobuf is the only one."`
	OTELTracesProtocol string `name:"otel-exporter-otlp-traces-protocol" env:"OTEL_EXPORTER_OTLP_TRACES_PROTOCOL" group:"log" hidden:"" help:"http/protobuf is the only one."`
	OTELTraces         string `name:"otel-traces-exporter" env:"OTEL_TRACES_EXPORTER" group:"log" hidden:"" help:"otlp or none."`
	OTELDisabled       string `name:"otel-sdk-disabled" env:"OTEL_SDK_DISABLED" group:"log" hidden:"" help:"true: no traces."`
}

// LogInput is how the process tells what it does.
type LogInput struct {
	LogLevel  string `name:"log-level" env:"LOG_LEVEL" group:"log" placeholder:"LEVEL" help:"debug, info, warn or error (default info)."`
	LogFormat string `name:"log-format" env:"LOG_FORMAT" group:"log" placeholder:"FORMAT" help:"text or json (default text)."`
}
