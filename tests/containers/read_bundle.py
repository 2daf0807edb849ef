"""Run in a container of devstack: the bundle of a listing holds each processed object, and nothing else."""

import io
import os
import sys
import zipfile

from devstack.aws import session

s3 = session().client("s3", endpoint_url=os.environ["AWS_ENDPOINT_URL"])
bucket, listing = os.environ["MEDIA_BUCKET"], sys.argv[1]
bundle = f"{listing}/processed/zip/{listing}.zip"


def read(key: str) -> bytes:
    return s3.get_object(Bucket=bucket, Key=key)["Body"].read()


found = s3.list_objects_v2(Bucket=bucket, Prefix=f"{listing}/processed/")["Contents"]
processed = {entry["Key"] for entry in found} - {bundle}
with zipfile.ZipFile(io.BytesIO(read(bundle))) as members:
    assert sorted(map(members.read, members.namelist())) == sorted(map(read, processed))
sys.stdout.write(f"{len(processed)} members\n")
