"""Does what its payload says."""
import os
import sys
import time

sys.path.insert(0, os.environ["CLIENT"])
from bootstrap_process import Job

job = Job()
kind = job.payload["kind"]
if kind == "double":
    job.progress("half")
    job.log("doubling")
    job.complete(job.payload["number"] * 2)
    job.process.close()
elif kind == "trace":
    job.complete(job.traceparent)
    job.process.close()
elif kind == "raise":
    with job:
        raise ValueError("no luck at attempt %d" % job.attempt)
elif kind == "never":
    job.fail("it never works", retry=False)
elif kind == "exit":
    sys.exit(job.payload["number"])
elif kind == "wait":
    open(job.payload["file"], "a").write("%d\n" % os.getpid())
    while not job.cancelled.wait(0.01) and not job.process.stopping.is_set():
        if os.path.exists(job.payload["file"] + ".go"):
            job.complete("went on")
            job.process.close()
            sys.exit(0)
    open(job.payload["file"], "a").write("told\n")
elif kind == "hang":
    open(job.payload["file"], "a").write("%d\n" % os.getpid())
    time.sleep(1000)
elif kind == "odd":
    job.process.emit("weather", "rain")
    job.process.flush()
    time.sleep(1000)
