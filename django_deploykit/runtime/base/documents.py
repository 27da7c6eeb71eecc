"""The type of parsed JSON and TOML that nothing has checked yet."""

from typing import Any, Dict

# Other programs write these documents. A reader checks the values that it takes.
Document = Dict[str, Any]
