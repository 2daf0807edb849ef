"""Run in a container of devstack: what `devstack.sample` does, with one photo that is soon done."""

import io
import os
import sys

from devstack.aws import session
from devstack.sample import enqueue, upload
from devstack.samples import Sample, photo

endpoint, listing_id = os.environ["AWS_ENDPOINT_URL"], int(os.environ["LISTING_ID"])
data = io.BytesIO()
photo(1600, 1200, 1).save(data, "JPEG")
sample = Sample("a.jpg", "photo/horizontal", data.getvalue(), "image/jpeg", "JPEG")
s3, sqs = session().client("s3", endpoint_url=endpoint), session().client("sqs", endpoint_url=endpoint)
assets = upload(s3, os.environ["MEDIA_BUCKET"], listing_id, [sample])
job = {"jobId": listing_id, "listingId": listing_id, "assets": assets}
sys.stdout.write(f"the job is message {enqueue(sqs, os.environ['QUEUE_URL'], job)}\n")
