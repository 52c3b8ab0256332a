package webhook

import (
	"encoding/json"
	"strconv"
	"time"

	"github.com/google/uuid"
)

// Message is what a receiver is told of an event: what the audit log shows of
// it, and the address of whom it is about. Neither holds a secret.
type Message struct {
	Event     int64
	Type      string
	At        time.Time
	User      uuid.UUID // zero: about nobody
	Email     string    // empty: the account is gone
	ActorKind string
	Actor     uuid.UUID // zero: none
	Address   string
	Device    string
	Data      json.RawMessage
}

// ID is the same for every attempt at every endpoint: what receivers drop
// duplicates by, and the number of the event in the audit log.
func (m Message) ID() string { return "evt_" + strconv.FormatInt(m.Event, 10) }

// Body is the message as JSON.
func (m Message) Body() ([]byte, error) {
	type person struct {
		ID    string `json:"id"`
		Email string `json:"email,omitempty"`
	}
	type actor struct {
		Kind string `json:"kind"`
		ID   string `json:"id,omitempty"`
	}
	body := struct {
		ID      string          `json:"id"`
		Type    string          `json:"type"`
		At      time.Time       `json:"at"`
		User    *person         `json:"user"`
		Actor   actor           `json:"actor"`
		Address string          `json:"address,omitempty"`
		Device  string          `json:"device,omitempty"`
		Data    json.RawMessage `json:"data"`
	}{ID: m.ID(), Type: m.Type, At: m.At.UTC(), Actor: actor{Kind: m.ActorKind}, Address: m.Address, Device: m.Device, Data: m.Data}
	if m.User != uuid.Nil {
		body.User = &person{m.User.String(), m.Email}
	}
	if m.Actor != uuid.Nil {
		body.Actor.ID = m.Actor.String()
	}
	return json.Marshal(body)
}
