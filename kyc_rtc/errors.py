"""Every error that the program raises on purpose, in one tree.

    KycError
    ├── BadRequest                the caller sent something wrong
    │   ├── BadSdp                an offer or a fragment that is not usable SDP
    │   │   └── CandidatesRefused     none of a client's ICE candidates may be tried
    │   ├── VideoTooLarge         video with more pixels than are decoded
    │   ├── BadImage              bytes that are not an acceptable picture
    │   └── BadMessage            a malformed data-channel message
    ├── Unauthorised              no credential, or not a valid one
    │   ├── LinkExpired           the verification's time is over
    │   └── LinkReplaced          the institution gave a newer link
    ├── Forbidden                 a valid credential that does not reach this far
    │   └── UploadsDisabled       pictures cannot be uploaded on this server
    ├── NotFound                  no such session, peer or alert
    ├── Conflict                  not possible in the present state
    │   ├── InUse                 another device has the session; this one may take it over, once
    │   ├── ContinuedElsewhere    another device has the session, and keeps it
    │   ├── AttemptsSpent         a verification has no further attempt
    │   ├── VerificationExpired   its time is over
    │   ├── Withdrawn             the institution cancelled it
    │   ├── OpensNoCamera         a test of the sandbox: its outcome comes by itself
    │   ├── RestartUnsupported    an ICE restart: only a new offer makes another connection
    │   └── OwnershipLost         the session, or the lease that it was held by, is no longer the caller's
    ├── IdempotencyMismatch       an idempotency key that came with another request before
    ├── PreconditionRequired      a request that has to name the version that it is for
    ├── PreconditionFailed        a request for another version than there is
    ├── Misdirected               the session lives in another process
    ├── PayloadTooLarge           more bytes than allowed
    ├── UnsupportedContentType    another content type than the endpoint takes
    ├── ExpectationFailed         an `Expect` header that cannot be met
    ├── TooSlow                   the body of a request did not come in time
    ├── RateLimited               too many calls; carries `retry_after_s`
    │   └── TooManyUploads        too many pictures of one session at one time
    ├── AtCapacity                admission refused for now; carries `retry_after_s`
    ├── StorageUnavailable        the database is away, busy or full; carries `retry_after_s`
    ├── ProviderUnavailable       the OIDC provider is away; carries `retry_after_s`
    ├── SettingsError             a setting is unknown, missing or out of range
    ├── ModelError                a model file is missing, or is not the one that the lock names
    └── MediaError                a video file cannot be read

The mapping to HTTP stands in `signaling/errors.py`, and nowhere else.
"""

from __future__ import annotations


class KycError(Exception):
    """Base of all. `message` says what was wrong, `hint` what to do about it."""

    code = "internal_error"

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


class BadRequest(KycError):
    code = "bad_request"


class BadSdp(BadRequest):
    code = "bad_sdp"


class CandidatesRefused(BadSdp):
    code = "candidates_refused"


class VideoTooLarge(BadRequest):
    code = "video_too_large"


class BadImage(BadRequest):
    code = "bad_image"


class BadMessage(BadRequest):
    code = "bad_message"


class Unauthorised(KycError):
    code = "unauthorised"


class LinkExpired(Unauthorised):
    code = "link_expired"


class LinkReplaced(Unauthorised):
    code = "link_replaced"


class Forbidden(KycError):
    code = "forbidden"


class UploadsDisabled(Forbidden):
    code = "uploads_disabled"


class NotFound(KycError):
    code = "not_found"


class Conflict(KycError):
    code = "conflict"


class InUse(Conflict):
    code = "in_use"


class ContinuedElsewhere(Conflict):
    code = "continued_elsewhere"


class AttemptsSpent(Conflict):
    code = "attempts_spent"


class VerificationExpired(Conflict):
    code = "verification_expired"


class Withdrawn(Conflict):
    code = "withdrawn"


class OpensNoCamera(Conflict):
    code = "opens_no_camera"


class ConsentChanged(Conflict):
    code = "consent_changed"


class RestartUnsupported(Conflict):
    code = "restart_unsupported"


class OwnershipLost(Conflict):
    code = "ownership_lost"


class IdempotencyMismatch(KycError):
    code = "idempotency_mismatch"


class PreconditionRequired(KycError):
    code = "precondition_required"


class PreconditionFailed(KycError):
    code = "precondition_failed"


class Misdirected(KycError):
    code = "misdirected"


class PayloadTooLarge(KycError):
    code = "payload_too_large"


class UnsupportedContentType(KycError):
    code = "unsupported_content_type"


class ExpectationFailed(KycError):
    code = "expectation_failed"


class TooSlow(KycError):
    code = "too_slow"


class RateLimited(KycError):
    code = "rate_limited"

    def __init__(self, message: str, *, retry_after_s: int, hint: str = "") -> None:
        super().__init__(message, hint=hint)
        self.retry_after_s = retry_after_s


class TooManyUploads(RateLimited):
    code = "too_many_uploads"


class AtCapacity(KycError):
    code = "at_capacity"

    def __init__(self, message: str, *, retry_after_s: int, hint: str = "") -> None:
        super().__init__(message, hint=hint)
        self.retry_after_s = retry_after_s


class StorageUnavailable(KycError):
    """Nothing is wrong with what was asked: the same call may succeed later."""

    code = "storage_unavailable"

    def __init__(self, message: str, *, retry_after_s: int = 5, hint: str = "") -> None:
        super().__init__(message, hint=hint)
        self.retry_after_s = retry_after_s


class ProviderUnavailable(KycError):
    """Whoever comes by way of the OIDC provider cannot be checked now: the same call may succeed later."""

    code = "provider_unavailable"

    def __init__(self, message: str, *, retry_after_s: int = 5, hint: str = "") -> None:
        super().__init__(message, hint=hint)
        self.retry_after_s = retry_after_s


class SettingsError(KycError):
    code = "settings"


class ModelError(KycError):
    code = "model"


class MediaError(KycError):
    code = "media"
