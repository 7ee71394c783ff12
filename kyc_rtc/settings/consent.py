"""What the applicant's page says before it asks for consent, as far as only the institution knows it."""

from __future__ import annotations

from pydantic import Field

from kyc_rtc.settings.groups import Group

_MAX_SENTENCE = 500


class ConsentSettings(Group):
    """Empty values become sentences that follow from the other settings."""

    institution: str = Field(
        "", max_length=120, description="the institution's name, as applicants know it"
    )
    purpose: str = Field(
        "", max_length=_MAX_SENTENCE, description="a sentence: what the check is for"
    )
    kept_for: str = Field(
        "",
        max_length=_MAX_SENTENCE,
        description="a sentence: how long the result and what was measured are kept; "
        "empty: until the institution deletes them",
    )
    privacy_url: str = Field(
        "",
        pattern=r"^(https://[^\s]+)?$",
        max_length=2_000,
        description="https address of the privacy notice",
        examples=["https://bank.example/privacy"],
    )
    other_way: str = Field(
        "",
        max_length=_MAX_SENTENCE,
        description="a sentence: how somebody is identified who does not agree, or cannot do the check; "
        "empty: ask the institution",
    )
    agent_may_watch: bool = Field(
        False, description="whether people of the institution may watch the check live"
    )
