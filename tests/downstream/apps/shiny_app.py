"""shiny: an output that follows an input, and a clock."""

import json

from shiny import App, reactive, render, ui

app_ui = ui.page_fluid(
    ui.input_slider("n", "N", 0, 100, 20), ui.output_text_verbatim("txt"), ui.output_text("clock")
)


def server(input, output, session):
    @render.text
    def txt():
        return f"n*2 is {input.n() * 2}"

    @render.text
    def clock():
        reactive.invalidate_later(1)
        return "tick"


app = App(app_ui, server)


async def browse(http, ws):
    await ws.connect("/websocket/")
    assert "config" in json.loads(await ws.recv())
    data = {
        "n:shiny.number": 20,
        ".clientdata_output_txt_hidden": False,
        ".clientdata_output_clock_hidden": False,
        ".clientdata_pixelratio": 1,
        ".clientdata_url_protocol": "http:",
        ".clientdata_url_hostname": "localhost",
        ".clientdata_url_port": "",
        ".clientdata_url_pathname": "/",
        ".clientdata_url_search": "",
        ".clientdata_url_hash_initial": "",
        ".clientdata_singletons": "",
    }
    await ws.send(json={"method": "init", "data": data})
