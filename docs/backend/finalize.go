package backend

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/service/sqs"
)

// Finalizer is the backend's port: it starts a finalization and returns what names its execution.
type Finalizer interface {
	StartExecution(ctx context.Context, jobID, listingID uint64, keys []string) (executionARN string, err error)
}

// QueueFinalizer sends the finalization to the worker's queue, in place of starting a state machine.
type QueueFinalizer struct {
	Client   *sqs.Client
	QueueURL string
}

var _ Finalizer = QueueFinalizer{}

// StartExecution asks for the bundle of these uploads, or of what is there now where it is given no keys.
func (f QueueFinalizer) StartExecution(ctx context.Context, jobID, listingID uint64, keys []string) (string, error) {
	assets := make([]Asset, len(keys)) // never nil, which JSON would have as null
	for i, key := range keys {
		assets[i].Key = key
	}
	message := Message{Kind: "finalize", JobID: jobID, ListingID: listingID, Assets: assets}
	return Send(ctx, f.Client, f.QueueURL, message)
}
