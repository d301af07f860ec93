"""The conformance kit that plugin authors import: one class per kind of plugin, one test per numbered clause.

Install it with ``ee-core[testing]``. Nothing is loaded into pytest by itself: subclass a kit's class in a test module.
"""

from __future__ import annotations

import pkgutil

import pytest

# By module, before any is loaded, so that a failed assertion of an installed kit explains itself; the package's own
# name would come too late, since it is being imported.
pytest.register_assert_rewrite(*(f"{__name__}.{module.name}" for module in pkgutil.iter_modules(__path__)))
