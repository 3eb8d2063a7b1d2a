"""Steps that move files: upload into a field, download into artifacts. Files live in the task's own folder only."""

from __future__ import annotations

import base64
import binascii
import logging
import os
import re
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

from django.conf import settings

from agency import db
from tasks import artifacts
from tasks.errors import NotFound
from tasks.executors.browser import effects, locating
from tasks.executors.browser.devtools import DevTools, DevToolsError
from tasks.executors.browser.driver import DRIVER_ERRORS, ask
from tasks.executors.browser.errors import SessionBroken, StepFailed, StepTimedOut
from tasks.executors.browser.navigation import check_address
from tasks.executors.browser.run import Run
from tasks.executors.browser.step_config import Download, Upload
from tasks.executors.browser.steps.registry import performs

logger = logging.getLogger(__name__)

_UNSAFE = re.compile(r"[^\w.\- ()]+")
_IS_FOR_FILES = "const el = arguments[0]; return el.tagName === 'INPUT' && el.type === 'file'"


@performs("upload")
def upload(run: Run, step: Upload) -> dict[str, Any]:
    """Gives a file to a file field."""
    if run.session.folder is None:
        raise StepFailed("files can be given to a local browser only", heals=False)
    name, data = _upload_data(run, step)
    element, told = run.target(step, "upload")
    if not ask(run.driver.execute_script, _IS_FOR_FILES, element):
        raise StepFailed("the element is no field for files", heals=False)
    path = Path(mkdtemp(dir=run.session.folder / "uploads")) / safe_name(step.file_name or name)
    path.write_bytes(data)
    path.parent.chmod(0o755)
    path.chmod(0o644)
    ask(element.send_keys, str(path))
    return told | {"file": path.name, "bytes": len(data)}


@performs("download")
def download(run: Run, step: Download) -> dict[str, Any]:
    """Allows one download for the length of the step, waits for it, and keeps it."""
    devtools, home = run.session.devtools, run.session.folder
    if devtools is None or home is None:
        raise StepFailed("files can be downloaded with a local browser only", heals=False)
    folder = home / "downloads"
    _allow(devtools, run.session.context, folder)
    try:
        _start(run, step)
        guid, name = _finished(run, devtools, folder)
        data = _read(folder / guid)
    finally:
        _deny(devtools, run.session.context)
        _clear(devtools, folder)
    return {"download": run.keep(safe_name(step.file_name or name), "application/octet-stream", data)}


def safe_name(name: str) -> str:
    """A file name without folders, controls or leading dots."""
    last = name.replace("\\", "/").rpartition("/")[2]
    return _UNSAFE.sub("_", last).lstrip("._ ")[:120] or "file"


def _read(file: Path) -> bytes:
    """The folder is the browser's own: what lies there as a link leads elsewhere and is not followed."""
    with open(os.open(file, os.O_RDONLY | os.O_NOFOLLOW), "rb") as opened:
        return opened.read()


def _upload_data(run: Run, step: Upload) -> tuple[str, bytes]:
    """The file's own name and its bytes. Raises StepFailed."""
    if step.artifact is not None:
        try:
            return artifacts.read_for(step.artifact, run.ctx.task)
        except (NotFound, OSError) as error:
            raise StepFailed(f"artifact {step.artifact} is not there for this task", heals=False) from error
        finally:
            db.release()
    if step.text is not None:
        return "upload.txt", step.text.encode()
    try:
        return "upload.txt", base64.b64decode(step.base64 or "", validate=True)
    except (binascii.Error, ValueError) as error:
        raise StepFailed("base64 is not valid", heals=False) from error


def _start(run: Run, step: Download) -> None:
    if step.url:
        check_address(step.url)
        try:
            run.driver.get(step.url)
        except DRIVER_ERRORS:
            # A navigation that turns into a download is aborted: that is how it should be.
            return
        return
    if step.selector:
        element = locating.wait_for(run.driver, step.selector, run.left(), run.pause)
    else:
        element, _ = run.seek(step.instruction or "", run.left(), run.index)
    effects.watch(run)
    ask(element.click)


def _finished(run: Run, devtools: DevTools, folder: Path) -> tuple[str, str]:
    """Waits for the download's events. Raises StepTimedOut, StepFailed when it is too large or was cancelled.

    One file comes: others that the page starts meanwhile are cancelled.
    """
    guid, name = "", "file"
    while True:
        for event in _events(devtools):
            params = event.get("params", {})
            if event["method"] == "Browser.downloadWillBegin":
                if guid:
                    _cancel(devtools, str(params["guid"]), folder)
                else:
                    guid, name = str(params["guid"]), str(params.get("suggestedFilename", "file"))
            elif params.get("guid") == guid and _is_complete(params, devtools, folder):
                return guid, name
        if run.left() <= 0:
            _cancel(devtools, guid, folder)
            raise StepTimedOut("no file came" if not guid else "the file did not come in time")
        run.pause(0.1)


def _is_complete(progress: dict[str, Any], devtools: DevTools, folder: Path) -> bool:
    """Raises StepFailed when the file is too large, or was cancelled."""
    most = settings.BROWSER_DOWNLOAD_MB << 20
    if progress.get("receivedBytes", 0) > most or progress.get("totalBytes", 0) > most:
        _cancel(devtools, str(progress["guid"]), folder)
        raise StepFailed(f"the file has more than {settings.BROWSER_DOWNLOAD_MB} MB", heals=False)
    if progress["state"] == "canceled":
        raise StepFailed("the download was cancelled")
    return bool(progress["state"] == "completed")


def _events(devtools: DevTools) -> list[dict[str, Any]]:
    try:
        devtools.poll()
    except DevToolsError as error:
        raise SessionBroken("the browser no longer answers") from error
    found = [event for event in devtools.events if event["method"].startswith("Browser.download")]
    devtools.events.clear()
    return found


def _allow(devtools: DevTools, context: str, folder: Path) -> None:
    _behave(devtools, context, {"behavior": "allowAndName", "downloadPath": str(folder), "eventsEnabled": True})
    devtools.events.clear()


def _deny(devtools: DevTools, context: str) -> None:
    _behave(devtools, context, {"behavior": "deny", "eventsEnabled": False})


def _behave(devtools: DevTools, context: str, params: dict[str, Any]) -> None:
    try:
        where = {"browserContextId": context} if context else {}
        devtools.call("Browser.setDownloadBehavior", {**where, **params})
    except DevToolsError as error:
        raise SessionBroken("the browser no longer answers") from error


def _clear(devtools: DevTools, folder: Path) -> None:
    """Ends what the page began besides, and leaves the folder empty."""
    for event in _events(devtools):
        if event["method"] == "Browser.downloadWillBegin":
            _cancel(devtools, str(event["params"]["guid"]), folder)
    for file in folder.iterdir():
        file.unlink(missing_ok=True)


def _cancel(devtools: DevTools, guid: str, folder: Path) -> None:
    if not guid:
        return
    try:
        devtools.call("Browser.cancelDownload", {"guid": guid})
    except DevToolsError as error:
        logger.info("a download was not cancelled: %s", error)
    (folder / guid).unlink(missing_ok=True)
