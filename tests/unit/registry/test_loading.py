"""What is wrong with a plugin is told at load, with the cure."""

from __future__ import annotations

import logging

import pytest

from ee_core.errors import (
    ConfigError,
    PluginConflictError,
    PluginContractError,
    PluginLoadError,
    PluginNotFoundError,
)
from ee_core.local.env import SystemEnv

CATALOGUE = """
    from ee_core.hookspecs import hookimpl

    class Empty:
        async def __aenter__(self): return self
        async def __aexit__(self, *error): pass
        async def find(self, name, version=""): return None
        async def list(self): return []
        async def close(self): pass

    @hookimpl
    def ee_open_catalogue(settings):
        made = Empty()
        made.settings = settings
        return made
"""
HOOKS = """
    from ee_core.hookspecs import hookimpl

    @hookimpl
    def ee_on_incident(job, incident): pass
"""


def test_a_driver_is_opened_with_its_settings(install, make_registry) -> None:
    install("ee-mine", {"ee.catalogues:mine": "mine"}, mine=CATALOGUE)

    registry = make_registry()
    opened = registry.open_catalogue("mine", {"folder": "there"})

    assert opened.settings == {"folder": "there"}
    assert [(row.kind, row.name, row.state) for row in registry.rows()] == [("catalogue", "mine", "loaded")]


def test_only_the_named_plugin_is_imported_and_called(install, make_registry) -> None:
    install("ee-mine", {"ee.catalogues:mine": "mine"}, mine=CATALOGUE)
    install(
        "ee-other",
        {"ee.catalogues:other": "other"},
        other=CATALOGUE.replace("made = Empty()", "raise OSError"),
    )
    install("ee-bomb", {"ee.catalogues:bomb": "bomb"}, bomb="raise RuntimeError('imported')")
    registry = make_registry()
    with pytest.raises(PluginLoadError):
        registry.open_catalogue("other", {})

    assert registry.open_catalogue("mine", {}).settings == {}
    assert {row.name: str(row.state) for row in registry.rows()} == {
        "mine": "loaded",
        "other": "quarantined",
        "bomb": "available",
    }


def test_a_missing_plugin_names_the_installed_ones_and_the_nearest(install, make_registry) -> None:
    install("ee-mine", {"ee.catalogues:mine": "mine"}, mine=CATALOGUE)

    with pytest.raises(PluginNotFoundError) as caught:
        make_registry().open_catalogue("mien", {})

    assert str(caught.value) == "catalogue 'mien' is not installed; installed: 'mine'; did you mean 'mine'?"


def test_a_missing_plugin_of_ours_names_its_package(make_registry) -> None:
    with pytest.raises(PluginNotFoundError, match="installed: none; pip install ee-nats"):
        make_registry().open_broker("nats", {}, SystemEnv())


def test_two_distributions_with_one_name_conflict_and_neither_is_chosen(
    install, make_registry, caplog: pytest.LogCaptureFixture
) -> None:
    install("ee-mine", {"ee.catalogues:mine": "mine"}, mine=CATALOGUE)
    install("ee-between", {"ee.catalogues:other": "mine"})
    install("ee-yours", {"ee.catalogues:mine": "yours"}, version="2.0", yours=CATALOGUE)

    registry = make_registry()

    with pytest.raises(PluginConflictError) as caught:
        registry.open_catalogue("mine", {})
    assert "offered by ee-mine 1.0 (mine) and by ee-yours 2.0 (yours)" in caught.value.cause
    assert [row.distribution for row in registry.rows() if row.state == "quarantined"] == [
        "ee-mine",
        "ee-yours",
    ]
    assert len(caplog.records) == 1


def test_a_conflict_ends_when_one_distribution_is_disabled(install, make_registry) -> None:
    install("ee-mine", {"ee.catalogues:mine": "mine"}, mine=CATALOGUE)
    install("ee-yours", {"ee.catalogues:mine": "yours"}, yours=CATALOGUE)

    registry = make_registry(plugins={"disabled": ["ee_yours"]})

    assert type(registry.open_catalogue("mine", {})).__module__ == "mine"
    assert [str(row.state) for row in registry.rows()] == ["loaded", "disabled"]


