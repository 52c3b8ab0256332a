package edge

import (
	"net/http"
	"net/netip"
	"strings"

	"github.com/gin-gonic/gin"
	"github.com/mileusna/useragent"

	"latchkey/internal/audit"
)

// clientAddr is the address of the client. X-Forwarded-For counts only when
// the connection comes from a trusted proxy, and then from the right: each
// entry was appended by the hop after it, so the first one that is not a
// trusted proxy is the last one that nobody could make up.
func (e *Edge) clientAddr(r *http.Request) netip.Addr {
	addr, ok := parseAddr(r.RemoteAddr)
	if !ok || !e.trusted(addr) {
		return addr
	}
	hops := strings.Split(strings.Join(r.Header.Values("X-Forwarded-For"), ","), ",")
	for i := len(hops) - 1; i >= 0; i-- {
		hop, ok := parseAddr(strings.TrimSpace(hops[i]))
		if !ok {
			return addr // broken: the hop that is known is the answer
		}
		addr = hop
		if !e.trusted(addr) {
			return addr
		}
	}
	return addr
}

func (e *Edge) trusted(a netip.Addr) bool {
	for _, p := range e.o.TrustedProxies {
		if p.Contains(a) {
			return true
		}
	}
	return false
}

// FromTrustedProxy reports whether the connection itself comes from a trusted
// proxy, so that X-Forwarded-* headers may be believed.
func FromTrustedProxy(c *gin.Context) bool { return stateOf(c).edge.fromTrusted(c.Request) }

func (e *Edge) fromTrusted(r *http.Request) bool {
	addr, ok := parseAddr(r.RemoteAddr)
	return ok && e.trusted(addr)
}

// parseAddr reads an address with or without a port. IPv4 inside IPv6 is
// unwrapped and zones are dropped, so that one client has one address.
func parseAddr(s string) (netip.Addr, bool) {
	if ap, err := netip.ParseAddrPort(s); err == nil {
		return ap.Addr().Unmap().WithZone(""), true
	}
	a, err := netip.ParseAddr(strings.Trim(s, "[]"))
	if err != nil {
		return netip.Addr{}, false
	}
	return a.Unmap().WithZone(""), true
}

// Addr is the client's address; the zero value when there is none, as on a
// unix socket.
func Addr(c *gin.Context) netip.Addr { return stateOf(c).addr }

// ActorOf is who asks: whoever SetActor named, else somebody not signed in,
// always with address and device.
func ActorOf(c *gin.Context) audit.Actor {
	s := stateOf(c)
	a := s.actor
	if a.Kind == "" {
		a.Kind = audit.Anonymous
	}
	if s.addr.IsValid() {
		a.Address = s.addr.String()
	}
	if a.Device == "" {
		a.Device = deviceWords(c.Request.UserAgent())
		s.actor.Device = a.Device
	}
	return a
}

// SetActor names the user behind a bearer or a cookie, once that is proved.
func SetActor(c *gin.Context, a audit.Actor) { stateOf(c).actor = a }

const (
	maxAgent  = 512 // bytes of User-Agent that are looked at
	maxDevice = 48  // bytes of the words made of it
)

// deviceWords says what a User-Agent claims to be, in a few plain words:
// "Firefox on Windows", or just the product ("curl"). They reach mails, pages
// and logs, so only letters, digits and a few marks survive.
func deviceWords(agent string) string {
	if len(agent) > maxAgent {
		agent = agent[:maxAgent]
	}
	ua := useragent.Parse(agent)
	name := ua.Name
	if name == agent || name == "" { // nothing recognised
		name, _, _ = strings.Cut(agent, "/")
		name, _, _ = strings.Cut(name, " ")
	}
	if name = plain(name); name == "" {
		return "unknown"
	}
	if os := plain(ua.OS); os != "" {
		return plain(name + " on " + os)
	}
	return name
}

// plain keeps what can do no harm in a mail, a page or a terminal.
func plain(s string) string {
	s = strings.Map(func(r rune) rune {
		if r < 0x80 && (wordByte(byte(r)) || r == ' ' || r == '.') { // #nosec G115 -- below 0x80
			return r
		}
		return -1
	}, s)
	s = strings.Join(strings.Fields(s), " ")
	if len(s) > maxDevice {
		s = strings.TrimSpace(s[:maxDevice])
	}
	return s
}
