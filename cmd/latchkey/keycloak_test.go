package main

import (
	"bytes"
	"encoding/base32"
	"encoding/base64"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"

	"latchkey/internal/intake"
)

// TestKeycloakRecipe puts a realm export, with the fields that Keycloak's
// credential models have, through the documented filter.
func TestKeycloakRecipe(t *testing.T) {
	t.Parallel()
	jq, err := exec.LookPath("jq")
	if err != nil {
		t.Skip("jq is not here")
	}
	salt, key := []byte("0123456789abcdef"), []byte(strings.Repeat("k", 32))
	raw := "hZ3vXf0mWq8RtY2uPs6K" // Keycloak keeps the bytes as text
	export := fmt.Sprintf(`{"realm":"r","users":[
	 {"username":"ada","email":"ada@example.org","emailVerified":true,"firstName":"Ada","lastName":"L","enabled":true,"credentials":[
	  {"type":"password","secretData":"{\"value\":\"%s\",\"salt\":\"%s\",\"additionalParameters\":{}}","credentialData":"{\"hashIterations\":5,\"algorithm\":\"argon2\",\"additionalParameters\":{\"hashLength\":[\"32\"],\"memory\":[\"7168\"],\"type\":[\"id\"],\"version\":[\"1.3\"],\"parallelism\":[\"1\"]}}"},
	  {"type":"otp","secretData":"{\"value\":\"%s\"}","credentialData":"{\"subType\":\"totp\",\"digits\":6,\"counter\":0,\"period\":30,\"algorithm\":\"HmacSHA1\"}"}]},
	 {"username":"bob","email":"bob@example.org","enabled":true,"credentials":[
	  {"type":"password","secretData":"{\"value\":\"x\",\"salt\":\"y\"}","credentialData":"{\"hashIterations\":27500,\"algorithm\":\"pbkdf2-sha256\",\"additionalParameters\":{}}"}]},
	 {"username":"out","email":"out@example.org","enabled":false}]}`,
		base64.StdEncoding.EncodeToString(key), base64.StdEncoding.EncodeToString(salt), raw)
	cmd := exec.Command(jq, "-c", "-f", "../../docs/operations/keycloak.jq")
	cmd.Stdin, cmd.Stderr = strings.NewReader(export), os.Stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	lines := bytes.Split(bytes.TrimSpace(out), []byte("\n"))
	if len(lines) != 2 {
		t.Fatalf("%s", out)
	}
	ada, wrong := intake.Parse(lines[0])
	want := "$argon2id$v=19$m=7168,t=5,p=1$" + base64.RawStdEncoding.EncodeToString(salt) + "$" + base64.RawStdEncoding.EncodeToString(key)
	if wrong != nil || ada.Name != "Ada L" || !ada.Verified || ada.PasswordHash != want || len(ada.Apps) != 1 || ada.Apps[0] != base32.StdEncoding.EncodeToString([]byte(raw)) {
		t.Errorf("%+v %v", ada, wrong)
	}
	if bob, wrong := intake.Parse(lines[1]); wrong != nil || bob.Name != "bob" || bob.PasswordHash != "" || bob.Verified {
		t.Errorf("%+v %v", bob, wrong)
	}
}
