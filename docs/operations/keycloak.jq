# From a Keycloak realm export with users to the lines that
# `latchkey user import` reads:
#
#   jq -c -f keycloak.jq realm-users-0.json > users.jsonl
#
# Passwords hashed with argon2id come along. Those hashed with PBKDF2 can't:
# their users set a new one by "forgot password". Apps come along where they
# are TOTP with SHA-1, 6 digits and 30 seconds. Disabled users are left out.

def plain: gsub("="; ""); # PHC strings carry base64 without padding

def first_of(key): (.[key] // [] | if type == "array" then .[0] else . end);

def phc:
  (.credentialData | fromjson) as $c | (.secretData | fromjson) as $s | ($c.additionalParameters // {}) as $p
  | if $c.algorithm == "argon2" and ($p | first_of("type")) == "id" and ($p | first_of("version")) == "1.3"
    then "$argon2id$v=19$m=\($p | first_of("memory")),t=\($c.hashIterations),p=\($p | first_of("parallelism"))$\($s.salt | plain)$\($s.value | plain)"
    else empty end;

# Keycloak keeps the bytes of a secret as plain letters and digits; apps and
# this service write them in base32 (which jq itself knows from 1.7 on).
def base32:
  "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567" as $letters
  | reduce explode[] as $byte ({rest: 0, bits: 0, out: ""};
      .rest = .rest * 256 + $byte | .bits += 8
      | until(.bits < 5;
          .bits -= 5 | pow(2; .bits) as $p | (.rest / $p | floor) as $i
          | .out += $letters[$i:$i + 1] | .rest -= $i * $p))
  | if .bits > 0 then (.rest * pow(2; 5 - .bits)) as $i | .out + $letters[$i:$i + 1] else .out end;

def otpauth:
  (.credentialData | fromjson) as $c | (.secretData | fromjson) as $s
  | if $c.subType == "totp" and $c.digits == 6 and $c.period == 30 and ($c.algorithm // "HmacSHA1") == "HmacSHA1"
    then (if ($c.secretEncoding // "") == "" then $s.value | base32 else $s.value end)
    else empty end;

.users[]
| select(.enabled and (.email // "") != "")
| {
    email,
    name: (([.firstName, .lastName] | map(select(. != null and . != "")) | join(" ")) as $n | if $n == "" then .username else $n end),
    verified: (.emailVerified // false),
    password_hash: ([.credentials[]? | select(.type == "password") | phc] | first // ""),
    otpauth: ([.credentials[]? | select(.type == "otp") | otpauth] | .[:3])
  }
