package api

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"github.com/google/uuid"

	"latchkey/internal/edge"
	"latchkey/internal/factor"
	"latchkey/internal/fault"
	"latchkey/internal/settings"
)

type methodAnswer struct {
	ID         uuid.UUID   `json:"id"`
	Method     factor.Kind `json:"method"`
	Name       string      `json:"name"`
	EnabledAt  time.Time   `json:"enabled_at"`
	LastUsedAt *time.Time  `json:"last_used_at"`
}

type keyCount struct {
	Total       int        `json:"total"`
	Left        int        `json:"left"`
	GeneratedAt *time.Time `json:"generated_at"`
}

type twoFactorAnswer struct {
	Enabled      bool           `json:"enabled"`
	Methods      []methodAnswer `json:"methods"`
	Preferred    *string        `json:"preferred"`
	RecoveryKeys keyCount       `json:"recovery_keys"`
	Required     requiredAnswer `json:"required"`
}

func twoFactorState(t settings.TwoFactor, err error) (twoFactorAnswer, error) {
	out := twoFactorAnswer{
		Enabled: len(t.Methods) > 0, Methods: []methodAnswer{},
		RecoveryKeys: keyCount{t.KeysTotal, t.KeysLeft, t.GeneratedAt}, Required: required(t.By, t.From),
	}
	for _, m := range t.Methods {
		out.Methods = append(out.Methods, methodAnswer{m.ID, m.Kind, m.Name, m.EnabledAt, m.LastUsedAt})
	}
	if t.Preferred != "" {
		out.Preferred = &t.Preferred
	}
	return out, err
}

func (a *API) twoFactor(ctx context.Context, c *edge.Call) (twoFactorAnswer, error) {
	return twoFactorState(a.Settings.TwoFactor(ctx, sessionOf(c)))
}

func (a *API) turnTwoFactorOff(ctx context.Context, c *edge.Call) (twoFactorAnswer, error) {
	return twoFactorState(a.Settings.TurnOffAll(ctx, c.By, sessionOf(c)))
}

func (a *API) turnMethodOff(ctx context.Context, c *edge.Call) (twoFactorAnswer, error) {
	id, err := c.ID("id")
	if err != nil {
		return twoFactorAnswer{}, err
	}
	return twoFactorState(a.Settings.TurnOff(ctx, c.By, sessionOf(c), id))
}

type enrolmentRequest struct {
	Method   factor.Kind `json:"method"`
	Name     string      `json:"name,omitzero"`
	Replaces string      `json:"replaces,omitzero"`
}

func (a *API) enrol(ctx context.Context, c *edge.Call, req enrolmentRequest) (enrolmentAnswer, error) {
	replaces := uuid.Nil
	if req.Replaces != "" {
		var err error
		if replaces, err = uuid.Parse(req.Replaces); err != nil {
			return enrolmentAnswer{}, fault.InField("replaces", "field.replaces.id", nil)
		}
	}
	e, d, err := a.Settings.Enrol(ctx, c.By, sessionOf(c), req.Method, req.Name, replaces)
	if err != nil {
		return enrolmentAnswer{}, err
	}
	c.Secret()
	return a.enrolment(e, d)
}

type maybeKeysAnswer struct {
	RecoveryKeys []string `json:"recovery_keys,omitempty"`
}

func (a *API) confirmEnrolment(ctx context.Context, c *edge.Call, req enrolmentConfirmRequest) (maybeKeysAnswer, error) {
	c.Secret()
	keys, err := a.Settings.ConfirmEnrolment(ctx, c.By, sessionOf(c), req.Method, req.Code, true)
	return maybeKeysAnswer{keys}, err
}

func (a *API) resetApp(ctx context.Context, c *edge.Call) error {
	return a.Settings.ResetApp(ctx, c.By, sessionOf(c))
}

type keyAnswer struct {
	Key      string     `json:"key,omitzero"`
	UsedAt   *time.Time `json:"used_at"`
	UsedFrom string     `json:"used_from,omitzero"`
}

type keysAnswer struct {
	Keys        []keyAnswer `json:"keys"`
	Set         string      `json:"set"`
	GeneratedAt time.Time   `json:"generated_at"`
}

func keySet(s factor.Set, err error) (keysAnswer, error) {
	out := keysAnswer{Keys: []keyAnswer{}, Set: s.Label, GeneratedAt: s.GeneratedAt}
	for _, k := range s.Keys {
		out.Keys = append(out.Keys, keyAnswer{k.Key, k.UsedAt, k.UsedFrom})
	}
	return out, err
}

func (a *API) recoveryKeys(ctx context.Context, c *edge.Call) (keysAnswer, error) {
	return keySet(a.Settings.Keys(ctx, c.By, sessionOf(c), true))
}

func (a *API) renewRecoveryKeys(ctx context.Context, c *edge.Call) (keysAnswer, error) {
	c.Secret()
	return keySet(a.Settings.RegenerateKeys(ctx, c.By, sessionOf(c), true))
}

func (a *API) recoveryKeysFile(ctx context.Context, c *edge.Call) error {
	file, err := a.Settings.KeyFile(ctx, c.By, sessionOf(c))
	if err != nil {
		return err
	}
	c.Header("Content-Disposition", fmt.Sprintf(`attachment; filename="%s"`, file.Name()))
	c.Gin.Data(http.StatusOK, "text/plain; charset=utf-8", file.Text())
	return nil
}

type keyRequest struct {
	Key string `json:"key"`
}

type keyStateAnswer struct {
	State factor.KeyState `json:"state"`
}

func (a *API) checkRecoveryKey(ctx context.Context, c *edge.Call, req keyRequest) (keyStateAnswer, error) {
	state, err := a.Settings.CheckKey(ctx, c.By, sessionOf(c), req.Key)
	if state == factor.KeyReplaced {
		state = factor.KeyUnknown
	}
	return keyStateAnswer{state}, err
}
