"""What a fact means for a job: the events to record, decided without changing anything.

One module per kind of fact. `decide` is the only way in; what it returns is one record.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from ee_core.model import facts
from ee_core.model.decide import bot, command, operator, response, silence, time
from ee_core.model.decide.ignored import Ignored, Reason
from ee_core.model.events import AnyEvent
from ee_core.model.facts import AnyFact, Fact
from ee_core.model.job import Job

__all__ = ["Ignored", "Reason", "decide"]

_DECIDE: Final[Mapping[type[Fact], Callable[[Job, Any], tuple[AnyEvent, ...] | Ignored]]] = {
    facts.ExecuteCommanded: command.decide_execute,
    facts.JobAdmitted: command.decide_admitted,
    facts.CancelCommanded: command.decide_cancel,
    facts.OperatorCommanded: operator.decide_operator,
    facts.BotGranted: bot.decide_granted,
    facts.BotMissing: bot.decide_missing,
    facts.BotFound: bot.decide_found,
    facts.PluginMissing: bot.decide_plugin_missing,
    facts.PluginFound: bot.decide_plugin_found,
    facts.ResponseReceived: response.decide_response,
    facts.AttemptSilent: silence.decide_silence,
    facts.IdleProved: silence.decide_idle,
    facts.DrainTimedOut: silence.decide_drain_timeout,
    facts.TimerDue: time.decide_due,
}


def decide(job: Job, fact: AnyFact) -> tuple[AnyEvent, ...] | Ignored:
    """Decide a fact.

    Args:
        job: Read, never changed; its `workflow` is set unless it is and stays a tombstone.
        fact: Told by the outside world.

    Returns:
        The events of one record, never empty; or why the fact changes nothing.
    """
    if job.is_blank and not isinstance(fact, facts.ExecuteCommanded | facts.CancelCommanded):
        return Ignored("unknown_job")
    return _DECIDE[type(fact)](job, fact)
