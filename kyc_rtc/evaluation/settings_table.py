"""Every setting as a table in Markdown: what docs/deployment.md shows."""

from __future__ import annotations

from collections.abc import Iterator

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from kyc_rtc.settings import Settings

_HEAD = ("| variable | default | meaning |", "|---|---|---|")


def settings_table() -> str:
    """The table, one row for each setting, in the order of the source."""
    return "\n".join((*_HEAD, *_rows(Settings, "KYC_RTC_")))


def _rows(model: type[BaseModel], prefix: str) -> Iterator[str]:
    for name, field in model.model_fields.items():
        kind = field.annotation
        if isinstance(kind, type) and issubclass(kind, BaseModel):
            yield from _rows(kind, f"{prefix}{name.upper()}__")
        else:
            yield f"| `{prefix}{name.upper()}` | {_default(field)} | {field.description or ''} |"


def _default(field: FieldInfo) -> str:
    value = field.get_default(call_default_factory=True)
    if value is None or value == () or str(value) in ("", "**********"):
        return ""
    if isinstance(value, tuple):
        return f"`[{', '.join(repr(str(v)) for v in value)}]`".replace("'", '"')
    return f"`{str(value).lower() if isinstance(value, bool) else value}`"
