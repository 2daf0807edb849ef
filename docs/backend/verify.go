package backend

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"net/http"
	"strconv"
	"strings"
	"time"
)

const tolerance = 5 * time.Minute

// VerifyToq checks X-Toq-Signature against the body as it came, before any parsing.
func VerifyToq(secret string, header http.Header, body []byte) bool {
	given, err := hex.DecodeString(header.Get("X-Toq-Signature"))
	return err == nil && hmac.Equal(given, sum(secret, body))
}

// VerifyWebhook checks the headers of Standard Webhooks. It also refuses what is older than the tolerance.
func VerifyWebhook(secret string, header http.Header, body []byte, now time.Time) bool {
	id, timestamp := header.Get("webhook-id"), header.Get("webhook-timestamp")
	seconds, err := strconv.ParseInt(timestamp, 10, 64)
	if err != nil || now.Sub(time.Unix(seconds, 0)).Abs() > tolerance {
		return false
	}
	expected := "v1," + base64.StdEncoding.EncodeToString(sum(secret, []byte(id+"."+timestamp+"."), body))
	for _, given := range strings.Fields(header.Get("webhook-signature")) {
		if hmac.Equal([]byte(given), []byte(expected)) {
			return true
		}
	}
	return false
}

func sum(secret string, parts ...[]byte) []byte {
	mac := hmac.New(sha256.New, []byte(secret))
	for _, part := range parts {
		mac.Write(part)
	}
	return mac.Sum(nil)
}
