// Reads requests as JSON and writes what the page's programs say of each: both signatures, and the endpoint's answer.
package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"os"
	"time"

	"example/backend"
)

const secret = "a-secret-of-the-tests"

type request struct {
	Headers map[string]string `json:"headers"`
	Body    []byte            `json:"body"`
}

func main() {
	var requests []request
	must(json.NewDecoder(os.Stdin).Decode(&requests))
	verdicts := [][]bool{}
	answers := [][]int{}
	for _, each := range requests {
		header := http.Header{}
		for name, value := range each.Headers {
			header.Set(name, value)
		}
		verdicts = append(verdicts, []bool{
			backend.VerifyToq(secret, header, each.Body),
			backend.VerifyWebhook(secret, header, each.Body, time.Now()),
		})
		answers = append(answers, []int{
			answer(header, each.Body, nil),
			answer(header, each.Body, backend.ErrUnknownJob),
			answer(header, each.Body, errors.New("the database is down")),
		})
	}
	must(json.NewEncoder(os.Stdout).Encode(map[string]any{
		"verdicts":  verdicts,
		"answers":   answers,
		"oversized": answer(http.Header{}, make([]byte, 16<<20+1), nil),
	}))
}

// answer is the status for a callback that apply ends with this error.
func answer(header http.Header, body []byte, applied error) int {
	endpoint := backend.Answer(secret, func(_ context.Context, webhookID string, _ []byte) error {
		if webhookID != header.Get("webhook-id") {
			panic(webhookID)
		}
		return applied
	})
	request := httptest.NewRequest(http.MethodPost, "/callback", bytes.NewReader(body))
	request.Header = header
	recorder := httptest.NewRecorder()
	endpoint(recorder, request)
	return recorder.Code
}

func must(err error) {
	if err != nil {
		panic(err)
	}
}
