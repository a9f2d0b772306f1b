"""A worker over TLS, with a certificate of its own, and what it says when it does not trust the server."""

import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from longspan.receiver import Receiver
from machines.catalog import load_catalog
from streams.client import connect
from streams.errors import ServerError, describe
from streams.trust import describe_distrust
from tests.journey.running import NAMESPACE, is_drained, send, worker
from tests.journey.test_storm import EXAMPLES, watched
from tests.journey.traffic import random_traffic
from tests.longspan.processes import longspan
from tests.oracle.comparison import differences, report
from tests.oracle.fold import Fold
from tests.oracle.spans import expected_spans
from tests.support.certificates import Authority
from tests.support.seeds import SEED
from tests.support.servers import REDIS, Server, free_port, running
from tests.support.waiting import wait_for

pytestmark = pytest.mark.skipif(REDIS is None, reason="no redis-server on the PATH")


@dataclass
class Secured:
    """A server behind TLS that asks for certificates of clients; `url` has everything that it takes."""

    server: Server
    port: int
    authority: Path
    url: str


@pytest.fixture(scope="module")
def secured(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Secured]:
    """Redis with certificates of its own authority."""
    with behind_tls(Authority(directory := tmp_path_factory.mktemp("tls")), directory) as secured:
        yield secured


@contextmanager
def behind_tls(authority: Authority, directory: Path) -> Iterator[Secured]:
    """Redis with certificates of this authority."""
    assert REDIS is not None
    certificate, key = authority.issue("server")
    own, own_key = authority.issue("client")
    port = free_port()
    files = ("--tls-cert-file", str(certificate), "--tls-key-file", str(key), "--tls-ca-cert-file")
    with running(REDIS, directory / "redis", "--tls-port", str(port), *files, str(authority.certificate)) as server:
        options = f"ssl_ca_certs={authority.certificate}&ssl_certfile={own}&ssl_keyfile={own_key}"
        yield Secured(server, port, authority.certificate, f"rediss://127.0.0.1:{port}?{options}")


def test_a_worker_over_tls_delivers_its_traces(
    secured: Secured, receiver: Receiver, prefix: str, tmp_path: Path
) -> None:
    catalog = load_catalog([str(EXAMPLES)])
    fold = Fold(catalog)
    with worker(secured, receiver, prefix, EXAMPLES, tmp_path) as process, secured.server.client() as client:
        fold.feed(send(client, prefix, random_traffic(list(catalog), 3, SEED, time.time_ns() - 10**9)))
        wait_for(watched(lambda: is_drained(client, prefix), process.check), 30)
    wrong = differences(expected_spans(fold, NAMESPACE), receiver.spans)
    assert not wrong, f"LONGSPAN_SEED={SEED}: {report(wrong)}"


@pytest.mark.parametrize(
    ("scheme", "options", "said"),
    [
        ("rediss", "ssl_ca_certs={stranger}", "is not trusted: .*set ssl_ca_certs in LONGSPAN_REDIS_URL"),
        ("rediss", "ssl_ca_certs={ca}", "Redis cannot be reached"),
        ("redis", "", "Redis cannot be reached"),
    ],
    ids=["a wrong authority", "no certificate of the client", "no TLS"],
)
def test_what_is_wrong_with_tls_is_told_in_one_line(
    secured: Secured, tmp_path: Path, scheme: str, options: str, said: str
) -> None:
    chosen = options.format(stranger=Authority(tmp_path, "somebody else").certificate, ca=secured.authority)
    done = longspan("worker", settings={"LONGSPAN_REDIS_URL": f"{scheme}://127.0.0.1:{secured.port}?{chosen}"})
    assert done.returncode == 1
    assert re.fullmatch(f"longspan: .*{said}.*\n", done.stderr), done.stderr


def test_a_certificate_of_another_host_is_told(secured: Secured) -> None:
    url = secured.url.replace("127.0.0.1", "localhost")
    with connect(url) as client, pytest.raises(ServerError) as refused:
        client.call("PING")
    assert re.search("is not trusted: Hostname mismatch.*; let LONGSPAN_REDIS_URL name", describe(refused.value))


def test_a_certificate_of_the_older_kind_is_told_and_can_be_let_pass(tmp_path: Path) -> None:
    with behind_tls(Authority(tmp_path, bare=True), tmp_path) as secured:
        with connect(f"{secured.url}&ssl_include_verify_flags=VERIFY_X509_STRICT") as client:
            with pytest.raises(ServerError) as refused:
                client.call("PING")
            told = describe(refused.value)
            assert "Key Identifier; have it and its authority's issued anew" in told
            (remedy,) = re.findall(r"or set (ssl_\w+=\w+) in LONGSPAN_REDIS_URL", told)
        with connect(f"{secured.url}&{remedy}") as client:
            assert client.call("PING") == b"PONG"


@pytest.mark.parametrize(
    ("said", "remedy"),
    [
        ("certificate has expired", "renew it"),
        ("self-signed certificate in certificate chain", "set ssl_ca_certs"),
        ("unable to get local issuer certificate", "set ssl_ca_certs"),
        ("CA cert does not include key usage extension", "issued anew"),
        ("EE certificate key too weak", "have it replaced"),
    ],
)
def test_each_reason_has_a_remedy_of_its_own(said: str, remedy: str) -> None:
    told = describe_distrust(f"[SSL: CERTIFICATE_VERIFY_FAILED] certificate verify failed: {said} (_ssl.c:1000)")
    assert told.startswith(f"the certificate of Redis is not trusted: {said}; ")
    assert remedy in told
