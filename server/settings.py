"""Every setting of the server, with its limits. Knows neither the command line nor what a model is."""

import re
from collections.abc import Mapping
from ipaddress import ip_address
from pathlib import Path
from typing import Annotated, Any, Final, Literal, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, SecretStr, ValidationError, model_validator

from clients.access import KEY_VARIABLE, AccessKey, checked_key, read_keys
from music.errors import BadSetting
from server.logs import Format, Level

PREFIX = "TRADEFOURS_"
AUTO: Final = "auto"


def _several(value: object) -> object:
    """The environment has one text for a list, with commas."""
    texts = value.split(",") if isinstance(value, str) else value
    return tuple(str(each).strip().lower() for each in texts) if isinstance(texts, list | tuple) else texts


Several = Annotated[tuple[str, ...], BeforeValidator(_several)]
HOST_NAME: Final = re.compile(r"[a-z0-9._-]+|[0-9a-f:]+")
ORIGIN: Final = re.compile(r"https?://[^/]+")


class Settings(BaseModel):
    """Set by the command line, else by the environment (`TRADEFOURS_PORT=9000`), else as here."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    host: str = Field(default="127.0.0.1", min_length=1, description="Address to listen at.")
    port: int = Field(default=8765, ge=0, le=65535, description="Port to listen at; 0 takes any free one.")
    allow_public: bool = Field(default=False, description="Others on the network may connect without a key.")
    key_file: Path | None = Field(default=None, description="File of keys, one a line: who comes must show one.")
    key: SecretStr | None = Field(default=None, description="One key, by the environment alone.")
    allow_host: Several = Field(default=(), description="More names that requests may call the server by.")
    allow_origin: Several = Field(default=(), description="Other sites whose pages may use it: `https://NAME:PORT`.")
    model: str = Field(
        default=AUTO,
        min_length=1,
        description="Name of the network that plays, or its folder; auto: the largest shipped one that is fast here.",
    )
    engine: Literal["auto", "cuda", "native", "torch"] = Field(
        default=AUTO,
        description="What computes the network; auto: cuda with a GPU, else native where it was built, else torch.",
    )
    threads: int | None = Field(
        default=None,
        ge=1,
        le=256,
        description="Processor threads that compute; if not said 1, or 2 of the native engine. It has no more, and the "
        "second works only while a core has nothing else to do.",
    )
    max_sessions: int = Field(default=4, ge=1, le=256, description="Players at once; one more is refused.")
    max_sessions_each: int | None = Field(
        default=None, ge=1, description="Of them with one key, or where there are no keys from one address."
    )
    max_watchers: int = Field(default=16, ge=0, le=256, description="Pages that watch at once.")
    hello_timeout_s: float = Field(default=2.0, gt=0, le=60, description="A client says hello within this time.")
    start_timeout_s: float = Field(
        default=300.0, gt=0, le=86_400, description="A client that is connected plays within this time."
    )
    silence_timeout_s: float = Field(default=3.0, gt=0, le=60, description="A client silent for so long is gone.")
    messages_per_s: int = Field(default=200, ge=10, le=100_000, description="Messages of a client, in the long run.")
    requests_per_s: int = Field(
        default=200, ge=10, le=100_000, description="REST requests of a caller, in the long run."
    )
    inbox_messages: int = Field(default=256, ge=1, le=65536, description="Messages of a client that may wait.")
    outbox_messages: int = Field(default=256, ge=16, le=65536, description="Messages to a client that may wait.")
    journal: Path | None = Field(
        default=None, description="Folder to keep every set in, so that nothing is lost when this process dies."
    )
    journal_mb: int = Field(default=512, ge=1, le=1_000_000, description="Size of that folder; the oldest sets go.")
    journal_days: int = Field(default=30, ge=1, le=36_500, description="Age of a set that goes.")
    generations: Path | None = Field(
        default=None, description="Folder to keep generations in; None: the user's own state folder, one for each port."
    )
    max_generations: int = Field(default=128, ge=1, le=10_000, description="Generations that wait or are written.")
    max_generations_each: int | None = Field(
        default=None, ge=1, description="Of them with one key, or where there are no keys from one address."
    )
    generations_hours: int = Field(default=24, ge=1, le=8760, description="Their results can be had for so long.")
    generations_mb: int = Field(default=512, ge=1, le=1_000_000, description="Size of the results; the oldest go.")
    log_format: Format = Field(default="text", description="Lines of the log: text for people, json for machines.")
    log_level: Level = Field(default="info", description="The least of what is logged: debug, info, warning or error.")

    @model_validator(mode="after")
    def _public_on_purpose_only(self) -> Self:
        if not (self.access_keys() or self.allow_public or is_loopback(self.host)):
            raise BadSetting(
                f"expected a key for a host that others reach, got {self.host} and none: set {KEY_VARIABLE} "
                "or say --key-file, or --public if everybody there may play and listen"
            )
        return self

    @model_validator(mode="after")
    def _names_are_names(self) -> Self:
        for name in self.allow_host:
            if not HOST_NAME.fullmatch(name):
                raise BadSetting(f"expected a name such as studio.example to allow as a host, got {name!r}")
        for origin in self.allow_origin:
            if not ORIGIN.fullmatch(origin):
                raise BadSetting(f"expected an origin such as https://studio.example to allow, got {origin!r}")
        return self

    def access_keys(self) -> list[AccessKey]:
        """Those that open this server; without any it is open. Raises BadSetting where they cannot be read."""
        keys = read_keys(self.key_file) if self.key_file else []
        return keys + ([checked_key(self.key.get_secret_value(), KEY_VARIABLE)] if self.key is not None else [])

    @classmethod
    def read(cls, environ: Mapping[str, str], **given: Any) -> "Settings":
        """`given` wins over the environment; what is None there was not given."""
        values: dict[str, Any] = {
            name: environ[PREFIX + name.upper()] for name in cls.model_fields if PREFIX + name.upper() in environ
        }
        values |= {name: value for name, value in given.items() if value is not None}
        try:
            return cls(**values)
        except ValidationError as error:
            first = error.errors()[0]
            name = ".".join(map(str, first["loc"]))
            raise BadSetting(f"expected another {name} ({first['msg'].lower()}), got {first['input']!r}") from None


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach `host`."""
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False
