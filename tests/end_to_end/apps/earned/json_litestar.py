"""Listeners that take JSON: an object with a key, a model, and what cannot be guessed."""

from dataclasses import dataclass

from litestar import Litestar, websocket_listener
from litestar.dto import DataclassDTO


@dataclass
class Note:
    text: str
    size: int


@websocket_listener("/object")
async def answer(data: dict[str, str]) -> str:
    return data["text"]


@websocket_listener("/model", dto=DataclassDTO[Note])
async def note(data: Note) -> str:
    return data.text * data.size


@websocket_listener("/riddle")
async def riddle(data: str) -> str:
    if data != "abracadabra"[::-1]:
        raise ValueError(data)
    return data


app = Litestar([answer, note, riddle])