def test_a_disabled_plugin_is_not_imported_and_says_so(install, make_registry) -> None:
    install("ee-mine", {"ee.catalogues:mine": "mine"}, mine="raise RuntimeError('imported')")

    registry = make_registry(plugins={"disabled": ["mine"]})

    with pytest.raises(PluginNotFoundError, match=r"is disabled; take it out of plugins\.disabled"):
        registry.open_catalogue("mine", {})
    assert [str(row.state) for row in registry.check_all()] == ["disabled"]


def test_one_kind_of_a_name_may_be_disabled(install, make_registry) -> None:
    install("ee-mine", {"ee.catalogues:mine": "mine", "ee.locks:mine": "mine"}, mine=CATALOGUE)

    registry = make_registry(plugins={"disabled": ["lock:mine"]})

    assert [(row.kind, str(row.state)) for row in registry.rows()] == [
        ("lock", "disabled"),
        ("catalogue", "available"),
    ]


def test_disabling_what_is_not_installed_is_a_warning(
    make_registry, caplog: pytest.LogCaptureFixture
) -> None:
    make_registry(plugins={"disabled": ["gone"]})

    assert "'gone', which is not installed" in caplog.text


@pytest.mark.parametrize(
    ("source", "cause"),
    [
        ("import nothing_of_this_name", "ModuleNotFoundError: No module named 'nothing_of_this_name'"),
        ("def broken(:", "SyntaxError"),
        ("assert False, 'on purpose'", "AssertionError: on purpose"),
        ("import sys; sys.exit(3)", "SystemExit: 3"),
    ],
)
def test_a_failed_import_is_told_with_its_cause(install, make_registry, source: str, cause: str) -> None:
    install("ee-mine", {"ee.catalogues:mine": "mine"}, mine=source)
    registry = make_registry()

    with pytest.raises(PluginLoadError) as caught:
        registry.open_catalogue("mine", {})

    assert "catalogue 'mine' of ee-mine 1.0: 'mine' cannot be imported: " in caught.value.cause
    assert cause in caught.value.cause
    assert caught.value.__cause__ is not None
    assert (caught.value.group, caught.value.name, caught.value.distribution) == (
        "ee.catalogues",
        "mine",
        "ee-mine",
    )


def test_a_hook_plugin_that_fails_is_left_out_with_one_warning_and_a_row(
    install, make_registry, caplog: pytest.LogCaptureFixture
) -> None:
    install("ee-good", {"ee.hooks:ee-good": "good"}, good=HOOKS)
    install("ee-bad", {"ee.hooks:ee-bad": "bad"}, bad="import nothing_of_this_name")

    registry = make_registry()

    good, bad = sorted(registry.check_all(), key=lambda row: row.state)
    assert (good.name, good.state, good.cause, good.cure) == ("ee-good", "loaded", "", "")
    assert (bad.kind, bad.name, bad.distribution, bad.version) == ("hooks", "ee-bad", "ee-bad", "1.0")
    assert bad.state == "quarantined"
    assert "No module named 'nothing_of_this_name'" in bad.cause
    assert bad.cure == "mend or reinstall ee-bad, or put 'hooks:ee-bad' into plugins.disabled"
    assert [record.levelno for record in caplog.records] == [logging.WARNING]
    assert registry.hooks.is_used("ee_on_incident")


@pytest.mark.parametrize(
    ("change", "cause", "cure"),
    [
        (("EE", "EE"), "", ""),
        (("@hookimpl\n    def", "def"), "ee_on_incident is not marked", "put @hookimpl above it"),
        (("ee_on_incident", "ee_on_incidnet"), "unknown hook 'ee_on_incidnet'", "did you mean 'ee_on_incident'?"),
        (("(job, incident)", "(job, trouble)"), "Argument(s) {'trouble'}", "use the argument names"),
        (("def ee", "async def ee"), "ee_on_incident is a coroutine", "never awaited"),
        (("incident)", "incident=None)"), "gives a default to incident", "such arguments are not passed"),
        (
            ("@hookimpl\n    def ee_on_incident(job, incident): pass", "@hookimpl(wrapper=True)\n    def ee_on_incident(): yield"),
            "ee_on_incident is a wrapper",
            "no plugin may change another's answer",
        ),
        (("import hookimpl", "import hookimpl\n    EE_API = 2"), "written for plugin API 2, this EE has 1", "fit each other"),
        (
            ("ee_on_incident(job, incident)", "ee_open_catalogue(settings)"),
            "ee_open_catalogue is called for modules of the group ee.catalogues only",
            "add an entry point for 'mine' there",
        ),
    ],
)  # fmt: skip
def test_a_faulty_hook_module_is_quarantined_with_the_cure(
    install, make_registry, change: tuple[str, str], cause: str, cure: str
) -> None:
    install("ee-mine", {"ee.hooks:ee-mine": "mine"}, mine=HOOKS.replace(*change))

    (row,) = make_registry().rows()

    assert row.state == ("quarantined" if cause else "loaded"), row
    assert cause in row.cause
    assert cure in row.cure


