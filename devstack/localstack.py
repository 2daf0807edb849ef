"""AWS on one machine, by LocalStack: slower to install than moto, and closer to the real thing."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from devstack.processes import Child, free_port

VENV = Path(__file__).parent.parent / ".venv-localstack"


@contextmanager
def localstack(venv: Path = VENV) -> Iterator[str]:
    """Run the LocalStack installed in `venv` on a free loopback port and yield its endpoint URL."""
    address = f"127.0.0.1:{free_port()}"
    with tempfile.TemporaryDirectory(prefix="localstack-") as scratch:
        environment = {
            "GATEWAY_LISTEN": address,
            "LOCALSTACK_HOST": address,
            "LOCALSTACK_VOLUME_DIR": scratch,
            "SERVICES": "s3,sqs,kms,cloudformation,iam,sts,events",
            "DISABLE_EVENTS": "1",
            "SKIP_SSL_CERT_DOWNLOAD": "1",
            "DNS_ADDRESS": "0",
            # Queue URLs by path: the default's host name needs a DNS server that knows it.
            "SQS_ENDPOINT_STRATEGY": "path",
        }
        command = [str(venv / "bin" / "python"), "-m", "localstack.runtime.main"]
        with Child(command, log=Path(scratch) / "localstack.log", environment=environment) as child:
            child.wait_ready(f"http://{address}/_localstack/health", timeout=90)
            yield f"http://{address}"
