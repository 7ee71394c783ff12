"""Where webhooks may go."""

from __future__ import annotations

from pydantic import Field

from kyc_rtc.settings.groups import Group


class WebhookSettings(Group):
    """For endpoints of all tenants."""

    allow_private: bool | None = Field(
        None,
        description="send webhooks to private, loopback and link-local addresses too; None: in development "
        "only",
    )
