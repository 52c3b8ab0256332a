package client_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"

	"latchkey/internal/api/client"
)

// service stands in for a Latchkey that knows Ada and one event.
func service() *httptest.Server {
	return httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		answer := map[string]any{"name": "Ada Lovelace"}
		switch path := strings.TrimPrefix(r.URL.Path, "/api/v1"); {
		case path == "/sign-ins":
			answer = map[string]any{"status": "second_factor", "sign_in_token": "lki_…"}
		case path == "/sign-ins/current/verify":
			answer = map[string]any{"status": "complete", "session_token": "lks_…"}
		case path == "/me/events":
			answer = map[string]any{"items": []any{map[string]any{"action": "signed_in"}}, "next_cursor": nil}
		case path == "/me/tokens":
			w.Header().Set("Content-Type", "application/problem+json")
			w.WriteHeader(403)
			answer = map[string]any{"code": "confirmation_required", "detail": "Confirm that it is you."}
		}
		_ = json.NewEncoder(w).Encode(answer)
	}))
}

// Signing in, in two steps.
func Example() {
	srv := service()
	defer srv.Close()
	ctx := context.Background()

	c := client.New(srv.URL)
	in, err := c.SignIn(ctx, client.SignInRequest{Email: "ada@example.com", Password: "correct horse battery staple"})
	if err != nil {
		fmt.Println(err)
		return
	}
	if in.Status == client.NeedsSecondFactor {
		in, err = c.As(in.SignInToken).Verify(ctx, client.VerifyRequest{Method: client.App, Code: "123 456"})
		if err != nil {
			fmt.Println(err)
			return
		}
	}
	me, err := c.As(in.SessionToken).Me(ctx)
	fmt.Println(me.Name, err)
	// Output: Ada Lovelace <nil>
}

// What is refused says why: to programs by its Code, to people by its Detail.
func ExampleError() {
	srv := service()
	defer srv.Close()

	_, err := client.New(srv.URL, client.Token("lks_…")).MakeToken(context.Background(), client.TokenRequest{Name: "backup", Scopes: []client.Scope{client.Read}})
	var e *client.Error
	if errors.Is(err, client.ConfirmationRequired) && errors.As(err, &e) {
		fmt.Println(e.Status, e.Detail)
	}
	// Output: 403 Confirm that it is you.
}

// Lists come in pages; All goes through them.
func ExampleAll() {
	srv := service()
	defer srv.Close()

	c := client.New(srv.URL, client.Token("lkp_…"))
	for event, err := range client.All(func(cursor string) (client.Page[client.Event], error) {
		return c.Events(context.Background(), cursor)
	}) {
		fmt.Println(event.Action, err)
	}
	// Output: signed_in <nil>
}
