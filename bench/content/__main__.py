"""``python -m bench.content``: files made by the programs that are here, through a live gateway, to a model of words.

It says of each file whether its row 7 of page 3 reached the model and how long that took, what a conversion does to
others' latency, and what the server weighs before and after. Uses soffice, pandoc, convert (ImageMagick), ffmpeg,
espeak-ng and tesseract where they are installed; nothing outside this machine is asked.
"""

import base64
import json
import multiprocessing
import os
import shutil
import statistics
import subprocess
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

from tests.content import samples
from tests.content.bodies import PROTOCOLS
from tests.content.live import gateway
from tests.fakes import FakeProvider, say


def memory(pid: int) -> float:
    """Return the megabytes of a process's children, its workers."""
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    kilobytes = 0
    for child in children:
        rows = dict(line.split(":", 1) for line in Path(f"/proc/{child}/status").read_text().splitlines())
        kilobytes += int(rows["VmRSS"].split()[0])
    return kilobytes / 1024


def post(url: str, path: str, body: object, headers: dict[str, str] | None = None) -> tuple[int, dict[str, str], str]:
    """Return status, headers and text of an answer."""
    data = json.dumps(body).encode()
    asked = urllib.request.Request(url + path, data, {"Content-Type": "application/json", **(headers or {})})
    try:
        with urllib.request.urlopen(asked, timeout=300) as answer:
            return answer.status, dict(answer.headers), answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, dict(error.headers), error.read().decode()


def made(folder: Path) -> Iterator[tuple[str, bytes]]:
    """Yield files that other programs make of the same tables."""
    for name, make in samples.DOCUMENTS.items():
        if name != "towns.zip":
            yield name, make()
    (folder / "towns.html").write_bytes(samples.html())
    (folder / "towns.csv").write_bytes(samples.csv())
    (folder / "towns.docx").write_bytes(samples.docx())
    (folder / "towns.pptx").write_bytes(samples.pptx())
    (folder / "towns.xlsx").write_bytes(samples.xlsx())
    office = shutil.which("soffice")
    kinds = {
        "towns.docx": ("odt", "pdf", "rtf", "doc"),
        "towns.xlsx": ("ods", "xls", "pdf"),
        "towns.pptx": ("odp", "pdf"),
    }
    for source, targets in kinds.items() if office else ():
        for target in targets:
            out = folder / f"soffice-{source.partition('.')[2]}"
            words = [str(office), "--headless", "--convert-to", target, "--outdir", str(out), str(folder / source)]
            subprocess.run(words, capture_output=True, check=False, env=os.environ | {"HOME": str(folder)})
            path = out / f"towns.{target}"
            if path.exists():
                yield f"soffice-{source.partition('.')[2]}.{target}", path.read_bytes()
    for target in ("docx", "odt", "epub", "rtf", "pptx", "ipynb", "markdown") if shutil.which("pandoc") else ():
        path = folder / f"pandoc.{target}"
        words = ["pandoc", "-s", str(folder / "towns.html"), "-o", str(path)]
        if subprocess.run(words, capture_output=True, check=False).returncode == 0:
            yield path.name, path.read_bytes()
    yield from pictures(folder)


def pictures(folder: Path) -> Iterator[tuple[str, bytes]]:
    """Yield pictures and a scan of the third page, a voice note and a film."""
    (folder / "page.png").write_bytes(samples.page_picture(3, (1654, 2339)))
    for target in ("jpg", "webp", "tiff", "gif", "bmp", "pdf") if shutil.which("convert") else ():
        path = folder / f"convert.{target}"
        words = ["convert", str(folder / "page.png"), *(["-density", "200"] if target == "pdf" else []), str(path)]
        if subprocess.run(words, capture_output=True, check=False).returncode == 0:
            yield path.name, path.read_bytes()
    yield "scan.pdf", samples.scanned_pdf()
    if shutil.which("ffmpeg"):
        path = folder / "film.mp4"
        words = ["-loop", "1", "-t", "4", "-i", str(folder / "page.png"), "-vf", "scale=1240:-2", "-r", "5", str(path)]
        subprocess.run(["ffmpeg", "-loglevel", "error", *words], check=False)
        yield path.name, path.read_bytes()


def read_all(url: str, provider: FakeProvider, folder: Path) -> None:
    """Print of each file whether what it says reached the model."""
    print(f"{'file':24} {'bytes':>9} {'first s':>8} {'again s':>8}  reached  converted")
    for name, data in made(folder):
        mime = "image/png" if name.endswith((".jpg", ".webp", ".tiff", ".gif", ".bmp")) else "application/octet-stream"
        mime = "video/mp4" if name.endswith(".mp4") else mime
        times = []
        for _ in range(2):
            provider.will(say("read"))
            path, body, headers = PROTOCOLS["openai"]("acme/blind", name, mime, data)
            started = time.monotonic()
            status, told, text = post(url, path, body, headers)
            times.append(time.monotonic() - started)
        sent = json.dumps(provider.requests[-1].json) if status == 200 else text[:200]
        reached = "yes" if status == 200 and samples.ANSWER in sent else "NO"
        converted = told.get("X-Wallas-Converted", text[:120])
        print(f"{name:24} {len(data):9} {times[0]:8.2f} {times[1]:8.3f}  {reached:7}  {converted[:110]}", flush=True)
        provider.requests.clear()


def latency(url: str, provider: FakeProvider, *, files: int) -> list[float]:
    """Return the milliseconds of small requests while so many large PDFs are being read."""
    loads = [multiprocessing.Process(target=heavy, args=(url,), daemon=True) for _ in range(files)]
    for load in loads:
        load.start()
    time.sleep(2.0 if files else 0.0)
    times = []
    body = {"model": "acme/blind", "messages": [{"role": "user", "content": "Hi"}]}
    for _ in range(200):
        provider.will(say("ok"))
        started = time.monotonic()
        post(url, "/v1/chat/completions", body)
        times.append((time.monotonic() - started) * 1000)
        time.sleep(0.005)
    for load in loads:
        load.terminate()
        load.join()
    return times


def heavy(url: str) -> None:
    """Have large PDFs converted, one after the other, none of them twice; in a process of its own."""
    data = samples.pdf(120, 30)
    while True:
        body = {"file": base64.b64encode(data + b"%" + os.urandom(8).hex().encode()).decode(), "filename": "x.pdf"}
        post(url, "/v1/files/convert", body)


def main() -> None:
    """Run everything."""
    with tempfile.TemporaryDirectory(prefix="wallas-bench-") as place, FakeProvider() as provider:
        folder = Path(place)
        with gateway(folder, provider) as (url, pid):
            post(url, "/v1/chat/completions", {"model": "acme/blind", "messages": [{"role": "user", "content": "Hi"}]})
            at_rest = memory(pid)
            for files in (0, 2):
                times = latency(url, provider, files=files)
                p99 = sorted(times)[int(len(times) * 0.99)]
                print(
                    f"{files} PDFs being read: small requests take {statistics.median(times):.2f} ms, p99 {p99:.2f} ms"
                )
            read_all(url, provider, folder)
            print(f"workers: {at_rest:.1f} MB before the first file, {memory(pid):.1f} MB after all of them")


if __name__ == "__main__":
    main()
