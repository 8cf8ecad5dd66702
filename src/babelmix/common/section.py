"""The form of every section of params.yaml: frozen, and closed to names that it does not know."""

from pydantic import BaseModel, ConfigDict


class Section(BaseModel):
    """Settings of one room. A wrong type, an unknown name, NaN and infinity are refused."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)
