package api

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"strconv"
	"time"

	"github.com/google/uuid"

	"latchkey/internal/audit"
	"latchkey/internal/edge"
	"latchkey/internal/fault"
	"latchkey/internal/session"
)

// page is a list, whole or up to a cursor.
type page[T any] struct {
	Items      []T     `json:"items"`
	NextCursor *string `json:"next_cursor"`
}

type sessionAnswer struct {
	ID         uuid.UUID         `json:"id"`
	Current    bool              `json:"current"`
	Device     string            `json:"device"`
	Address    string            `json:"address"`
	Assurance  session.Assurance `json:"assurance"`
	CreatedAt  time.Time         `json:"created_at"`
	LastSeenAt time.Time         `json:"last_seen_at"`
	ExpiresAt  time.Time         `json:"expires_at"`
}

func (a *API) sessions(ctx context.Context, c *edge.Call) (page[sessionAnswer], error) {
	in := sessionOf(c)
	all, err := a.Settings.List(ctx, in)
	out := page[sessionAnswer]{Items: []sessionAnswer{}}
	for _, s := range all {
		out.Items = append(out.Items, sessionAnswer{
			s.ID, s.ID == in.ID, s.Device, s.Address, s.Assurance, s.CreatedAt, s.LastSeenAt, s.ExpiresAt,
		})
	}
	return out, err
}

func (a *API) endOtherSessions(ctx context.Context, c *edge.Call) error {
	return a.Settings.EndOthers(ctx, c.By, sessionOf(c))
}

func (a *API) signOut(ctx context.Context, c *edge.Call) error {
	return a.Settings.SignOut(ctx, c.By, sessionOf(c))
}

func (a *API) endSession(ctx context.Context, c *edge.Call) error {
	id, err := c.ID("id")
	if err != nil {
		return err
	}
	return a.Settings.EndSession(ctx, c.By, sessionOf(c), id)
}

type deviceAnswer struct {
	ID         uuid.UUID `json:"id"`
	Device     string    `json:"device"`
	CreatedAt  time.Time `json:"created_at"`
	LastUsedAt time.Time `json:"last_used_at"`
	ExpiresAt  time.Time `json:"expires_at"`
}

func (a *API) trustedDevices(ctx context.Context, c *edge.Call) (page[deviceAnswer], error) {
	all, err := a.Settings.Devices(ctx, sessionOf(c))
	out := page[deviceAnswer]{Items: []deviceAnswer{}}
	for _, d := range all {
		out.Items = append(out.Items, deviceAnswer{d.ID, d.Device, d.CreatedAt, d.LastUsedAt, d.ExpiresAt})
	}
	return out, err
}

func (a *API) endTrustedDevice(ctx context.Context, c *edge.Call) error {
	id, err := c.ID("id")
	if err != nil {
		return err
	}
	return a.Settings.EndDevice(ctx, c.By, sessionOf(c), id)
}

type actorAnswer struct {
	Kind audit.Kind `json:"kind"`
	ID   *uuid.UUID `json:"id"`
}

type eventAnswer struct {
	ID        uuid.UUID       `json:"id"`
	At        time.Time       `json:"at"`
	Action    string          `json:"action"`
	Actor     actorAnswer     `json:"actor"`
	SubjectID *uuid.UUID      `json:"subject_id"`
	Address   string          `json:"address"`
	Device    string          `json:"device"`
	Data      json.RawMessage `json:"data"`
}

func event(l audit.Line) eventAnswer {
	return eventAnswer{
		ID: eventID(l), At: l.At, Action: l.Action, Actor: actorAnswer{l.ActorKind, some(l.ActorID)},
		SubjectID: some(l.Subject), Address: l.Address, Device: l.Device, Data: l.Data,
	}
}

func some(id uuid.UUID) *uuid.UUID {
	if id == uuid.Nil {
		return nil
	}
	return &id
}

// eventID writes an event's number as the UUIDv7 that the contract speaks of:
// its instant in front, its number behind (RFC 9562 section 5.7).
func eventID(l audit.Line) uuid.UUID {
	var id uuid.UUID
	binary.BigEndian.PutUint64(id[:8], uint64(l.At.UnixMilli())<<16|0x7000)
	binary.BigEndian.PutUint64(id[8:], uint64(l.ID)&(1<<62-1)|1<<63) // #nosec G115 -- an identity column is positive
	return id
}

const (
	eventsPerPage = 50
)

func (a *API) events(ctx context.Context, c *edge.Call) (page[eventAnswer], error) {
	out := page[eventAnswer]{Items: []eventAnswer{}}
	raw, err := c.Query("cursor")
	if err != nil {
		return out, err
	}
	var before int64
	if raw != "" {
		if before, err = strconv.ParseInt(raw, 10, 64); err != nil || before < 1 {
			return out, fault.InField("cursor", "field.cursor.unknown", nil)
		}
	}
	lines, err := a.Settings.Events(ctx, sessionOf(c), before, eventsPerPage+1)
	if len(lines) > eventsPerPage {
		lines = lines[:eventsPerPage]
		next := strconv.FormatInt(lines[eventsPerPage-1].ID, 10)
		out.NextCursor = &next
	}
	for _, l := range lines {
		out.Items = append(out.Items, event(l))
	}
	return out, err
}
