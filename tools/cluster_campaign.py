"""Kill a Dask worker in the middle of a batch; every output must be there, whole, and as one machine makes it.

    python tools/cluster_campaign.py [--files 300] [--workers 2] [--s3] [--model MODEL]

Scheduler and workers are separate processes on this machine. With --s3 inputs and outputs are objects of an S3
store that moto serves on the loopback (needs s3fs and moto[server]); otherwise files. Exit code 1 if an output is
missing, partial or differs.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from common import aezip, parser
from kill_campaign import draw


def start(*args: str) -> subprocess.Popen[bytes]:
    return subprocess.Popen([sys.executable, "-m", *args], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def serve_s3(folder: Path) -> tuple[subprocess.Popen[bytes], str]:
    """A store with the inputs in it; the environment tells the workers where it is."""
    import fsspec

    port = "5555"
    server = start("moto.server", "-H", "127.0.0.1", "-p", port)
    os.environ |= {
        "AWS_ENDPOINT_URL": f"http://127.0.0.1:{port}",
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_DEFAULT_REGION": "us-east-1",
    }
    for _ in range(60):
        time.sleep(0.5)
        try:
            store = fsspec.filesystem("s3", skip_instance_cache=True)
            store.mkdir("pictures")
            break
        except Exception:
            continue
    store.put(f"{folder}/", "pictures/in/", recursive=True)
    return server, "s3://pictures"


def main() -> int:
    options = parser(__doc__, files=300, workers=2, s3=False, model="photo").parse_args()
    processes = []
    with tempfile.TemporaryDirectory() as work:
        root, place = Path(work), work
        draw(root / "in", options.files)
        try:
            if options.s3:
                server, place = serve_s3(root / "in")
                processes.append(server)
            model = ("-m", options.model, "--threads", "1", "--quiet")
            subprocess.run(aezip("compress", f"{root}/in", "-o", f"{root}/whole", *model), check=True)
            address = "tcp://127.0.0.1:8799"
            processes.append(
                start("distributed.cli.dask_scheduler", "--host", "127.0.0.1", "--port", "8799", "--no-dashboard")
            )
            workers = [
                start("distributed.cli.dask_worker", address, "--nthreads", "1", "--no-nanny", "--no-dashboard")
                for _ in range(options.workers)
            ]
            processes += workers
            batch = subprocess.Popen(
                aezip("compress", f"{place}/in", "-o", f"{place}/out", "--scheduler", address, "--json-lines", *model),
                stdout=subprocess.PIPE,
            )
            assert batch.stdout
            for done, _ in enumerate(batch.stdout, 1):
                if done == options.files // 3:
                    workers[0].kill()
                    print(f"a worker killed after {done} files", flush=True)
            code = batch.wait()
            return check(root, place, options.files, code)
        finally:
            for process in processes:
                process.kill()
                process.wait()


def check(root: Path, place: str, files: int, code: int) -> int:
    import fsspec

    fs, path = fsspec.core.url_to_fs(f"{place}/out")
    found = {name.rpartition("/")[2]: fs.cat_file(name) for name in fs.find(path)}
    wanted = {p.name: p.read_bytes() for p in (root / "whole").iterdir()}
    differ = sum(data != wanted.get(name) for name, data in found.items())
    print(f"exit code {code}; {len(found)} of {files} outputs, {differ} of them differ from one machine's")
    return int(code != 0 or differ != 0 or sorted(found) != sorted(wanted))


if __name__ == "__main__":
    sys.exit(main())
