// Sends a job and two finalizations to the queue that it is given, and prints the messages' ids.
package main

import (
	"context"
	"fmt"
	"os"

	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/sqs"

	"example/backend"
)

func main() {
	endpoint, queueURL := os.Args[1], os.Args[2]
	client := sqs.New(sqs.Options{
		Region:           "us-east-1",
		Credentials:      credentials.NewStaticCredentialsProvider("test", "test", ""),
		EndpointResolver: sqs.EndpointResolverFromURL(endpoint),
	})
	ctx := context.Background()
	photo := "28/raw/photo/horizontal/3f6c.jpg"
	print(backend.Send(ctx, client, queueURL, backend.Message{
		JobID:     21,
		ListingID: 28,
		BatchID:   "b-7f3a",
		OwnerID:   "owner-7",
		Assets:    []backend.Asset{{Key: photo, Type: "PHOTO_HORIZONTAL", Size: 5242880}},
	}))
	finalizer := backend.QueueFinalizer{Client: client, QueueURL: queueURL}
	print(finalizer.StartExecution(ctx, 22, 28, []string{photo}))
	print(finalizer.StartExecution(ctx, 23, 28, nil))
}

func print(id string, err error) {
	if err != nil {
		panic(err)
	}
	fmt.Println(id)
}
