package backend

import (
	"context"
	"errors"
	"io"
	"net/http"
	"time"
)

// ErrUnknownJob says that the database doesn't have the callback's job, or not yet.
var ErrUnknownJob = errors.New("unknown job")

// Answer is the endpoint of CALLBACK_URL. apply stores the callback in one transaction, once for each webhookID.
func Answer(secret string, apply func(ctx context.Context, webhookID string, body []byte) error) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, 16<<20))
		if err != nil {
			w.WriteHeader(http.StatusBadRequest)
			return
		}
		if !VerifyWebhook(secret, r.Header, body, time.Now()) {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		switch err := apply(r.Context(), r.Header.Get("webhook-id"), body); {
		case err == nil:
			w.WriteHeader(http.StatusNoContent)
		case errors.Is(err, ErrUnknownJob):
			w.WriteHeader(http.StatusNotFound)
		default:
			w.WriteHeader(http.StatusServiceUnavailable)
		}
	}
}
