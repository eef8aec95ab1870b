"""Hook of hatchling: the built admin page goes into sdist and wheel, where there is one (make web).

Without Node there is none, and the package is complete otherwise.
"""

from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

_BUILT = "typescript/web/dist"
_PLACES = {"wheel": "khala_pg/_web", "sdist": _BUILT}


class PageHook(BuildHookInterface[Any]):
    """Adds the files of the page."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        built = Path(self.root) / _BUILT
        # An editable install finds them in the checkout.
        if version == "standard" and (built / "index.html").is_file():
            build_data["force_include"][str(built)] = _PLACES[self.target_name]
