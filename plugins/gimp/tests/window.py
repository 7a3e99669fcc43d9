#!/usr/bin/env python3
"""Uses the plug-in in GIMP's windows on a virtual screen: undo and redo by key, the dialog by key; takes pictures.

window.py ROOT OUT: $GIMP2_DIRECTORY is a profile made by `profile`. OUT receives dialog.png and channels.png.
"""

import os
import socket
import struct
import subprocess
import sys
import time
from pathlib import Path

ROOT, OUT = (Path(argument).resolve() for argument in sys.argv[1:3])
PROFILE = Path(os.environ["GIMP2_DIRECTORY"])
PATIENCE = 90  # seconds


def fail(*words):
    sys.exit("gimp window: " + " ".join(str(word) for word in words))


def expect(got, wanted, what):
    if got != wanted:
        fail(what, "is", got, "instead of", wanted)


def wait_for(what, look):
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        found = look()
        if found:
            return found
        time.sleep(0.2)
    subprocess.run(["import", "-window", "root", OUT / "failed.png"], check=False)
    fail("no", what, "after", PATIENCE, "seconds")


class Gimp:
    """A connection to the Script-Fu server of a running GIMP."""

    def __init__(self, port):
        self.socket = wait_for("Script-Fu server", lambda: self.connect(port))

    @staticmethod
    def connect(port):
        try:
            return socket.create_connection(("127.0.0.1", port), timeout=PATIENCE)
        except OSError:
            return None

    def send(self, script):
        data = script.encode()
        self.socket.sendall(b"G" + struct.pack(">H", len(data)) + data)

    def receive(self):
        header = self.exactly(4)
        text = self.exactly(struct.unpack(">H", header[2:])[0]).decode()
        if header[1]:
            fail("GIMP says", text)
        return text

    def exactly(self, count):
        data = b""
        while len(data) < count:
            part = self.socket.recv(count - len(data))
            if not part:
                fail("GIMP has gone")
            data += part
        return data

    def call(self, script):
        self.send(script)
        return self.receive()

    def number(self, script):
        return int(self.call(f"(number->string (car {script}))").strip('"'))


def xdotool(*arguments):
    return subprocess.run(["xdotool", *map(str, arguments)], capture_output=True, text=True, check=False).stdout.split()


def window(name):
    return wait_for(f"window {name}", lambda: xdotool("search", "--onlyvisible", "--name", name))[-1]


def press(target, *keys):
    xdotool("windowactivate", "--sync", target)
    for key in keys:
        xdotool("key", key)


def picture(target, name):
    subprocess.run(["import", "-window", target, "-strip", "-define", "png:compression-level=9", OUT / name], check=True)


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def use(gimp):
    image = gimp.number(f'(gimp-file-load RUN-NONINTERACTIVE "{ROOT}/data/world-countries-2048.png" "map")')
    layer = gimp.number(f"(gimp-image-get-active-layer {image})")
    display = gimp.number(f"(gimp-display-new {image})")
    main = window("world-countries-2048")
    channels = lambda: gimp.number(f"(gimp-image-get-channels {image})")
    layers = lambda: gimp.number(f"(gimp-image-get-layers {image})")
    run = f"(plug-in-ctm-color-map-to-masks RUN-NONINTERACTIVE {image} {layer} 500 5 0 0 "

    def dump(name):
        gimp.call(f'(plug-in-ctm-test-dump 1 #({layer}) "{OUT}/{name}")')
        return (OUT / f"{name}.1").read_bytes()

    before = dump("before")
    for output, count, made in [(0, channels, 5), (1, layers, 2)]:
        bare = count()
        gimp.call(run + f"{output})")
        gimp.call("(gimp-displays-flush)")
        expect(count(), made, "the number of channels or layers after the call")
        for key, wanted in [("ctrl+z", bare), ("ctrl+y", made), ("ctrl+z", bare)]:
            press(main, key)
            wait_for(f"{wanted} channels or layers after {key}", lambda: count() == wanted)
    expect(dump("undone") == before, True, "whether undo leaves the colour map alone")
    expect(gimp.number(f"(gimp-image-get-active-drawable {image})"), layer, "the active drawable")

    # Cancelled: nothing happens.
    interactive = f"(plug-in-ctm-color-map-to-masks RUN-INTERACTIVE {image} {layer} 0 0 0 0 0)"
    gimp.send(interactive)
    time.sleep(0.5)
    press(window("Color Map to Masks"), "Escape")
    gimp.exactly(struct.unpack(">H", gimp.exactly(4)[2:])[0])
    expect(channels(), 0, "the number of channels after Cancel")

    # 24 masks, chosen in the dialog.
    gimp.send(interactive)
    dialog = window("Color Map to Masks")
    press(dialog, "alt+w", "2", "4", "Tab")
    time.sleep(3)
    picture(dialog, "dialog.png")
    press(dialog, "Return")
    gimp.receive()
    expect(channels(), 24, "the number of channels after the dialog")
    name = gimp.call(f"(car (gimp-item-get-name (vector-ref (cadr (gimp-image-get-channels {image})) 0)))")
    expect(name.strip('"'), "#aacde6 66.95 %", "the first channel's name")
    # For the picture: the selection that the third channel makes, and the list from its top.
    channel = f"(vector-ref (cadr (gimp-image-get-channels {image})) "
    gimp.call(f"(gimp-image-select-item {image} CHANNEL-OP-REPLACE {channel} 2))")
    gimp.call(f"(gimp-image-set-active-channel {image} {channel} 0))")
    gimp.call("(gimp-displays-flush)")
    press(main, "shift+ctrl+j")
    time.sleep(3)
    picture(main, "channels.png")

    # The dialog's settings are kept.
    gimp.call(f"(gimp-selection-none {image})")
    gimp.call(f"(plug-in-ctm-color-map-to-masks RUN-WITH-LAST-VALS {image} {layer} 0 0 0 0 0)")
    expect(channels(), 48, "the number of channels after the same settings again")
    gimp.call(f"(gimp-display-delete {display})")
    gimp.send("(gimp-quit TRUE)")
    print("gimp: dialog, cancel, undo and redo in a window: all as expected")


def main():
    (PROFILE / "sessionrc").write_text((ROOT / "plugins/gimp/tests/sessionrc").read_text())
    reader, writer = os.pipe()
    log = open(OUT / "window.log", "w")
    started = []
    try:
        started.append(subprocess.Popen(["Xvfb", "-displayfd", str(writer), "-screen", "0", "1180x700x24", "-nolisten", "tcp"],
                                        pass_fds=[writer], stdout=log, stderr=log))
        os.close(writer)
        os.environ["DISPLAY"] = ":" + os.read(reader, 16).decode().strip()
        started.append(subprocess.Popen(["openbox", "--sm-disable"], stdout=log, stderr=log))
        port = free_port()
        server = f'(plug-in-script-fu-server RUN-NONINTERACTIVE "127.0.0.1" {port} "{OUT}/server.log")'
        started.append(subprocess.Popen(["gimp-2.10", "--new-instance", "--no-splash", "--no-data", "--stack-trace-mode=never",
                                         "--batch-interpreter=plug-in-script-fu-eval", "-b", server],
                                        stdout=log, stderr=log, stdin=subprocess.DEVNULL))
        use(Gimp(port))
        started[-1].wait(PATIENCE)
    finally:
        for process in reversed(started):
            process.terminate()
        for process in started:
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()


main()
