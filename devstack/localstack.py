"""AWS on one machine, by LocalStack: slower to install than moto, and closer to the real thing."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from devstack.processes import Child, free_port

VENV = Path(__file__).parent.parent / ".venv-localstack"
START = """
import sys
from localstack.services.s3 import provider
provider.DEFAULT_S3_TMP_DIR = sys.argv[1]  # no variable moves it out of /tmp
from localstack.runtime.main import main
main()
"""


@contextmanager
def localstack(venv: Path = VENV) -> Iterator[str]:
    """Run the LocalStack installed in `venv` on a free loopback port and yield its endpoint URL.

    All that it reads and writes lies in a folder of its own, which ends with it.
    """
    address = f"127.0.0.1:{free_port()}"
    with tempfile.TemporaryDirectory(prefix="localstack-") as scratch:
        environment = {
            "GATEWAY_LISTEN": address,
            "LOCALSTACK_HOST": address,
            # Where it takes itself to be in a container, it keeps to /var/lib/localstack.
            "OVERRIDE_IN_DOCKER": "0",
            "FILESYSTEM_ROOT": scratch,
            "CONFIG_DIR": scratch,
            "XDG_CACHE_HOME": scratch,
            "SERVICES": "s3,sqs,kms,cloudformation,iam,sts,events,cloudwatch,logs,ec2,secretsmanager",
            "DISABLE_EVENTS": "1",
            "SKIP_SSL_CERT_DOWNLOAD": "1",
            "DNS_ADDRESS": "0",
            # Queue URLs by path: the default's host name needs a DNS server that knows it.
            "SQS_ENDPOINT_STRATEGY": "path",
        }
        command = [str(venv / "bin" / "python"), "-c", START, f"{scratch}/s3"]
        with Child(command, log=Path(scratch) / "localstack.log", environment=environment) as child:
            child.wait_ready(f"http://{address}/_localstack/health", timeout=90)
            yield f"http://{address}"
