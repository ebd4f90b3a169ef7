"""What several handlers share."""


class Lobby:
    def __init__(self):
        self.members = set()

    async def enter(self, websocket):
        await websocket.accept()
        self.members.add(websocket)

    async def tell(self, text):
        for member in self.members:
            await member.send_text(text)

    async def drop(self, websocket):
        self.members.discard(websocket)
        await websocket.close(code=1000)
