"""App and user together: access tokens for as long as a user's refresh token is valid.

Partner Center, "Enabling the secure application model": a user signs in once with a second factor, the refresh token
of that sign-in is kept in Key Vault, and each exchange of it gives an access token and a newer refresh token. The older
token stays valid for its own 90 days, so the newer need only be stored occasionally, and instances need not coordinate.
"""

import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from time import monotonic

from shared.partner_center.errors import NeverSent, PartnerCenterError, Unauthorised
from shared.partner_center.sign_in.refresh_tokens import KeyVaultRefreshTokens, RefreshToken
from shared.partner_center.sign_in.source import RENEWAL_SECONDS

KEPT_AT_MOST_EVERY = timedelta(days=1)
"""How often a newer refresh token is written back. It lives 90 days, so one a day is far more than needed."""

RENEWED_BEFORE_ITS_END = 300.0
"""Seconds; a shorter-lived token is renewed at half of its life."""

TRIED_AGAIN_AFTER = 60.0
"""Seconds between attempts to renew a token that is still valid."""

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Exchanged:
    """The result of exchanging a refresh token; `lifetime` in seconds."""

    access_token: str
    lifetime: float
    refresh_token: str | None

    def __repr__(self) -> str:
        return f"Exchanged(lifetime={self.lifetime})"


Exchange = Callable[[str], Exchanged]
"""Exchanges a refresh token. Raises Unauthorised when a person must act, NeverSent when there is no answer now."""


@dataclass(frozen=True, slots=True)
class _Held:
    """An access token, timed by a monotonic clock: a wrong system clock changes nothing."""

    token: str
    made_at: float
    renew_at: float
    ends_at: float


@dataclass(frozen=True, slots=True)
class _Failure:
    """An error to raise again without another request, until `until` and for the threads that waited."""

    kind: type[Unauthorised | NeverSent]
    message: str
    code: str | None
    until: float

    def error(self) -> Unauthorised | NeverSent:
        return self.kind(self.message, code=self.code)


class AppUser:
    """Tokens of a user's sign-in. One thread renews at a time; the others use the old token while it is valid."""

    def __init__(
        self,
        exchange: Exchange,
        store: KeyVaultRefreshTokens,
        clock: Callable[[], float] = monotonic,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        """`clock` is monotonic, in seconds; `now` is compared only with the times of the store."""
        self._exchange = exchange
        self._store = store
        self._clock = clock
        self._now = now
        self._renewing = threading.Lock()
        self._held: _Held | None = None
        self._failure: _Failure | None = None

    def token(self) -> str:
        held = self._held
        if held is not None and self._clock() < held.renew_at:
            return held.token
        good = held if held is not None and self._clock() < held.ends_at else None
        failure = self._failure
        if not self._renewing.acquire(blocking=good is None):
            assert good is not None  # noqa: S101 - narrows the type; without a valid token this thread waited for the lock
            return good.token
        try:
            if self._held is not None and self._held is not held:
                return self._held.token  # renewed by the thread that held the lock
            if self._failure is not None and self._failure is not failure:
                raise self._failure.error()  # not renewed: else each thread in turn would wait as long
            return self._renewed(good)
        finally:
            self._renewing.release()

    def renew(self) -> None:
        with self._renewing:
            if self._held is not None and self._clock() - self._held.made_at >= RENEWAL_SECONDS:
                self._held = None

    def _renewed(self, good: _Held | None) -> str:
        """A new token; if none is available, the `good` one until it expires."""
        try:
            self._held = self._fetch()
        except (Unauthorised, NeverSent) as error:
            if good is None:
                self._held = None
                raise
            logger.warning(
                "The next token could not be had; the current one is still good",
                extra={"said": str(error), "seconds_left": round(good.ends_at - self._clock())},
            )
            self._held = replace(good, renew_at=min(self._clock() + TRIED_AGAIN_AFTER, good.ends_at))
        return self._held.token

    def _fetch(self) -> _Held:
        if self._failure is not None and self._clock() < self._failure.until:
            raise self._failure.error()
        try:
            stored = self._store.read()
            exchanged = self._exchange(stored.value)
        except (Unauthorised, NeverSent) as error:
            seconds = RENEWAL_SECONDS if isinstance(error, Unauthorised) else 0
            self._failure = _Failure(type(error), str(error), error.code, self._clock() + seconds)
            raise
        self._failure = None
        self._keep(stored, exchanged.refresh_token)
        made_at = self._clock()
        margin = min(RENEWED_BEFORE_ITS_END, exchanged.lifetime / 2)
        ends_at = made_at + exchanged.lifetime
        return _Held(exchanged.access_token, made_at, ends_at - margin, ends_at)

    def _keep(self, stored: RefreshToken, newer: str | None) -> None:
        """Store the newer refresh token when the stored one is old. If that fails, the stored token stays valid."""
        if newer is None or self._now() - stored.stored_at < KEPT_AT_MOST_EVERY:
            return
        try:
            self._store.write(newer)
        except PartnerCenterError as error:
            logger.warning(
                "The new refresh token could not be kept; the old one stays good and the next renewal tries again",
                extra={"said": str(error), "stored_at": stored.stored_at.isoformat()},
            )
