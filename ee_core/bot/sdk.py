"""How a bot is written: functions with names, and nothing else.

    bot = Bot("pc-7", labels={"app": "sap"})

    @bot.activity("invoice.read")
    def read(ctx: Context, path: str, pages: int = 1) -> dict[str, str]:
        ...

What the functions take and return is in `ee_core.bot.functions`; who carries them out is `ee_core.bot.host`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, TypeVar

from ee_core.bot.context import Context
from ee_core.bot.ending import run_to_end
from ee_core.bot.entry import plain_size
from ee_core.bot.functions import FunctionActivity
from ee_core.bot.process import serve
from ee_core.bot.profile import Profile
from ee_core.contracts.activity import ActivityTraits
from ee_core.errors import EngineError, InputError, NotFoundError, PluginContractError
from ee_core.messages.subjects import Subjects, check_token, check_type

if TYPE_CHECKING:
    from pathlib import Path

    from ee_core.bot.lifetime import HostSettings
    from ee_core.bot.secrets import Resolver
    from ee_core.contracts.activity import ActivityType
    from ee_core.contracts.broker import Broker
    from ee_core.contracts.env import Env

_Function = TypeVar("_Function", bound=Callable[..., Any])


class Bot:
    """A named set of activities. Making one touches nothing."""

    def __init__(
        self, name: str, *, labels: Mapping[str, str] | None = None, pool: str | None = None
    ) -> None:
        """Name the bot.

        Args:
            name: Its id, 1-64 of ``A-Za-z0-9_-``; only one process at a time may run under it.
            labels: What workflows may select by.
            pool: Short for the label ``pool``.

        Raises:
            MessageError: The name is not usable.
        """
        self.name = check_token(name, "bot id")
        self._labels = {**(labels or {}), **({} if pool is None else {"pool": pool})}
        self._activities: dict[str, FunctionActivity] = {}

    @property
    def activities(self) -> Mapping[str, ActivityType]:
        """The activity types by name."""
        return MappingProxyType(self._activities)

    def activity(
        self, name: str, *, stateless: bool = False, idempotent: bool = False
    ) -> Callable[[_Function], _Function]:
        """Make a function an activity; the decorator returns it unchanged.

        The function may be async, or an ordinary one, which is called in a thread. Its parameters are taken by name
        from the input and converted to their types; one of type `Context` gets the context. Its result is converted
        to plain JSON.

        An engine does not hear what is said here with `stateless` and `idempotent`: of a bot it knows the names of its
        activities alone, also of one whose file ``eectl run --bot FILE`` was given. Write ``on_lost: retry`` at the nodes;
        `check --bot FILE` then does not warn of it.

        Args:
            name: What workflow files say, as ``invoice.read``.
            stateless: Any process that has the function may do it; it needs no bot.
            idempotent: It may be carried out more than once.

        Raises:
            MessageError: The name is not usable.
            PluginContractError: The name is taken or left out, or the signature cannot be understood.
        """
        if callable(name):  # the decorator without its brackets
            raise PluginContractError(
                f'bot {self.name!r}: a function needs a name for workflows; write @bot.activity("{getattr(name, "__name__", "NAME")}") above it'
            )
        check_type(name)
        if name in self._activities:
            raise PluginContractError(
                f"bot {self.name!r} has an activity {name!r} already; give one of them another name",
                name=name,
            )

        def register(function: _Function) -> _Function:
            traits = ActivityTraits(stateless=stateless, idempotent=idempotent)
            self._activities[name] = FunctionActivity(name, function, traits)
            return function

        return register

    def profile(self, *, bot: str | None = None) -> Profile:
        """Return what a host needs to be this bot, maybe under another id."""
        return Profile(
            id=self.name if bot is None else check_token(bot, "bot id"),
            activities=self.activities,
            labels=MappingProxyType(self._labels),
        )

    def run(
        self,
        *,
        broker: Broker,
        env: Env,
        folder: Path,
        prefix: str = "",
        settings: HostSettings | None = None,
        secrets: Resolver | None = None,
    ) -> None:
        """Be this bot until SIGTERM or SIGINT; `eectl bot run FILE` does it with everything filled in.

        The first signal lets the running attempt finish, the second stops it.

        Args:
            broker: Not open yet.
            folder: Where the bot's ledger is kept, always the same for the same bot.
            prefix: The namespace's, before every subject.
            secrets: Puts values in the place of references to secrets, as `ee_core.bot.secrets.Secrets`; without it
                attempts that have some fail.

        Raises:
            LedgerError: The bot runs already, or its ledger cannot be used.
            BrokerUnavailableError: The broker cannot be reached.
        """
        subjects = Subjects(prefix)
        run_to_end(
            serve(
                self.profile(),
                broker=broker,
                subjects=subjects,
                env=env,
                folder=folder,
                settings=settings,
                secrets=secrets,
            )
        )

    def call(self, name: str, /, **inputs: Any) -> Any:
        """Carry out an activity here and now, without a broker: for unit tests.

        The inputs are converted and the result is plain JSON, as in a job; what the function raises is raised as it
        is.

        Raises:
            NotFoundError: There is no activity of that name.
            PermanentActivityError: The inputs do not fit; its code is ``bad_input``.
            InputError: Called in a running event loop; there use `call_async`.
        """
        if _is_in_loop():
            raise InputError("an event loop is running here; write `await bot.call_async(...)`")
        try:
            call = self._prepare(name, inputs)
        except EngineError as error:
            # a mistake of the caller's, told at the caller's line, without a wall of lines of ours and of a loop
            raise error.with_traceback(None) from None
        return asyncio.run(call())

    async def call_async(self, name: str, /, **inputs: Any) -> Any:
        """As `call`, in a running event loop."""
        return await self._prepare(name, inputs)()

    def _prepare(self, name: str, inputs: Mapping[str, Any]) -> Callable[[], Coroutine[Any, Any, Any]]:
        activity = self._activities.get(name)
        if activity is None:
            known = ", ".join(sorted(self._activities)) or "none"
            raise NotFoundError(f"bot {self.name!r} has no activity {name!r}; it has: {known}")
        context = Context(
            job="call", node="call", visit="call#1", attempt=1, idempotency_key="call/call#1", activity=name
        )
        arguments = activity.bind(context, inputs)

        async def call() -> Any:
            output, _ = plain_size(await activity.call(arguments))
            return output

        return call


def _is_in_loop() -> bool:
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True
