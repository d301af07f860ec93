"""The base of the conformance kit."""

import types

import pytest

from ee_core.testing.conformance import Conformance, clauses_in, clauses_tested, need


class Kit(Conformance):
    def test_k1_first(self):
        pass

    async def test_k2_second(self):
        pass


def test_replacing_a_clause_is_refused():
    with pytest.raises(TypeError, match="Weaker replaces test_k1_first"):
        type("Weaker", (Kit,), {"test_k1_first": lambda self: None})


def test_removing_a_clause_is_refused():
    with pytest.raises(TypeError, match="replaces test_k2_second"):
        type("Weaker", (Kit,), {"test_k2_second": None})


def test_replacing_a_clause_through_a_mixin_is_refused():
    class Mixin:
        def test_k1_first(self):
            pass

    with pytest.raises(TypeError, match="replaces test_k1_first"):
        type("Weaker", (Mixin, Kit), {})


def test_replacing_a_clause_without_a_reason_is_refused():
    @pytest.mark.xfail
    def test_k1_first(self):
        pass

    with pytest.raises(TypeError, match="reason"):
        type("Weaker", (Kit,), {"test_k1_first": test_k1_first})


def test_replacing_a_clause_with_a_reason_is_accepted():
    @pytest.mark.xfail(reason="the vendor's server forgets")
    def test_k1_first(self):
        pass

    honest = type("Honest", (Kit,), {"test_k1_first": test_k1_first})

    assert honest.test_k1_first is test_k1_first


def test_tests_of_its_own_may_be_added_and_replaced():
    class Mine(Kit):
        def test_extra(self):
            pass

    class Other(Mine):
        def test_extra(self):
            pass

    assert Other.test_extra is not Mine.test_extra


def test_async_tests_are_marked_and_others_are_not():
    assert [mark.name for mark in Kit.test_k2_second.pytestmark] == ["asyncio"]
    assert not hasattr(Kit.test_k1_first, "pytestmark")


def test_need_skips_and_names_the_trait():
    traits = types.SimpleNamespace(durable=False, shared=True)

    need(traits, shared=True)
    with pytest.raises(pytest.skip.Exception, match="trait durable is False"):
        need(traits, shared=True, durable=True)


def test_clauses_are_read_from_module_and_classes_and_references_left_out(tmp_path, monkeypatch):
    (tmp_path / "some_contract.py").write_text(
        '"""Promises.\n\n[K1] It holds; see [K9] too.\n[K2] It stays.\n"""\n'
        'class Thing:\n    """A thing.\n\n    [K3] It ends. [K4] It begins.\n    """\n\n'
        '    def use(self):\n        """Use it, [K5] says how."""\n'
    )
    monkeypatch.syspath_prepend(tmp_path)
    import some_contract

    assert clauses_in(some_contract) == ("K1", "K2", "K3", "K4")


def test_tested_clauses_are_read_from_names():
    assert clauses_tested(vars(Kit)) == ("K1", "K2")
    assert clauses_tested({"test_k10_more": test_need_skips_and_names_the_trait, "test_k11_no": 3}) == (
        "K10",
    )