def test_a_hook_in_a_drivers_module_that_nobody_would_call_is_told(install, make_registry) -> None:
    source = CATALOGUE + HOOKS
    install("ee-mine", {"ee.catalogues:mine": "mine"}, mine=source)
    registry = make_registry()
    with pytest.raises(
        PluginContractError, match=r"ee_on_incident is called for modules of the group ee\.hooks only"
    ):
        registry.open_catalogue("mine", {})


def test_one_module_may_stand_in_two_groups(install, make_registry) -> None:
    install("ee-mine", {"ee.catalogues:mine": "mine", "ee.hooks:ee-mine": "mine"}, mine=CATALOGUE + HOOKS)
    registry = make_registry()

    assert registry.open_catalogue("mine", {}).settings == {}
    assert registry.hooks.is_used("ee_on_incident")


def test_a_hook_module_bears_its_distributions_name(install, make_registry) -> None:
    install("ee-mine", {"ee.hooks:mine": "mine"}, mine=HOOKS)

    (row,) = make_registry().rows()

    assert row.cause.endswith("the entry point is called 'mine'")
    assert row.cure == "in the group ee.hooks give it its distribution's name, 'ee-mine'"


def test_a_module_with_hooks_is_asked_once_whoever_names_it(install, make_registry) -> None:
    install("ee-mine", {"ee.hooks:ee-mine": "mine"}, mine=HOOKS)
    install("ee-yours", {"ee.hooks:ee-yours": "mine"})

    rows = make_registry().rows()

    assert [str(row.state) for row in rows] == ["quarantined", "quarantined"]


@pytest.mark.parametrize(
    ("change", "cause"),
    [
        (("return made", "return None"), "ee_open_catalogue returned None"),
        (("async def list", "async def lost"), "its Empty is no Catalogue: it has no list"),
        (("async def close(self): pass", "close = 3"), "it has close cannot be called"),
        (("async def __aexit__(self, *error): pass", ""), "it has no __aexit__"),
        (("made = Empty()", "raise ValueError('no folder')"), "cannot be opened: ValueError: no folder"),
    ],
)
def test_a_driver_that_breaks_its_contract_is_told(
    install, make_registry, change: tuple[str, str], cause: str
) -> None:
    install("ee-mine", {"ee.catalogues:mine": "mine"}, mine=CATALOGUE.replace(*change))
    registry = make_registry()

    with pytest.raises((PluginContractError, PluginLoadError)) as caught:
        registry.open_catalogue("mine", {})

    assert cause in caught.value.cause
    assert [row.cause for row in registry.rows()] == [caught.value.cause]


def test_a_module_without_the_opening_hook_is_told(install, make_registry) -> None:
    install("ee-mine", {"ee.catalogues:mine": "mine"}, mine="")

    with pytest.raises(PluginContractError, match="'mine' has no implementation of ee_open_catalogue"):
        make_registry().open_catalogue("mine", {})


def test_an_entry_point_that_names_no_module_is_told(install, make_registry) -> None:
    install("ee-mine", {"ee.catalogues:mine": "mine:Empty"}, mine=CATALOGUE)

    with pytest.raises(PluginContractError, match="names 'mine:Empty', a type; let it name the module"):
        make_registry().open_catalogue("mine", {})


def test_a_wrong_setting_stays_a_configuration_error(install, make_registry) -> None:
    source = CATALOGUE.replace(
        "made = Empty()",
        "from ee_core.errors import ConfigError\n        raise ConfigError('catalogue.folder is missing')",
    )
    install("ee-mine", {"ee.catalogues:mine": "mine"}, mine=source)

    with pytest.raises(ConfigError, match=r"catalogue\.folder is missing"):
        make_registry().open_catalogue("mine", {})
