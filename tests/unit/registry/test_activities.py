"""Activity types and expression languages: opened once, with their own settings; one that fails counts as missing."""

from __future__ import annotations

import pytest

from ee_core.errors import PluginContractError, PluginLoadError

ACTIVITIES = """
    from ee_core.contracts.activity import ActivityTraits
    from ee_core.hookspecs import hookimpl

    class Activity:
        input_schema = None
        output_schema = None
        def __init__(self, name, settings):
            self.name = name
            self.settings = settings
        def traits_for(self, template): return ActivityTraits()
        async def run(self, context, value): return value

    opened = []

    @hookimpl
    def ee_open_activity(name, settings):
        opened.append(name)
        return Activity(name, settings)
"""
LANGUAGE = """
    from ee_core.hookspecs import hookimpl

    class Language:
        name = "mine"
        def compile(self, source, names, *, want_bool=False): return None

    @hookimpl
    def ee_open_expressions(settings):
        made = Language()
        made.settings = settings
        return made
"""


def test_one_module_may_stand_behind_several_names(install, make_registry) -> None:
    install("ee-mine", {"ee.activities:b": "mine", "ee.activities:a": "mine"}, mine=ACTIVITIES)

    found = make_registry(activities={"a": {"x": 1}}).installed_activities()

    assert [(name, activity.name, activity.settings) for name, activity in found.items()] == [
        ("a", "a", {"x": 1}),
        ("b", "b", {}),
    ]


def test_a_type_is_opened_once(install, make_registry) -> None:
    install("ee-mine", {"ee.activities:a": "mine"}, mine=ACTIVITIES)
    registry = make_registry()

    assert registry.open_activity("a") is registry.open_activity("a")
    assert registry.installed_activities()["a"] is registry.open_activity("a")


def test_a_type_that_is_not_installed_is_none_and_explained(make_registry) -> None:
    registry = make_registry()

    assert registry.open_activity("http") is None
    assert registry.explain_missing("ee.activities", "http") == (
        "activity 'http' is not installed; installed: none; pip install ee-activity-http"
    )
    assert registry.explain_missing("ee.activities", "sap.post").endswith(
        "install a package with the entry point 'sap.post' in the group 'ee.activities'"
    )


def test_a_type_that_fails_counts_as_missing_and_hides_no_other(
    install, make_registry, caplog: pytest.LogCaptureFixture
) -> None:
    install("ee-mine", {"ee.activities:good": "mine"}, mine=ACTIVITIES)
    install("ee-bad", {"ee.activities:bad": "bad"}, bad="raise RuntimeError('on purpose')")
    registry = make_registry()

    assert list(registry.installed_activities()) == ["good"]
    assert registry.open_activity("bad") is None
    assert "on purpose" in registry.explain_missing("ee.activities", "bad")
    assert registry.explain_missing("ee.activities", "good") == ""
    assert len(caplog.records) == 1


def test_a_type_that_the_configuration_names_and_that_fails_is_fatal(install, make_registry) -> None:
    install("ee-bad", {"ee.activities:bad": "bad"}, bad="raise RuntimeError('on purpose')")

    with pytest.raises(PluginLoadError, match="on purpose"):
        make_registry(activities={"bad": {"x": 1}}).installed_activities()


def test_a_type_must_bear_the_entry_points_name(install, make_registry) -> None:
    source = ACTIVITIES.replace("Activity(name, settings)", "Activity('other', settings)")
    install("ee-mine", {"ee.activities:a": "mine"}, mine=source)

    with pytest.raises(PluginContractError, match="its member name is 'other'; let it be 'a'"):
        make_registry(activities={"a": {}}).open_activity("a")


def test_settings_that_nobody_reads_are_a_warning(make_registry, caplog: pytest.LogCaptureFixture) -> None:
    make_registry(activities={"htpp": {"allow": []}})

    assert "settings that nobody reads: activity 'htpp' is not installed" in caplog.text


def test_a_language_is_opened_once_with_its_settings(install, make_registry) -> None:
    install("ee-mine", {"ee.expressions:mine": "mine"}, mine=LANGUAGE)
    registry = make_registry(expressions={"mine": {"budget": 5}})

    language = registry.open_expressions("mine")

    assert language.settings == {"budget": 5}
    assert registry.open_expressions("mine") is language
