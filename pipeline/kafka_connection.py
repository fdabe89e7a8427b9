"""Where Kafka is and how it is talked to: the options of a profile's [kafka] table, clients made of them, errors by remedy."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from operators.errors import BrokerUnavailable, CapstreamError, ConfigError

PASSWORD = "CAPSTREAM_KAFKA_PASSWORD"
BOOTSTRAP_MS = 8_000
OLDEST = "2.7"
INIT_PRODUCER_ID, FENCES = 22, 4
"""The request by which a transaction manager fences, and its version since Kafka 2.7 (KIP-588): older brokers let a zombie back in."""


@dataclass(frozen=True, slots=True)
class KafkaOptions:
    """The `[kafka]` table of a profile. The password stands in the environment: CAPSTREAM_KAFKA_PASSWORD."""

    bootstrap: str = ""
    """HOST:PORT, several with commas; empty: nothing goes to Kafka."""
    prefix: str = "capstream"
    """Of the names of all topics and transactional ids."""
    security_protocol: Literal["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"] = "PLAINTEXT"
    ca_file: str = ""
    """PEM; empty: the system's certificate authorities."""
    cert_file: str = ""
    """PEM with the client's certificate and key, for brokers that ask for one."""
    sasl_mechanism: Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"] = "SCRAM-SHA-512"
    user: str = ""

    def __post_init__(self) -> None:
        if not self.prefix or not all(c.isascii() and (c.isalnum() or c in "._-") for c in self.prefix) or len(self.prefix) > 100:
            raise ValueError(f"prefix should be up to 100 of a-z, A-Z, 0-9, '.', '_' and '-', not {self.prefix!r}")
        for address in filter(None, self.bootstrap.split(",")):
            host, _, port = address.strip().rpartition(":")
            if not host or not port.isdigit() or "@" in host or "/" in host:
                raise ValueError(f"bootstrap is HOST:PORT, several with commas, not {address.strip()!r}")
        if self.security_protocol.startswith("SASL") and not self.user:
            raise ValueError(f"security_protocol {self.security_protocol} needs a user")


@dataclass(frozen=True, slots=True)
class Kafka:
    """The options with the secret; makes clients. Never shown with its password."""

    options: KafkaOptions
    password: str = field(default="", repr=False)

    @classmethod
    def of(cls, options: KafkaOptions) -> "Kafka":
        """With the password of the environment. Raises ConfigError where that, or a file of certificates, is wanted and not there."""
        for name in ("ca_file", "cert_file"):
            file = getattr(options, name)
            if file and not Path(file).is_file():
                raise ConfigError(f"kafka.{name}: there is no file {file}")
        password = os.environ.get(PASSWORD, "")
        if options.security_protocol.startswith("SASL") and not password:
            raise ConfigError(f"Kafka's user {options.user} needs a password: set {PASSWORD}")
        return cls(options, password)

    def topic(self, name: str) -> str:
        return f"{self.options.prefix}.{name}.v1"

    def client_options(self) -> dict[str, Any]:
        """What every client of kafka-python is made with."""
        options = self.options
        said: dict[str, Any] = {
            "bootstrap_servers": [address.strip() for address in options.bootstrap.split(",")],
            "client_id": "capstream",
            "bootstrap_timeout_ms": BOOTSTRAP_MS,
            "reconnect_backoff_max_ms": 1000,
            "security_protocol": options.security_protocol,
        }
        if options.security_protocol.endswith("SSL"):
            files = {"ssl_cafile": options.ca_file, "ssl_certfile": options.cert_file}
            said |= {name: file for name, file in files.items() if file}
        if options.security_protocol.startswith("SASL"):
            said |= {
                "sasl_mechanism": options.sasl_mechanism,
                "sasl_plain_username": options.user,
                "sasl_plain_password": self.password,
            }
        return said

    def admin(self) -> Any:
        """A connected KafkaAdminClient of a broker that is new enough; the caller closes it.

        Raises:
            BrokerUnavailable: nobody answers, or not to us.
            ConfigError: the broker is too old, or does not allow it to this user.
        """
        from kafka import KafkaAdminClient

        with self.mapped():
            client = KafkaAdminClient(**self.client_options(), request_timeout_ms=10_000)
            versions = client._manager.broker_version_data.api_versions
            if versions.get(INIT_PRODUCER_ID, (0, 0))[1] < FENCES:
                client.close()
                where = self.options.bootstrap
                raise ConfigError(
                    f"Kafka at {where} is older than {OLDEST}: it would let records through twice; use {OLDEST} or newer, best 4"
                )
            return client

    def consumer(self, **more: Any) -> Any:
        """A KafkaConsumer of committed records that commits nothing itself; the caller closes it. Raises as `admin`."""
        from kafka import KafkaConsumer

        fixed = {"group_id": None, "enable_auto_commit": False, "isolation_level": "read_committed", "allow_auto_create_topics": False}
        with self.mapped():
            return KafkaConsumer(**self.client_options(), **fixed, **more)

    @contextmanager
    def mapped(self) -> Iterator[None]:
        """Maps what kafka-python raises to errors by remedy, each one line that never shows a secret."""
        from kafka import errors

        where = f"Kafka at {self.options.bootstrap}"
        try:
            yield
        except CapstreamError:
            raise
        except errors.AuthorizationError as e:
            topics, ids = self.topic("*"), f"{self.options.prefix}.*"
            user = self.options.user or "anonymous"
            raise ConfigError(
                f"{where} does not allow this to {user} ({type(e).__name__}): it needs the topics {topics} and transactional ids {ids}"
            ) from e
        except errors.KafkaError as e:
            if any(name in repr(e) for name in ("ProducerFenced", "InvalidProducerEpoch")):
                raise BrokerUnavailable(f"{where}: another process has taken this stream over") from e
            raise BrokerUnavailable(f"{where} does not answer ({_named(e)}): check {self._suspects()}") from e
        except OSError as e:
            raise BrokerUnavailable(f"{where} can not be reached ({e.strerror or e}): check {self._suspects()}") from e

    def _suspects(self) -> str:
        """What may be wrong where nobody answers: a broker that refuses a user or a certificate breaks off without a word."""
        suspects = ["that it runs", "its address"]
        if self.options.security_protocol.endswith("SSL"):
            suspects.append("the certificates")
        if self.options.security_protocol.startswith("SASL"):
            suspects.append(
                f"that it takes the user {self.options.user!r} by {self.options.sasl_mechanism} with the password in {PASSWORD}"
            )
        return ", ".join(suspects)


def _named(error: Exception) -> str:
    said = str(error)
    return said if type(error).__name__ in said else f"{type(error).__name__}{f': {said}' if said else ''}"
