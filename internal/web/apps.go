package web

import (
	"net/http"

	"github.com/gin-gonic/gin"
)

// appLeavePage stands between us and an app: no form of ours may redirect off
// our origin, so people leave by this.
type appLeavePage struct {
	frame
	Host, To string
	AtOnce   bool // by itself; else by the button alone
}

// appFactorPage tells whoever confirmed, and still by too little for an app.
type appFactorPage struct {
	frame
	Again string // where to confirm by something else
}

// appWay is where forward-auth has people come back to who are on their way to
// an app. Whoever confirms for it does so because the app wants more.
const appWay = "/apps/continue"

// LeaveForApp leads a browser to an app.
func (w *Web) LeaveForApp(c *gin.Context, host, to string, atOnce bool) error {
	v := &visit{Web: w, c: c}
	return v.draw("app_leave", &appLeavePage{Host: host, To: to, AtOnce: atOnce})
}

// AppWantsMore says that an app asks for a stronger factor.
func (w *Web) AppWantsMore(c *gin.Context, again string) error {
	v := &visit{Web: w, c: c}
	return v.drawAs(http.StatusForbidden, "app_factor", &appFactorPage{Again: again})
}
