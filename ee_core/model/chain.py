"""Follows the commits of one partition and refuses the first that does not fit.

Every journal reads through it, so that all find the same damage: a changed byte, a commit that is missing, doubled,
moved or foreign. It keeps no commit; how they are stored is the journal's own affair.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ee_core.errors import JournalCorruptError
from ee_core.model.record import Framed, chain, residue, unframe

if TYPE_CHECKING:
    from collections.abc import Sequence


class ChainCheck:
    """Stands after one commit of a partition; `follow` goes one commit on.

    Attributes:
        position: Of the last commit that fitted.
        epoch: Of that commit.
        link: The chain's hash up to it.
    """

    def __init__(self, partition: int, *, position: int, epoch: int, link: bytes) -> None:
        """Begin after a commit that is trusted, or with position and epoch 0 and `chain_start`."""
        self.position = position
        self.epoch = epoch
        self.link = link
        self._partition = partition

    def follow(
        self, position: int, epoch: int, frames: Sequence[bytes], link: bytes, left: bytes | None = None
    ) -> tuple[Framed, ...]:
        """Return what the frames of the next commit hold.

        Args:
            position: Of the commit.
            epoch: Of its writer.
            frames: Of its records, in order.
            link: The chain's hash up to it, as stored.
            left: The `residue`, if records of it were pruned.

        Raises:
            JournalCorruptError: It does not fit; carries its position.
        """
        if position <= self.position:
            raise self._damage(position, f"it comes after commit {self.position}")
        if epoch < self.epoch:
            raise self._damage(position, f"its epoch {epoch} is foreign, the commit before has {self.epoch}")
        found = tuple(self._unframe(position, data) for data in frames)
        fits = (
            chain(self.link, position, epoch, frames) == link
            if left is None
            else residue(self.link, link, position, epoch, frames) == left
        )
        if not fits:
            raise self._damage(
                position,
                f"its hash does not follow commit {self.position}: one is missing, changed or foreign",
            )
        self.position, self.epoch, self.link = position, epoch, link
        return found

    def _unframe(self, position: int, data: bytes) -> Framed:
        try:
            return unframe(data)
        except JournalCorruptError as error:
            raise self._damage(position, str(error)) from error

    def _damage(self, position: int, reason: str) -> JournalCorruptError:
        return JournalCorruptError(
            f"partition {self._partition}, commit {position}: {reason}", position=position
        )
