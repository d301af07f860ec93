"""Takes messages out of an inbox one by one, and settles each by what came of it."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Final

from ee_core.contracts.outage import level_of
from ee_core.errors import BrokerError, LedgerError, MessageError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

    from ee_core.contracts.broker import Delivery

_LOG: Final = logging.getLogger(__name__)
_RETRY_S: Final = 1.0  # before a message that could not be handled comes again


async def take(deliveries: AsyncIterator[Delivery], handle: Callable[[bytes], Awaitable[None]]) -> None:
    """Handle messages until the consumer ends; none of them can end it.

    Args:
        handle: Raises `MessageError` for one that nobody can use, and `LedgerError` or `BrokerError` for one that
            shall come again.
    """
    async for delivery in deliveries:
        try:
            await _settle(delivery, handle)
        except BrokerError as error:
            # it comes again, and is judged by what is known then
            _LOG.log(
                level_of(error), "a message was not settled: %s", error, extra={"action": "settle_failed"}
            )


async def _settle(delivery: Delivery, handle: Callable[[bytes], Awaitable[None]]) -> None:
    try:
        await handle(delivery.body)
    except MessageError as error:
        _LOG.warning(
            "a message on %r is set aside: %s", delivery.subject, error, extra={"action": "message_rejected"}
        )
        await delivery.reject(str(error))
    except (LedgerError, BrokerError) as error:
        _LOG.log(
            level_of(error),
            "a message on %r waits: %s",
            delivery.subject,
            error,
            extra={"action": "message_waits"},
        )
        await delivery.retry(delay_s=_RETRY_S)
    else:
        await delivery.ack()
