"""A bot's ledger that outlives its process and may refuse to be written: the disk of a simulated bot."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ee_core.bot.ledger import Ledger
from ee_core.errors import LedgerError
from ee_core.simulation.faults import CALM, Fault

if TYPE_CHECKING:
    from ee_core.bot.entry import AttemptKey, Entry
    from ee_core.simulation.faults import Faults
    from ee_core.simulation.life import Life


class FaultyLedger(Ledger):
    """The ledger itself, with a gate before it; opened by `open_ledger`.

    Attributes:
        faults: Which may strike.
        life: The process that has it; None lets everybody in.
    """

    faults: Faults = CALM
    life: Life | None = None

    def hand_over(self, life: Life, faults: Faults) -> None:
        """Let a new process have it; what the last one had not written is gone."""
        self.life, self.faults = life, faults
        self._acked.clear()

    def find(self, key: AttemptKey) -> Entry | None:
        self._pass()
        return super().find(key)

    def put(self, entry: Entry) -> None:
        if entry.response is None:
            self.faults.strikes(Fault.BOT_CRASH, str(entry.key))
        self._pass_to_write()
        super().put(entry)

    def claim(self, lease: int) -> None:
        self._pass_to_write()
        super().claim(lease)

    def set_acked(self, key: AttemptKey) -> None:
        self._pass()
        super().set_acked(key)

    def open_entries(self) -> list[Entry]:
        self._pass()
        return super().open_entries()

    def _pass(self) -> None:
        if self.life is not None:
            self.life.check(LedgerError)

    def _pass_to_write(self) -> None:
        self._pass()
        if self.faults.hits(Fault.LEDGER_FAILED):
            raise LedgerError("no space left on device")
