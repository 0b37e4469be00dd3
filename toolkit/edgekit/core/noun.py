"""What every noun is: frozen, checked when made, and the same after a JSON round trip."""

from typing import Self

from pydantic import BaseModel, ConfigDict


class Noun(BaseModel):
    """An immutable record. Unknown fields are refused, so a misspelt one cannot pass unseen."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    def to_json(self) -> str:
        """Return the record as indented JSON with a final newline."""
        return self.model_dump_json(indent=2) + "\n"

    @classmethod
    def from_json(cls, text: str | bytes) -> Self:
        """Read what `to_json` wrote. Raises `pydantic.ValidationError` for anything else."""
        return cls.model_validate_json(text)
