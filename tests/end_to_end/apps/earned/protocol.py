"""What the messages of ``tables_fastapi`` are: in a file of its own, as in most applications."""

from enum import StrEnum
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field


class Op(StrEnum):
    JOIN = "join"
    SAY = "say"


class Strict(BaseModel):
    model_config = ConfigDict(extra="forbid")
    note: str = ""


class Say(Strict):
    op: Literal[Op.SAY]
    text: str


class Join(Strict):
    op: Literal[Op.JOIN]
    room: int


Message = Annotated[Say | Join, Field(discriminator="op")]
