"""Executors of the drill, brought in as a third party's would be: by entry point, from a folder on PYTHONPATH."""

from __future__ import annotations

from pathlib import Path

CODE = '''
import os
import time

from tasks.executors.base import Config, Executor, Preview, Success


class Nothing(Config):
    """No settings."""


class Poison(Executor):
    """Ends its worker, every time."""

    type = "drill_poison"
    label = "Poison"
    Config = Nothing

    def run(self, config, ctx):
        os._exit(9)

    def preview(self, config):
        return Preview("Ends its worker")


class Hang(Executor):
    """Never looks at its deadline."""

    type = "drill_hang"
    label = "Hang"
    Config = Nothing
    default_timeout_s = 2.0

    def run(self, config, ctx):
        time.sleep(12)
        return Success("late")

    def preview(self, config):
        return Preview("Hangs")
'''
ENTRY_POINTS = "[agency.executors]\ndrill_poison = drill_plugin:Poison\ndrill_hang = drill_plugin:Hang\n"
METADATA = "Metadata-Version: 2.1\nName: drill-plugin\nVersion: 1.0\n"


def install(folder: Path) -> Path:
    """Writes the package as pip would leave it; returns what belongs on PYTHONPATH."""
    place = folder / "plugins"
    info = place / "drill_plugin-1.0.dist-info"
    info.mkdir(parents=True)
    (place / "drill_plugin.py").write_text(CODE)
    (info / "entry_points.txt").write_text(ENTRY_POINTS)
    (info / "METADATA").write_text(METADATA)
    return place
