"""The queue: carries hints to workers over Redis, and is the only importer of rq and redis.

A hint is the id of a mailbox and nothing else; what to send stands in the database, so a lost hint costs time, never
a mail. Whatever else stands in Redis is not trusted: only one function is ever called, and Redis cannot name it.
"""

from __future__ import annotations

import json
import logging
import os
import re
import signal
import socket
import time
import zlib
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry
from rq import Queue as RqQueue
from rq import Worker as RqWorker
from rq.exceptions import NoSuchJobError
from rq.intermediate_queue import IntermediateQueue
from rq.job import Job, JobStatus
from rq.serializers import JSONSerializer

from workers import processes
from workflow.errors import StartError
from workflow.ids import is_id

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from types import FrameType

QUEUE = "sends"
FUNCTION = "workers.jobs.drain"
JOB_TIMEOUT_S = 900
_HINT_TIMEOUT_S = 0.5
_FAILURE_TTL_S = 3_600
_WORKER_TTL_S = 60
_JOB_ID = re.compile(rb"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_LARGEST_PAYLOAD = 1_024
_LOG = logging.getLogger(__name__)


class Queue:
    """Where the clock leaves hints. Never raises on trouble with Redis: a hint that was not left is left again."""

    def __init__(self, redis_url: str) -> None:
        """Raises StartError for an address that no client understands. Connects only when used."""
        self._redis = _client(redis_url, timeout_s=_HINT_TIMEOUT_S)
        self._queue = RqQueue(QUEUE, connection=self._redis, serializer=JSONSerializer, job_class=SafeJob)

    def hint(self, mailbox_id: str) -> bool:
        """Tell some worker that this mailbox has claimed mail. False when Redis did not take it within a second."""
        if not is_id(mailbox_id):
            message = "a hint carries the id of a mailbox"
            raise ValueError(message)
        try:
            self._queue.enqueue_call(
                FUNCTION,
                args=(mailbox_id,),
                # A fresh id for each hint: two hints under one id would share one record, and one would be lost.
                job_id=str(uuid4()),
                timeout=JOB_TIMEOUT_S,
                result_ttl=0,
                failure_ttl=_FAILURE_TTL_S,
                description="hint",
            )
        except (redis.RedisError, OSError) as error:
            _LOG.debug("no hint: %s", type(error).__name__)
            return False
        return True

    def ping(self) -> bool:
        """Whether Redis answers just now."""
        try:
            return bool(self._redis.ping())
        except (redis.RedisError, OSError):
            return False

    def waiting(self) -> int:
        """How many hints nobody has taken yet; 0 when Redis does not say."""
        try:
            return int(self._queue.count)
        except (redis.RedisError, OSError):
            return 0

    def next(self) -> str:
        """The id of the hint that is taken next; "" when there is none, or Redis does not say."""
        try:
            found = self._redis.lindex(self._queue.key, 0)
        except (redis.RedisError, OSError):
            return ""
        return found.decode("ascii", "replace") if isinstance(found, bytes) else found or ""

    def close(self) -> None:
        """Give the connections back."""
        self._redis.close()


class SafeJob(Job):
    """A job of which only the mailbox id is believed.

    RQ would import and call whatever name stands in Redis, and call back to addresses found there (callbacks,
    webhooks, retries). Here all of that is left unread, and the function comes from the worker's own start.
    """

    drain: Callable[[str], None] | None = None

    @property
    def func(self) -> Callable[[str], None] | None:
        """The one function a job may call."""
        return type(self).drain

    @property
    def success_callback(self) -> None:
        """None: nothing in Redis is called back."""
        return

    @property
    def failure_callback(self) -> None:
        """None: nothing in Redis is called back."""
        return

    @property
    def stopped_callback(self) -> None:
        """None: nothing in Redis is called back."""
        return

    def send_webhooks(self, status: str | JobStatus, *, exc_string: str | None = None) -> None:
        """Send nothing: Redis names no address of ours."""

    @classmethod
    def fetch(cls, id: str, connection: redis.Redis | None = None, serializer: object = None) -> Job:  # noqa: A002
        """The job of that id. Raises NoSuchJobError for what is no hint, so that a worker passes it by."""
        try:
            return super().fetch(id, connection=connection, serializer=serializer)
        except ValueError as error:
            raise NoSuchJobError(str(error)) from error

    def restore(self, raw_data: Mapping[bytes, bytes]) -> None:
        """Take the mailbox id from the record and nothing else. What is no hint is removed and reported as missing."""
        mailbox = _mailbox_in(raw_data.get(b"data", b""))
        if mailbox is None:
            self.connection.delete(self.key)
            _LOG.warning("a job that is no hint was refused and removed from the queue")
            raise NoSuchJobError(self.id)
        self.data = json.dumps((FUNCTION, None, [mailbox], {})).encode()
        self.origin = QUEUE
        self.description = "hint"
        self.timeout = JOB_TIMEOUT_S
        self.result_ttl = 0
        self.failure_ttl = _FAILURE_TTL_S
        self._status = JobStatus.STARTED if raw_data.get(b"status") == b"started" else JobStatus.QUEUED


class SafeQueue(RqQueue):
    """A queue that passes over ids which are none of ours."""

    @classmethod
    def lmove(cls, connection: redis.Redis, queue_key: str, timeout: int | None) -> tuple[str, bytes] | None:
        """The next job id. One of another form is taken off and replaced by an id that no job has."""
        result: tuple[str, bytes] | None = super().lmove(connection, queue_key, timeout)
        if result is None or _JOB_ID.fullmatch(result[1]):
            return result
        connection.lrem(IntermediateQueue.get_intermediate_queue_key(queue_key), 1, result[1])  # type: ignore[arg-type]
        return result[0], str(uuid4()).encode()


class _Worker(RqWorker):
    """RQ's forking worker without its remote control: no commands over Redis, no suspension, no thread."""

    log_result_lifespan = False
    max_connection_wait_time = 4.0
    after_fork: Callable[[], None]
    asked_to_stop = False

    def subscribe(self) -> None:
        """No channel for commands: whoever can write to Redis does not steer workers."""

    def unsubscribe(self) -> None:
        """Nothing to leave."""

    def check_for_suspension(self, burst: bool) -> None:  # noqa: FBT001 - the signature of RQ
        """Never suspended from Redis; outreach is paused in the database."""

    def clean_group_registries(self) -> None:
        """We keep no groups of jobs."""

    def request_stop(self, signum: int, frame: FrameType | None) -> None:
        """The first signal: finish the mail in hand, then leave."""
        self.asked_to_stop = True
        super().request_stop(signum, frame)  # type: ignore[no-untyped-call]

    def handle_warm_shutdown_request(self) -> None:
        """Let the work-horse know, so that it begins no further mail."""
        if self.horse_pid:
            try:
                os.kill(self.horse_pid, signal.SIGTERM)
            except ProcessLookupError:
                return

    def setup_work_horse_signals(self) -> None:
        """In the work-horse a signal only asks it to end after the mail in hand."""
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        signal.signal(signal.SIGTERM, _ask_to_stop)

    def main_work_horse(self, job: Job, queue: RqQueue) -> None:
        """The life of a work-horse. It must not outlive its worker: nobody would know what it is sending."""
        processes.die_with_parent(signal.SIGKILL, self.pid or 0)
        self.after_fork()
        super().main_work_horse(job, queue)


class _Stop:
    """Whether this work-horse was asked to stop; set by a signal, read between two mails."""

    asked = False


def stop_asked() -> bool:
    """Whether the running job should begin no further mail."""
    return _Stop.asked


def run_worker(
    redis_url: str, name: str, drain: Callable[[str], None], after_fork: Callable[[], None], *, burst: bool = False
) -> int:
    """Work on hints until SIGTERM; the exit code for the process (0 when asked to stop, 1 when Redis gave up).

    With `burst` it ends when no hint is left.

    `drain` gets the id of a mailbox, in a process of its own in which `after_fork` was called first.
    """
    connection = _client(redis_url, timeout_s=_WORKER_TTL_S)
    _quiet_logs()
    _await_redis(connection)
    worker: _Worker | None = None
    try:
        worker = _Worker(
            [QUEUE],
            # RQ refuses a name that a dead worker left behind, so that each start has its own.
            name=f"{name}-{uuid4().hex[:12]}",
            connection=connection,
            serializer=JSONSerializer,
            job_class=type("Hint", (SafeJob,), {"drain": staticmethod(drain)}),
            queue_class=SafeQueue,
            worker_ttl=_WORKER_TTL_S,
            job_monitoring_interval=10,
            maintenance_interval=30,
            log_job_description=False,
        )
        worker.after_fork = after_fork
        worker.work(burst=burst, logging_level=None)
    except (redis.RedisError, OSError) as error:
        _LOG.warning("Redis went away (%s); this worker starts anew", type(error).__name__)
    return 0 if worker is not None and worker.asked_to_stop else 1


def _client(redis_url: str, *, timeout_s: float) -> redis.Redis:
    options: dict[str, Any] = {}
    user_timeout = getattr(socket, "TCP_USER_TIMEOUT", None)
    if user_timeout is not None and not redis_url.startswith("unix:"):
        options["socket_keepalive_options"] = {user_timeout: 20_000}
    try:
        return redis.Redis.from_url(
            redis_url,
            socket_timeout=timeout_s,
            socket_connect_timeout=min(timeout_s, 5.0),
            health_check_interval=15,
            # A second try would double the time for which a hanging Redis holds up the clock.
            retry=Retry(NoBackoff(), 0),
            **options,
        )
    except ValueError as error:
        message = "ONWARD_REDIS_URL cannot be read: write redis://…, rediss://… or unix://…, with numbers as numbers."
        raise StartError(message) from error


def _mailbox_in(data: bytes) -> str | None:
    """The mailbox id in a job's payload, None for anything that is not exactly a hint."""
    try:
        if len(data) > _LARGEST_PAYLOAD:
            return None
        unpacked = zlib.decompressobj()
        text = unpacked.decompress(data, _LARGEST_PAYLOAD)
        name, instance, args, kwargs = json.loads(text)
        (mailbox,) = args
    except (ValueError, TypeError, zlib.error, RecursionError):
        return None
    fits = name == FUNCTION and instance is None and kwargs == {} and isinstance(mailbox, str) and is_id(mailbox)
    return mailbox if fits else None


def _await_redis(connection: redis.Redis) -> None:
    told = False
    while True:
        try:
            connection.ping()
        except (redis.RedisError, OSError) as error:
            if not told:
                _LOG.warning("waiting for Redis (%s)", type(error).__name__)
            told = True
            time.sleep(1.0)
        else:
            return


def _ask_to_stop(_number: int, _frame: FrameType | None) -> None:
    _Stop.asked = True


class _NoAddress(logging.Filter):
    """Keeps the address of Redis, and its password, out of the log: client errors carry both."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Name the kind of error instead of quoting it."""
        if isinstance(record.args, tuple):
            record.args = tuple(type(arg).__name__ if isinstance(arg, Exception) else arg for arg in record.args)
        if record.exc_info and isinstance(record.exc_info[1], redis.RedisError | OSError):
            record.msg, record.args = f"{record.getMessage()} ({type(record.exc_info[1]).__name__})", ()
            record.exc_info = None
        return True


def _quiet_logs() -> None:
    for name in ("rq.worker", "rq.job", "rq.registry"):
        logger = logging.getLogger(name)
        logger.setLevel(logging.WARNING)
        logger.addFilter(_NoAddress())
