"""The base class of every section of params.yaml: frozen, and unknown names are refused."""

from pydantic import BaseModel, ConfigDict


class Section(BaseModel):
    """Settings of one subpackage. A wrong type, an unknown name, NaN and infinity are refused."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)
