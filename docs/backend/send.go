package backend

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
)

// Message is one job of the worker.
type Message struct {
	Kind      string  `json:"kind,omitempty"` // "finalize", or nothing
	JobID     uint64  `json:"jobId"`
	ListingID uint64  `json:"listingId"`
	BatchID   any     `json:"batchId,omitempty"` // a string or a whole number; the callback gives it back
	Assets    []Asset `json:"assets"`
	OwnerID   string  `json:"-"` // of the listing: by it SQS keeps an owner of many jobs from holding up the others
}

// Asset is one upload. What is set beside its key is compared with the object in the bucket.
type Asset struct {
	Key    string `json:"key"`
	Type   string `json:"type,omitempty"`
	Size   int64  `json:"size,omitempty"`
	SHA256 string `json:"sha256,omitempty"`
	ETag   string `json:"etag,omitempty"`
}

// Send enqueues the job and returns the message's id, which the callback has as externalId and executionArn.
func Send(ctx context.Context, client *sqs.Client, queueURL string, message Message) (string, error) {
	body, err := json.Marshal(message)
	if err != nil {
		return "", err
	}
	input := &sqs.SendMessageInput{
		QueueUrl:    aws.String(queueURL),
		MessageBody: aws.String(string(body)),
	}
	if message.OwnerID != "" {
		input.MessageGroupId = aws.String(message.OwnerID)
	}
	sent, err := client.SendMessage(ctx, input)
	if err != nil {
		return "", fmt.Errorf("enqueue media job %d: %w", message.JobID, err)
	}
	return aws.ToString(sent.MessageId), nil
}
