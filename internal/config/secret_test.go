package config_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"latchkey/internal/config"
)

func TestSecretNeverPrints(t *testing.T) {
	const word = "sesame"
	type holder struct {
		Open   config.Secret
		closed config.Secret
		List   []config.Secret
		Ptr    *config.Secret
	}
	s := config.NewSecret(word)
	h := holder{s, s, []config.Secret{s}, &s}
	var out bytes.Buffer
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d", "%t", "%08s"} {
		fmt.Fprintf(&out, verb+"\n", s)
		fmt.Fprintf(&out, verb+"\n", &s)
		fmt.Fprintf(&out, verb+"\n", h)
		fmt.Fprintf(&out, verb+"\n", h.closed)
	}
	fmt.Fprintln(&out, fmt.Errorf("open %v: %w", s, errors.New("x")))
	for _, v := range []any{s, h, map[string]any{"s": s}} {
		if err := json.NewEncoder(&out).Encode(v); err != nil {
			t.Fatal(err)
		}
		slog.New(slog.NewTextHandler(&out, nil)).Info("m", "v", v)
		slog.New(slog.NewJSONHandler(&out, nil)).Info("m", "v", v)
	}
	for _, form := range []string{word, fmt.Sprintf("%x", word), fmt.Sprintf("%X", word)} {
		if strings.Contains(out.String(), form) {
			t.Errorf("%q leaks:\n%s", form, out.String())
		}
	}
	if !strings.Contains(out.String(), "[hidden]") {
		t.Error("nothing says [hidden]")
	}
	if s.Reveal() != word || !s.IsSet() || (config.Secret{}).IsSet() || (config.Secret{}).Reveal() != "" {
		t.Error("the value is lost")
	}
}

func TestConfigPrintsNoSecret(t *testing.T) {
	in := good()
	c, err := config.Load(in, config.Worker)
	if err != nil {
		t.Fatal(err)
	}
	j, err := json.Marshal(c)
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range []string{fmt.Sprintf("%+v", c), fmt.Sprintf("%#v", *c), string(j)} {
		if strings.Contains(s, "sesame") || strings.Contains(s, "ses@me") {
			t.Errorf("leaks: %s", s)
		}
	}
}
